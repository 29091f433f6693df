//! One connection of an attacker, from its connect to its end.

use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::{Attack, World, http2};

/// Time for the kernel to answer a connect. The kernel repeats a dropped one after 1 s and 3 s.
const CONNECT_BOUND: Duration = Duration::from_secs(10);

/// The begin of a TLS record that is never finished.
const PARTIAL_HELLO: &[u8] = &[0x16, 0x03, 0x01, 0x02, 0x00];

/// The head of a request for a hash, without a token.
const HEAD: &[u8] = b"POST /v1/hash HTTP/1.1\r\nhost: 127.0.0.1\r\n\
    content-type: application/json\r\ncontent-length: 60000\r\n\r\n";

/// The part of the body that is sent. The end is withheld.
const BODY: &[u8] = &[b' '; 59_000];

const READ_METRICS: &[u8] =
    b"GET /metrics HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n";

/// How a connection ended.
pub(super) enum End {
    /// The pod closed it.
    Pod,
    /// The attacker did.
    Attacker,
}

/// Opens one connection and attacks by it.
pub(super) async fn attack(world: Rc<World>, number: u64) {
    world.connecting.update(|count| count + 1);
    let connected = tokio::time::timeout(CONNECT_BOUND, connect(&world, number)).await;
    world.connecting.update(|count| count - 1);
    let stream = match connected {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => {
            // The pod has ended, or the machine has no room for the attack.
            let mut seen = world.seen.borrow_mut();
            seen.not_opened += 1;
            seen.trouble.get_or_insert_with(|| format!("connect: {error}"));
            return;
        }
        Err(_) => {
            world.seen.borrow_mut().not_opened += 1;
            return;
        }
    };
    world.entered(number);
    let end = match world.attack {
        Attack::Silent => be_silent(&world, stream, number).await,
        Attack::Bodies => withhold_body(&world, stream).await,
        Attack::Streams => withhold_streams(&world, stream).await,
        Attack::Handshakes => {
            handshake(&world.http1, stream).await.map_or(End::Pod, |_| End::Attacker)
        }
        Attack::Connects if number.is_multiple_of(2) => End::Attacker,
        Attack::Connects => wait_for_end(stream).await,
        Attack::Metrics => read_metrics(&world, stream).await,
    };
    world.left(number);
    if matches!(end, End::Pod) {
        world.seen.borrow_mut().closed += 1;
    }
}

async fn connect(world: &World, number: u64) -> std::io::Result<TcpStream> {
    let target = if world.attack == Attack::Metrics { world.admin } else { world.api };
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::from((world.source.address(number), 0)))?;
    // Ends with a reset, and leaves no port behind that waits.
    socket.set_zero_linger()?;
    socket.connect(target).await
}

/// `None`: the pod closed the connection.
async fn handshake(tls: &Arc<ClientConfig>, stream: TcpStream) -> Option<TlsStream<TcpStream>> {
    let name = ServerName::IpAddress(std::net::Ipv4Addr::LOCALHOST.into());
    TlsConnector::from(Arc::clone(tls)).connect(name, stream).await.ok()
}

/// Reads and discards all answers until the pod closes the connection.
async fn wait_for_end(mut stream: impl AsyncRead + Unpin) -> End {
    let mut buffer = [0; 1024];
    while stream.read(&mut buffer).await.is_ok_and(|read| read > 0) {}
    End::Pod
}

/// Of ten connections one makes its handshake and one begins it; the others never send a byte.
async fn be_silent(world: &World, mut stream: TcpStream, number: u64) -> End {
    match number % 10 {
        0 => match handshake(&world.http1, stream).await {
            Some(stream) => wait_for_end(stream).await,
            None => End::Pod,
        },
        1 => match stream.write_all(PARTIAL_HELLO).await {
            Ok(()) => wait_for_end(stream).await,
            Err(_) => End::Pod,
        },
        _ => wait_for_end(stream).await,
    }
}

async fn withhold_body(world: &World, stream: TcpStream) -> End {
    let Some(mut stream) = handshake(&world.http1, stream).await else { return End::Pod };
    if stream.write_all(HEAD).await.is_err() {
        return End::Pod;
    }
    let (reader, mut writer) = tokio::io::split(stream);
    // A pod that does not read the body lets this wait; its answer is read meanwhile.
    let send = async {
        drop(writer.write_all(BODY).await);
        std::future::pending().await
    };
    tokio::select! {
        end = wait_for_end(reader) => end,
        () = send => End::Attacker,
    }
}

async fn withhold_streams(world: &World, stream: TcpStream) -> End {
    let Some(stream) = handshake(&world.http2, stream).await else { return End::Pod };
    // Ends when the pod closes the connection.
    drop(http2::withhold(stream).await);
    End::Pod
}

async fn read_metrics(world: &World, mut stream: TcpStream) -> End {
    let mut text = Vec::new();
    if stream.write_all(READ_METRICS).await.is_err() || stream.read_to_end(&mut text).await.is_err()
    {
        return End::Pod;
    }
    let status = text.get(9..12).and_then(|digits| std::str::from_utf8(digits).ok());
    if let Some(status) = status.and_then(|digits| digits.parse().ok()) {
        *world.seen.borrow_mut().answers.entry(status).or_default() += 1;
    }
    End::Attacker
}
