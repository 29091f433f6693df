//! HTTP/2 of an attacker: 200 requests at once that withhold their bodies, in spite of the pod's settings (RFC 9113). Answers to PING and SETTINGS keep the connection alive.

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

/// Requests of one connection.
const STREAMS: u32 = 200;

/// The part of each body that is sent. All parts together fill the window that every connection begins with.
const BODY: &[u8] = &[b' '; 300];

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

// Types of frames (RFC 9113, section 6) and their flags.
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const ACK: u8 = 1;
const END_HEADERS: u8 = 4;

/// Sends all requests, and goes on until the pod closes the connection.
pub(super) async fn withhold(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
) -> std::io::Result<()> {
    stream.write_all(&requests()).await?;
    stream.flush().await?;
    loop {
        let mut head = [0; 9];
        stream.read_exact(&mut head).await?;
        let [high, middle, low, kind, flags, ..] = head;
        let length = u32::from_be_bytes([0, high, middle, low]) as usize;
        let mut payload = vec![0; length];
        stream.read_exact(&mut payload).await?;
        let answer = match (kind, flags & ACK) {
            (SETTINGS, 0) => frame(SETTINGS, ACK, 0, &[]),
            (PING, 0) => frame(PING, ACK, 0, &payload),
            _ => continue,
        };
        stream.write_all(&answer).await?;
        stream.flush().await?;
    }
}

/// The preface, and the head of each request with a part of its body.
fn requests() -> Vec<u8> {
    let mut bytes = [PREFACE, &frame(SETTINGS, 0, 0, &[])].concat();
    let fields = fields();
    for stream in (1..).step_by(2).take(STREAMS as usize) {
        bytes.extend(frame(HEADERS, END_HEADERS, stream, &fields));
        bytes.extend(frame(DATA, 0, stream, BODY));
    }
    bytes
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap_or(0).to_be_bytes();
    let mut frame = length[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// The head of a request in HPACK (RFC 7541): names from the static table, values as they are.
fn fields() -> Vec<u8> {
    // `:method: POST` and `:scheme: https` are entries of the static table.
    let mut fields = vec![0x83, 0x87];
    // Literals without indexing; a name above 14 takes a second byte.
    let literals: [(&[u8], &str); 4] = [
        (&[0x04], "/v1/hash"),
        (&[0x01], "127.0.0.1"),
        (&[0x0f, 31 - 15], "application/json"),
        (&[0x0f, 28 - 15], "60000"),
    ];
    for (name, value) in literals {
        fields.extend(name);
        fields.push(u8::try_from(value.len()).unwrap_or(0));
        fields.extend(value.as_bytes());
    }
    fields
}
