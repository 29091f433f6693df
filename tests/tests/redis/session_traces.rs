//! Each script of sessions against its twin in `policy::sessions`, on random traces: same replies, same
//! times to live. The Rust one is the specification.
//!
//! The clock of the scripts is a key, moved by the test, back as well as forth, as a failover to a server
//! with another clock does. Times to live pass in real time in Redis, so they are set to the twin's before
//! each step; all times are multiples of seconds, so that what a step takes decides nothing.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context as _;
use authcluster_contract::keys::SessionDigest;
use authcluster_contract::user::{Realm, UserKey, UserKeyMaker, UsernameCase};
use authcluster_hasher::policy::sessions::copy::{
    self, Content, Kept, Over, Put, Read, ReadReply, Revoke,
};
use authcluster_hasher::policy::sessions::user::{self, Join, Replace, UserKeys};
use authcluster_hasher::policy::sessions::{At, BACKUP_TOUCHES};
use authcluster_hasher::store::redis::sessions::wire;
use authcluster_tests::redis::{Options, RedisServers};
use redis::FromRedisValue;
use redis::aio::MultiplexedConnection;

use crate::dice::Dice;

/// Steps of one trace.
const STEPS: usize = 3_000;

/// What a step may take, in milliseconds: less than the shortest time to live that is left over.
const SLACK_MS: u64 = 2_000;

const CLOCK: &str = "clock:{t}";
const COPIES: [&str; 3] = ["session:{t}:a", "session:{t}:b", "session:{t}:c"];
const GENERATION: &str = "user_generation:{t}";
const SESSIONS: &str = "user_sessions:{t}";

/// Every kind of reply about a copy.
const REPLIES: [&str; 16] = [
    "put false",
    "put true",
    "read Live false",
    "read Live true",
    "read Missing",
    "read OtherRealm",
    "read Revoked",
    "read Rotated false",
    "read Rotated true",
    "revoke Ended",
    "revoke Missing",
    "revoke OtherRealm",
    "revoke Revoked",
    "revoke Rotated",
    "rotate false",
    "rotate true",
];

/// Reads the clock from its key.
const CLOCK_TEXT: &str = "local function now_ms() return tonumber(redis.call('GET', 'clock:{t}')) end\n\
     local function int(number) return string.format('%.0f', number) end\n";

impl Dice {
    fn flip(&mut self) -> bool {
        self.roll(2) == 0
    }

    fn realm(&mut self) -> Realm {
        // One twice, so that most steps meet their own.
        Realm::new(self.of(&["shop", "shop", "other"])).expect("a realm")
    }

    fn user(&mut self) -> UserKey {
        let keys = UserKeyMaker::new(vec![7; 32], UsernameCase::default()).expect("long enough");
        let realm = Realm::new("shop").expect("a realm");
        keys.user(&realm, self.of(&["alice", "bob"])).expect("a name")
    }

    fn digest(&mut self) -> SessionDigest {
        SessionDigest::of(self.of(&["1", "2", "3", "4", "5"]))
    }

    fn time_ms(&mut self) -> u64 {
        self.of(&[64_000, 128_000, 1_024_000])
    }

    fn put(&mut self) -> Put {
        let text = self.of(&["", "Alice", "\u{1f600} \r\n{}"]).to_owned();
        Put {
            realm: self.realm(),
            user: self.user(),
            content: Content {
                username: text.clone(),
                user_id: self.of(&["", "7", "id \u{1f600}"]).to_owned(),
                data: text,
                key: self.of(&["", "k1"]).to_owned(),
            },
            idle_ms: self.time_ms(),
            spare_ms: self.of(&[0, 0, 1_000]),
            left_ms: self.time_ms(),
            created_ms: self.of(&[None, Some(1_700_000_000_000)]),
            generation: self.of(&["g1", "g2"]).to_owned(),
            critical: self.flip(),
            over: match self.roll(3) {
                0 => Over::Nothing,
                1 => Over::Anything,
                _ => Over::Rotation(self.digest()),
            },
        }
    }
}

/// Both sides.
struct Pair {
    redis: MultiplexedConnection,
    now_ms: u64,
    copies: BTreeMap<&'static str, At<Kept>>,
    user: UserKeys,
    /// What has been answered, so that a trace which no longer reaches something is noticed.
    seen: BTreeSet<String>,
}

impl Pair {
    async fn eval<T: FromRedisValue>(
        &mut self,
        text: &str,
        keys: &[&str],
        arguments: &[String],
    ) -> anyhow::Result<T> {
        let mut eval = redis::cmd("EVAL");
        eval.arg(format!("{CLOCK_TEXT}{text}")).arg(keys.len()).arg(keys).arg(arguments);
        Ok(eval.query_async(&mut self.redis).await?)
    }

