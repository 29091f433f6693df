//! Loopback ports for servers that cannot take port 0.
//!
//! Taken from below Linux's range for outgoing connections (32768 and up), so that no client of
//! another test gets one between the look and the server's bind. Two test programs may still pick
//! the same: whoever starts a server checks that it is its own that answers, and tries again.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::Context as _;

const FIRST: u32 = 11_000;
const COUNT: u32 = 21_000;

/// A port of loopback that nobody listens on, and that this process has not handed out lately.
pub(crate) fn free_port() -> anyhow::Result<u16> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    // Test programs that run at once start at different places: 7,919 is prime to the range.
    let start = std::process::id().wrapping_mul(7_919);
    for _ in 0..COUNT {
        let offset = start.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % COUNT;
        let port = u16::try_from(FIRST + offset).context("the range lies below 65536")?;
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return Ok(port);
        }
    }
    anyhow::bail!("no free port on loopback from {FIRST} to {}", FIRST + COUNT - 1)
}
