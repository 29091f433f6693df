//! Each script of migrations against its twin in `policy::migration`, on random traces: same answers, same
//! contents, same times to live. The Rust one is the specification.
//!
//! Times to live pass in real time in Redis, so they are set to the twin's before each step; all times are
//! multiples of seconds, so that what a step takes decides nothing.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::Context as _;
use authcluster_contract::keys;
use authcluster_contract::user::{MigrationDigest, Realm, UserKey, UserKeyMaker, UsernameCase};
use authcluster_hasher::policy::migration::{self, Claim, Kept, State};
use authcluster_hasher::store::redis::migrations::wire;
use authcluster_tests::redis::{Options, RedisServers};
use redis::aio::MultiplexedConnection;

use crate::dice::Dice;

const STEPS: usize = 4_000;

/// What a step may take, in milliseconds: less than the shortest time to live that is left over.
const SLACK_MS: i64 = 2_000;

/// Every kind of answer.
const ANSWERS: [&str; 8] = [
    "begin Granted",
    "begin Held",
    "begin Replaced",
    "commit Committed",
    "commit Lost",
    "commit Replayed",
    "release false",
    "release true",
];

/// Both sides.
struct Pair {
    redis: MultiplexedConnection,
    keys: UserKeyMaker,
    user: UserKey,
    names: [String; 2],
    state: State,
    now_ms: i64,
    seen: BTreeSet<String>,
}

impl Pair {
    /// On a user of its own.
    async fn start(servers: &RedisServers, name: &str) -> anyhow::Result<Self> {
        let keys = UserKeyMaker::new(vec![7; 32], UsernameCase::default())?;
        let user = keys.user(&Realm::new("shop")?, name)?;
        let names = [keys::migration_lock(&user), keys::migration_status(&user)];
        let redis = servers.servers()[0].connect().await?;
        let (state, seen) = (State::default(), BTreeSet::new());
        Ok(Self { redis, keys, user, names, state, now_ms: 0, seen })
    }

    async fn eval<T: redis::FromRedisValue>(
        &mut self,
        text: &str,
        keys: usize,
        arguments: &[String],
    ) -> anyhow::Result<T> {
        let mut eval = redis::cmd("EVAL");
        eval.arg(text).arg(keys).arg(&self.names[..keys]).arg(arguments);
        Ok(eval.query_async(&mut self.redis).await?)
    }

    fn token(&self, dice: &mut Dice) -> MigrationDigest {
        self.keys.commit_token(&self.user, dice.of(&["1", "2", "3"]))
    }

    fn kept(&self) -> [Option<&Kept>; 2] {
        [self.state.lock.as_ref(), self.state.status.as_ref()]
    }

    /// Lets time pass on both sides.
    async fn pass(&mut self, dice: &mut Dice) -> anyhow::Result<()> {
        self.now_ms += dice.of(&[0, 0, 0, 0, 4_000, 4_000, 9_000, 31_000, 120_000]);
        let mut pipe = redis::pipe();
        for (name, kept) in self.names.iter().zip(self.kept()) {
            match kept.map(|kept| kept.end_ms - self.now_ms).filter(|left_ms| *left_ms > 0) {
                Some(left_ms) => pipe.cmd("PEXPIRE").arg(name).arg(left_ms + SLACK_MS).ignore(),
                None => pipe.cmd("DEL").arg(name).ignore(),
            };
        }
        Ok(pipe.query_async(&mut self.redis).await?)
    }