    /// What every key has left, as the twin says.
    fn left_ms(&self) -> Vec<(&'static str, Option<u64>)> {
        let left = |expires_ms: u64| expires_ms.checked_sub(self.now_ms).filter(|left| 0 < *left);
        let copies = self.copies.iter();
        let mut all: Vec<_> = copies
            .map(|(key, at)| (*key, at.as_ref().and_then(|kept| left(kept.expires_ms))))
            .collect();
        let generation = self.user.generation.as_ref().and_then(|it| left(it.expires_ms));
        let sessions = self.user.sessions.as_ref().and_then(|it| left(it.expires_ms));
        all.extend([(GENERATION, generation), (SESSIONS, sessions)]);
        all
    }

    /// Lets time pass, or go back, on both sides.
    async fn pass(&mut self, dice: &mut Dice) -> anyhow::Result<()> {
        let forth = dice.of(&[0, 0, 0, 4_000, 4_000, 64_000, 1_024_000]);
        let back = if dice.roll(20) == 0 { 4_000 } else { 0 };
        self.now_ms = self.now_ms + forth - back;
        let mut pipe = redis::pipe();
        pipe.cmd("SET").arg(CLOCK).arg(self.now_ms).ignore();
        let left_ms = self.left_ms();
        for (key, left_ms) in &left_ms {
            match left_ms {
                Some(left_ms) => pipe.cmd("PEXPIRE").arg(key).arg(left_ms).ignore(),
                None => pipe.cmd("DEL").arg(key).ignore(),
            };
        }
        pipe.query_async::<()>(&mut self.redis).await?;
        // What is gone does not come back when the clock does.
        for (key, _) in left_ms.iter().filter(|(_, left_ms)| left_ms.is_none()) {
            match *key {
                GENERATION => self.user.generation = None,
                SESSIONS => self.user.sessions = None,
                copy => drop(self.copies.insert(copy, None)),
            }
        }
        Ok(())
    }

    /// The twins and the scripts have left the same behind.
    async fn compare(&mut self) -> anyhow::Result<()> {
        for (key, left_ms) in self.left_ms() {
            let pttl: i64 = redis::cmd("PTTL").arg(key).query_async(&mut self.redis).await?;
            match (left_ms, u64::try_from(pttl)) {
                (None, Err(_)) => anyhow::ensure!(pttl == -2, "{key} has no time to live"),
                (Some(left_ms), Ok(pttl)) => {
                    let close = pttl <= left_ms && left_ms - pttl <= SLACK_MS;
                    anyhow::ensure!(close, "{key} has {pttl} ms left, and {left_ms} by the twin");
                }
                (left_ms, _) => {
                    anyhow::bail!("{key} has {pttl} ms left, and {left_ms:?} by the twin")
                }
            }
        }
        Ok(())
    }

    async fn step_on_a_copy(&mut self, dice: &mut Dice) -> anyhow::Result<()> {
        let (key, now_ms) = (dice.of(&COPIES), self.now_ms);
        let mut at = self.copies.remove(key).unwrap_or_default();
        let kind = dice.roll(10);
        match kind {
            0 | 1 => {
                let put = dice.put();
                let script: bool = self.eval(wire::PUT_SESSION, &[key], &wire::put(&put)).await?;
                let twin = copy::put(&mut at, &put, now_ms);
                anyhow::ensure!(script == twin, "{put:?}: {script}, and {twin} by the twin");
                self.seen.insert(format!("put {script}"));
            }
            2..=4 => {
                let grace_ms = dice.of(&[0, 64_000]);
                let read = Read { realm: dice.realm(), grace_ms, touch: dice.flip() };
                let reply = self.eval(wire::READ_SESSION, &[key], &wire::read(&read)).await?;
                let script = wire::read_reply(reply).context("a reply")?;
                let twin = copy::read(&mut at, &read, now_ms);
                let script = as_if_at_once(script, &twin);
                anyhow::ensure!(script == twin, "{read:?}: {script:?}, and {twin:?} by the twin");
                self.seen.insert(match script {
                    ReadReply::Rotated { in_grace, .. } => format!("read Rotated {in_grace}"),
                    ReadReply::Live(found) => format!("read Live {}", found.backup_due),
                    other => format!("read {other:?}"),
                });
            }
            5 => {
                let bury_ms = dice.of(&[0, 64_000]);
                let revoke = Revoke { realm: dice.realm(), bury_ms, rotated_too: dice.flip() };
                let reply = self.eval(wire::REVOKE_SESSION, &[key], &wire::revoke(&revoke)).await?;
                let script = wire::revoke_reply(reply).context("a reply")?;
                let twin = copy::revoke(&mut at, &revoke, now_ms);
                anyhow::ensure!(script == twin, "{revoke:?}: {script:?}, and {twin:?} by the twin");
                let kind = format!("{script:?}");
                let kind = kind.split([' ', '(']).next().unwrap_or_default();
                self.seen.insert(format!("revoke {kind}"));
            }
            6..=8 => {
                let (realm, to) = (dice.realm(), dice.digest());
                let arguments = wire::rotate(&realm, &to);
                let script: bool = self.eval(wire::ROTATE_SESSION, &[key], &arguments).await?;
                let twin = copy::rotate(&mut at, &realm, &to, now_ms);
                anyhow::ensure!(script == twin, "rotate: {script}, and {twin} by the twin");
                self.seen.insert(format!("rotate {script}"));
            }
            _ => {
                redis::cmd("DEL").arg(key).query_async::<()>(&mut self.redis).await?;
                at = None;
            }
        }
        self.copies.insert(key, at);
        Ok(())
    }

