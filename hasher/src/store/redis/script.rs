//! Scripts: sent by their digest, and as text when a node does not know it, which is so after every
//! restart and for every promoted replica.
//!
//! Never `SCRIPT LOAD`: the client sends it to all nodes and fails when one replica is down
//! (lettuce#2853). The text goes to the slot's own primary, with the call itself.
//!
//! All read the time in one way (`scripts/clock.lua`), so that a test can give them another clock and
//! compare them with their twins in `policy`.

use std::sync::LazyLock;

use redis::Cmd;

use super::limits::wire as limits;

/// Keeps a new session.
pub(super) static CREATE_SESSION: LazyLock<Script> =
    LazyLock::new(|| Script::of(include_str!("scripts/create_session.lua")));

/// Gives a session back and touches it.
pub(super) static INTROSPECT_SESSION: LazyLock<Script> =
    LazyLock::new(|| Script::of(include_str!("scripts/introspect_session.lua")));

/// Ends a session.
pub(super) static REVOKE_SESSION: LazyLock<Script> =
    LazyLock::new(|| Script::of(include_str!("scripts/revoke_session.lua")));

/// One attempt at several rates.
pub(super) static RESERVE_RATE: LazyLock<Script> =
    LazyLock::new(|| Script::of(limits::RESERVE_RATE));

/// Gives back what is left of an attempt.
pub(super) static REFUND_RATE: LazyLock<Script> = LazyLock::new(|| Script::of(limits::REFUND_RATE));

/// Whether a user may be tried now; over the known pairs and the failures.
pub(super) static BEGIN_LOGIN: LazyLock<Script> =
    LazyLock::new(|| Script::over_two(limits::BEGIN_LOGIN));

/// The end of an attempt that did not fail; over the known pairs and the failures.
pub(super) static SETTLE_LOGIN: LazyLock<Script> =
    LazyLock::new(|| Script::over_two(limits::SETTLE_LOGIN));

/// Put before every script.
const CLOCK: &str = include_str!("scripts/clock.lua");

/// A script over one key, or over two of one slot.
pub(super) struct Script {
    text: String,
    digest: String,
    keys: usize,
}

impl Script {
    fn of(text: &'static str) -> Self {
        let text = format!("{CLOCK}{text}");
        Self { digest: redis::Script::new(&text).get_hash().to_owned(), text, keys: 1 }
    }

    /// The second key is the first of the arguments.
    fn over_two(text: &'static str) -> Self {
        Self { keys: 2, ..Self::of(text) }
    }

    /// The call for a node that knows the script.
    pub(super) fn by_digest(&self, key: &str, arguments: &[&str]) -> Cmd {
        self.call("EVALSHA", &self.digest, key, arguments)
    }

    /// The call for one that does not; it does from then on.
    pub(super) fn by_text(&self, key: &str, arguments: &[&str]) -> Cmd {
        self.call("EVAL", &self.text, key, arguments)
    }

    fn call(&self, command: &str, script: &str, key: &str, arguments: &[&str]) -> Cmd {
        let mut call = redis::cmd(command);
        call.arg(script).arg(self.keys).arg(key).arg(arguments);
        call
    }
}
