//! Scripts: sent by their digest, and as text when a node does not know it, which is so after every
//! restart and for every promoted replica.
//!
//! Never `SCRIPT LOAD`: the client sends it to all nodes and fails when one replica is down
//! (lettuce#2853). The text goes to the slot's own primary, with the call itself.
//!
//! All read the time in one way (`scripts/clock.lua`), so that a test can give them another clock and
//! compare them with their twins in `policy`.
//!
//! Scripts that end a session, or keep one usable, run also when Redis is at `maxmemory`: a full Redis
//! must not keep a stolen session alive. They write over what is there, or leave a tombstone or a
//! generation, which is small and ends by itself. A shebang makes Redis refuse keys of other slots
//! too (redis#10615); no script here touches any.

use std::sync::LazyLock;

use redis::Cmd;

use super::limits::wire as limits;
use super::migrations::wire as migrations;
use super::sessions::wire;

/// Keeps a copy of a session.
pub(super) static PUT_SESSION: LazyLock<Script> = LazyLock::new(|| Script::of(wire::PUT_SESSION));

/// Reads a copy of a session, and touches it.
pub(super) static READ_SESSION: LazyLock<Script> =
    LazyLock::new(|| Script::of(wire::READ_SESSION).also_when_full());

/// Ends a copy of a session.
pub(super) static REVOKE_SESSION: LazyLock<Script> =
    LazyLock::new(|| Script::of(wire::REVOKE_SESSION).also_when_full());

/// Lets an id of a session go.
pub(super) static ROTATE_SESSION: LazyLock<Script> =
    LazyLock::new(|| Script::of(wire::ROTATE_SESSION).also_when_full());

/// Enters a session into its user's index; over the generation and the index.
pub(super) static JOIN_USER: LazyLock<Script> = LazyLock::new(|| Script::over_two(wire::JOIN_USER));

/// A user's sessions; over the generation and the index.
pub(super) static LIST_USER: LazyLock<Script> = LazyLock::new(|| Script::over_two(wire::LIST_USER));

/// Makes every session of a user invalid; over the generation and the index.
pub(super) static REPLACE_GENERATION: LazyLock<Script> =
    LazyLock::new(|| Script::over_two(wire::REPLACE_GENERATION).also_when_full());

/// One attempt at several rates.
pub(super) static RESERVE_RATE: LazyLock<Script> =
    LazyLock::new(|| Script::of(limits::RESERVE_RATE));

/// Gives back what is left of an attempt.
pub(super) static REFUND_RATE: LazyLock<Script> =
    LazyLock::new(|| Script::of(limits::REFUND_RATE).also_when_full());

/// A hasher's record.
pub(super) static ANNOUNCE_NODE: LazyLock<Script> =
    LazyLock::new(|| Script::of(ANNOUNCE_NODE_TEXT).also_when_full());

/// A hasher's heartbeat.
pub(super) static NODE_BEAT: LazyLock<Script> =
    LazyLock::new(|| Script::of(NODE_BEAT_TEXT).also_when_full());

/// Whether a user may be tried now; over the known pairs and the failures.
pub(super) static BEGIN_LOGIN: LazyLock<Script> =
    LazyLock::new(|| Script::over_two(limits::BEGIN_LOGIN));

/// The end of an attempt that did not fail; over the known pairs and the failures.
pub(super) static SETTLE_LOGIN: LazyLock<Script> =
    LazyLock::new(|| Script::over_two(limits::SETTLE_LOGIN));

/// Whether a migration may begin; over the lock and the status.
pub(super) static BEGIN_MIGRATION: LazyLock<Script> =
    LazyLock::new(|| Script::over_two(migrations::BEGIN_MIGRATION));

/// A migration was written; over the lock and the status.
pub(super) static COMMIT_MIGRATION: LazyLock<Script> =
    LazyLock::new(|| Script::over_two(migrations::COMMIT_MIGRATION));

/// A migration was given up.
pub(super) static RELEASE_MIGRATION: LazyLock<Script> =
    LazyLock::new(|| Script::of(migrations::RELEASE_MIGRATION));

const ANNOUNCE_NODE_TEXT: &str = include_str!("scripts/announce_node.lua");
const NODE_BEAT_TEXT: &str = include_str!("scripts/node_beat.lua");

/// Lets a script write although Redis is at `maxmemory`. These must be its first bytes.
const ALSO_WHEN_FULL: &str = "#!lua flags=allow-oom\n";

/// Put before every script.
pub(super) const CLOCK: &str = include_str!("scripts/clock.lua");

/// A script over one key, or over two of one slot.
pub(super) struct Script {
    text: String,
    digest: String,
    keys: usize,
}

impl Script {
    fn of(text: &'static str) -> Self {
        Self::composed(format!("{CLOCK}{text}"), 1)
    }

    fn composed(text: String, keys: usize) -> Self {
        Self { digest: redis::Script::new(&text).get_hash().to_owned(), text, keys }
    }

    /// The same, run also when Redis is at `maxmemory`.
    fn also_when_full(self) -> Self {
        Self::composed(format!("{ALSO_WHEN_FULL}{}", self.text), self.keys)
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