    async fn step(&mut self, dice: &mut Dice) -> anyhow::Result<()> {
        let seconds = |seconds: u64| (Duration::from_secs(seconds), 1_000 * seconds.cast_signed());
        let token = self.token(dice);
        let (script, twin) = match dice.roll(5) {
            0 | 1 => {
                let replaces = self.keys.stored_hash(&self.user, dice.of(&["a", "b", "b"]));
                let claim = Claim { token, replaces };
                let (lock, lock_ms) = seconds(dice.of(&[10, 30]));
                let arguments = wire::begin(&claim, lock);
                let answer: String = self.eval(wire::BEGIN_MIGRATION, 2, &arguments).await?;
                let twin = migration::begin(&mut self.state, &claim, lock_ms, self.now_ms);
                (
                    format!("begin {:?}", wire::begun(&answer).context(answer)?),
                    format!("begin {twin:?}"),
                )
            }
            2 | 3 => {
                let (status, status_ms) = seconds(dice.of(&[20, 100]));
                let arguments = wire::commit(&token, status);
                let answer: String = self.eval(wire::COMMIT_MIGRATION, 2, &arguments).await?;
                let twin = migration::commit(&mut self.state, &token, status_ms, self.now_ms);
                let script = wire::committed(&answer).context(answer)?;
                (format!("commit {script:?}"), format!("commit {twin:?}"))
            }
            _ => {
                let arguments = wire::release(&token);
                let script: bool = self.eval(wire::RELEASE_MIGRATION, 1, &arguments).await?;
                let twin = migration::release(&mut self.state, &token, self.now_ms);
                (format!("release {script}"), format!("release {twin}"))
            }
        };
        anyhow::ensure!(script == twin, "{script}, and {twin} by the twin");
        self.seen.insert(script);
        self.compare().await
    }

    async fn compare(&mut self) -> anyhow::Result<()> {
        let spelled = |index, kept: &Kept| {
            let (token, replaces) = (kept.claim.token.as_str(), kept.claim.replaces.as_str());
            match index {
                0 => format!("{token}:{replaces}"),
                _ => format!("completed:{replaces}:{token}"),
            }
        };
        for (index, kept) in self.kept().into_iter().enumerate() {
            let name = &self.names[index];
            let mut pipe = redis::pipe();
            pipe.cmd("GET").arg(name).cmd("PTTL").arg(name);
            let twin = kept.map(|kept| (spelled(index, kept), kept.end_ms - self.now_ms));
            let (value, pttl): (Option<String>, i64) =
                pipe.query_async(&mut self.redis.clone()).await?;
            anyhow::ensure!(
                value.as_ref() == twin.as_ref().map(|(value, _)| value),
                "{name} holds {value:?}, and {twin:?} by the twin"
            );
            if let Some((_, left_ms)) = twin {
                let close = pttl <= left_ms + SLACK_MS && left_ms - pttl <= SLACK_MS;
                anyhow::ensure!(close, "{name} has {pttl} ms left, and {left_ms} by the twin");
            }
        }
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn scripts_do_what_their_twins_do() -> anyhow::Result<()> {
    let servers = RedisServers::cluster(&Options::of(1, 0)).await?;
    for seed in [1, 2, 3, 0x5eed] {
        let mut dice = Dice(seed);
        let mut pair = Pair::start(&servers, &format!("user-{seed}")).await?;
        for step in 0..STEPS {
            pair.pass(&mut dice).await?;
            let done = pair.step(&mut dice).await;
            done.map_err(|error| error.context(format!("seed {seed}, step {step}")))?;
        }
        // The trace went where it should.
        let all: BTreeSet<String> = ANSWERS.iter().map(ToString::to_string).collect();
        assert_eq!(pair.seen, all, "seed {seed}");
    }
    Ok(())
}

/// What no version of this program writes is an error, and no reason to make another hash.
#[tokio::test(flavor = "multi_thread")]
async fn a_status_that_is_none_is_said() -> anyhow::Result<()> {
    let servers = RedisServers::cluster(&Options::of(1, 0)).await?;
    let mut pair = Pair::start(&servers, "alice").await?;
    redis::cmd("SET").arg(&pair.names[1]).arg("done").query_async::<()>(&mut pair.redis).await?;
    let token = pair.keys.commit_token(&pair.user, "1");
    let claim = Claim { replaces: pair.keys.stored_hash(&pair.user, "a"), token };
    let arguments = wire::begin(&claim, Duration::from_secs(9));
    let begun = pair.eval::<String>(wire::BEGIN_MIGRATION, 2, &arguments).await;
    let error = begun.expect_err("it is none").to_string();
    assert!(error.contains("CORRUPT") || error.contains("status of a migration"), "{error}");
    Ok(())
}