    async fn step_on_a_user(&mut self, dice: &mut Dice) -> anyhow::Result<()> {
        let (both, now_ms) = ([GENERATION, SESSIONS], self.now_ms);
        let mut user = std::mem::take(&mut self.user);
        // The second key comes with the arguments, as the store sends them.
        match dice.roll(5) {
            0 | 1 => {
                let join = Join {
                    candidate: dice.of(&["g1", "g2"]).to_owned(),
                    digest: dice.digest(),
                    left_ms: dice.time_ms(),
                    keep_ms: dice.time_ms(),
                    entries_max: dice.of(&[1, 3, 100]),
                };
                let arguments = wire::join(SESSIONS.to_owned(), &join);
                let reply = self.eval(wire::JOIN_USER, &both, &arguments[1..]).await?;
                let script = wire::joined(reply).context("a reply")?;
                let twin = user::join(&mut user, &join, now_ms);
                anyhow::ensure!(script == twin, "{join:?}: {script:?}, and {twin:?} by the twin");
            }
            2 => {
                let reply = self.eval(wire::LIST_USER, &both, &[]).await?;
                let script = wire::listed(reply).context("a reply")?;
                let twin = user::list(&mut user, now_ms);
                anyhow::ensure!(script == twin, "{script:?}, and {twin:?} by the twin");
            }
            3 => {
                let generation = dice.of(&["g3", "g4"]).to_owned();
                let replace = Replace { generation, keep_ms: dice.time_ms() };
                let arguments = wire::replace(SESSIONS.to_owned(), &replace);
                let script: u64 =
                    self.eval(wire::REPLACE_GENERATION, &both, &arguments[1..]).await?;
                let twin = user::replace(&mut user, &replace, now_ms);
                anyhow::ensure!(script == twin, "{replace:?}: {script}, and {twin} by the twin");
            }
            _ => {
                let digest = dice.digest();
                let mut leave = redis::cmd("ZREM");
                leave.arg(SESSIONS).arg(digest.as_str());
                leave.query_async::<()>(&mut self.redis).await?;
                user::leave(&mut user, &[digest], now_ms);
                let mut get = redis::cmd("GET");
                let script: Option<String> =
                    get.arg(GENERATION).query_async(&mut self.redis).await?;
                let twin = user::generation(&mut user, now_ms);
                anyhow::ensure!(script == twin, "{script:?}, and {twin:?} by the twin");
            }
        }
        self.user = user;
        Ok(())
    }
}

/// The reply, had no time passed since its key got its time to live.
fn as_if_at_once(script: ReadReply, twin: &ReadReply) -> ReadReply {
    let (ReadReply::Live(mut found), ReadReply::Live(by_twin)) = (script.clone(), twin) else {
        return script;
    };
    let late_ms = by_twin.expires_in_ms.saturating_sub(found.expires_in_ms);
    if late_ms <= SLACK_MS && found.expires_in_ms <= by_twin.expires_in_ms {
        found.expires_in_ms = by_twin.expires_in_ms;
    }
    ReadReply::Live(found)
}

async fn trace(seed: u64) -> anyhow::Result<BTreeSet<String>> {
    let servers = RedisServers::cluster(&Options::of(1, 0)).await?;
    let copies = COPIES.iter().map(|key| (*key, None)).collect();
    let redis = servers.servers()[0].connect().await?;
    let mut pair = Pair {
        redis,
        now_ms: 1_700_000_000_000,
        copies,
        user: UserKeys::default(),
        seen: BTreeSet::new(),
    };
    let mut dice = Dice(seed);
    for step in 0..STEPS {
        let done = async {
            pair.pass(&mut dice).await?;
            if dice.roll(3) == 0 {
                pair.step_on_a_user(&mut dice).await?;
            } else {
                pair.step_on_a_copy(&mut dice).await?;
            }
            pair.compare().await
        };
        done.await.with_context(|| format!("seed {seed}, step {step}"))?;
    }
    Ok(pair.seen)
}

#[tokio::test(flavor = "multi_thread")]
async fn scripts_do_what_their_twins_do() -> anyhow::Result<()> {
    // Of the traces of a backup's touches, one in sixteen parts is what both must know.
    assert_eq!(BACKUP_TOUCHES, 16);
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?;
    let random = u64::from(since.subsec_nanos()) << 32 | since.as_secs();
    let mut seen = BTreeSet::new();
    for seed in [1, 2, random | 1] {
        seen.extend(trace(seed).await?);
    }
    assert_eq!(seen.iter().map(String::as_str).collect::<Vec<_>>(), REPLIES);
    Ok(())
}
