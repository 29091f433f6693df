//! A small client of one Redis node: one connection, one command at a time, every wait bounded.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Connecting and each answer may take so long. A node that needs more is taken for absent, as a
/// kubelet takes the probe that asks.
const TIMEOUT: Duration = Duration::from_secs(2);

/// Longest answer that is read, in bytes. `CLUSTER NODES` of 500 nodes is below 100 KiB.
const ANSWER_BYTES_MAX: usize = 4 * 1024 * 1024;

/// A node that did not answer as asked.
#[derive(Debug, thiserror::Error)]
pub enum RespError {
    /// The connection.
    #[error("no answer")]
    Io(#[from] std::io::Error),
    /// An error of the server.
    #[error("refused: {0}")]
    Refused(String),
    /// Something that is no answer to the commands sent here.
    #[error("not understood: {0:?}")]
    Unexpected(String),
}

/// A connection that is logged in.
#[derive(Debug)]
pub struct Node {
    stream: BufReader<TcpStream>,
}

impl Node {
    /// Connects and logs in.
    ///
    /// # Errors
    /// A node that does not answer or refuses the login.
    pub fn connect(address: SocketAddr, user: &str, password: &str) -> Result<Self, RespError> {
        let stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        stream.set_write_timeout(Some(TIMEOUT))?;
        stream.set_nodelay(true)?;
        let mut node = Self { stream: BufReader::new(stream) };
        node.ask(&["AUTH", user, password])?;
        Ok(node)
    }

    /// Sends a command and reads its answer, a line, a number or a text.
    ///
    /// # Errors
    /// A node that does not answer in time, or with an error.
    pub fn ask(&mut self, command: &[&str]) -> Result<String, RespError> {
        let mut request = format!("*{}\r\n", command.len()).into_bytes();
        for word in command {
            request.extend(format!("${}\r\n", word.len()).into_bytes());
            request.extend(word.as_bytes());
            request.extend(b"\r\n");
        }
        self.stream.get_mut().write_all(&request)?;
        let mut line = String::new();
        self.stream.read_line(&mut line)?;
        let line = line.trim_end();
        let unexpected = || RespError::Unexpected(line.chars().take(80).collect());
        let rest = line.get(1..).ok_or_else(unexpected)?;
        match line.as_bytes().first() {
            Some(b'+' | b':') => Ok(rest.to_owned()),
            Some(b'-') => Err(RespError::Refused(rest.to_owned())),
            Some(b'$') => {
                let length: usize = rest.parse().map_err(|_| unexpected())?;
                if length > ANSWER_BYTES_MAX {
                    return Err(unexpected());
                }
                let mut text = vec![0; length + 2];
                self.stream.read_exact(&mut text)?;
                text.truncate(length);
                String::from_utf8(text).map_err(|_| unexpected())
            }
            Some(_) | None => Err(unexpected()),
        }
    }
}

/// The value of `field:value` in a text of such lines, as `INFO` answers.
#[must_use]
pub fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines().find_map(|line| line.trim_end().strip_prefix(name)?.strip_prefix(':'))
}
