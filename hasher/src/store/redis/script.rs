//! Scripts: sent by their digest, and as text when a node does not know it, which is so after every
//! restart and for every promoted replica.
//!
//! Never `SCRIPT LOAD`: the client sends it to all nodes and fails when one replica is down
//! (lettuce#2853). The text goes to the slot's own primary, with the call itself.

use std::sync::LazyLock;

use redis::Cmd;

/// Keeps a new session.
pub(super) static CREATE_SESSION: LazyLock<Script> =
    LazyLock::new(|| Script::of(include_str!("scripts/create_session.lua")));

/// Gives a session back and touches it.
pub(super) static INTROSPECT_SESSION: LazyLock<Script> =
    LazyLock::new(|| Script::of(include_str!("scripts/introspect_session.lua")));

/// Ends a session.
pub(super) static REVOKE_SESSION: LazyLock<Script> =
    LazyLock::new(|| Script::of(include_str!("scripts/revoke_session.lua")));

/// A script over one key.
pub(super) struct Script {
    text: &'static str,
    digest: String,
}

impl Script {
    fn of(text: &'static str) -> Self {
        Self { text, digest: redis::Script::new(text).get_hash().to_owned() }
    }

    /// The call for a node that knows the script.
    pub(super) fn by_digest(&self, key: &str, arguments: &[&str]) -> Cmd {
        call("EVALSHA", &self.digest, key, arguments)
    }

    /// The call for one that does not; it does from then on.
    pub(super) fn by_text(&self, key: &str, arguments: &[&str]) -> Cmd {
        call("EVAL", self.text, key, arguments)
    }
}

fn call(command: &str, script: &str, key: &str, arguments: &[&str]) -> Cmd {
    let mut call = redis::cmd(command);
    call.arg(script).arg(1).arg(key).arg(arguments);
    call
}
