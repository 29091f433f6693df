//! What has to happen at once, as scripts: each on one key, with times to live in milliseconds, by the
//! server's own clock.
//!
//! A script is asked for by its digest. A server that does not know it (it was restarted, or became
//! primary) gets the text, on that slot alone: loading it everywhere fails when one replica is down
//! (lettuce#2853).

use std::sync::LazyLock;

use redis::{Cmd, cmd};

/// A script on one key.
pub(super) struct Script {
    text: &'static str,
    digest: String,
}

impl Script {
    fn new(text: &'static str) -> Self {
        let digest = redis::Script::new(text).get_hash().to_owned();
        Self { text, digest }
    }

    /// The call of a script that the server knows.
    pub(super) fn by_digest(&self, key: &str, args: &[&str]) -> Cmd {
        let mut command = cmd("EVALSHA");
        command.arg(&self.digest).arg(1).arg(key).arg(args);
        command
    }

    /// The call with the script itself, which makes the server know it.
    pub(super) fn by_text(&self, key: &str, args: &[&str]) -> Cmd {
        let mut command = cmd("EVAL");
        command.arg(self.text).arg(1).arg(key).arg(args);
        command
    }
}

/// Keeps a session. Arguments: user, realm, username, data, idle timeout, absolute timeout.
pub(super) static CREATE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local idle, absolute = tonumber(ARGV[5]), tonumber(ARGV[6])
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'user', ARGV[1], 'realm', ARGV[2], 'username', ARGV[3], 'data', ARGV[4],
  'idle_ms', ARGV[5], 'end_ms', string.format('%.0f', now + absolute))
redis.call('PEXPIRE', KEYS[1], math.min(idle, absolute))
return redis.status_reply('OK')
",
    )
});

/// Gives back a session of a realm and starts its idle timeout anew, never beyond its end: username,
/// data and the time that is left. Argument: realm.
pub(super) static INTROSPECT: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
local session = redis.call('HMGET', KEYS[1], 'realm', 'username', 'data', 'idle_ms', 'end_ms')
if redis.call('EXISTS', KEYS[1]) == 0 then return false end
local idle, last = tonumber(session[4]), tonumber(session[5])
if not (session[1] and session[2] and session[3] and idle and last) then
  return redis.error_reply('CORRUPT session')
end
if session[1] ~= ARGV[1] then return false end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local left = math.min(idle, last - now)
if left <= 0 then
  redis.call('DEL', KEYS[1])
  return false
end
redis.call('PEXPIRE', KEYS[1], left)
return {session[2], session[3], left}
",
    )
});

/// Ends a session of a realm, and says whether there was one. Argument: realm.
pub(super) static REVOKE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
if redis.call('HGET', KEYS[1], 'realm') ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
",
    )
});
