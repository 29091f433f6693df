//! Each script of limits against its twin in `policy::{gcra, backoff}`, on random traces: same answers,
//! same contents, same times to live, also when the clock goes back.
//!
//! The scripts read a clock that the test sets, as a promoted replica with another clock does. Times to
//! live pass in real time in Redis, so they are set to the twin's before each step, and read and taken away
//! in one piece with the script.

use std::collections::BTreeMap;

use authcluster_hasher::policy::backoff::{self, ANYONE, Attempts, Begun, Memory, Rules, Settled};
use authcluster_hasher::policy::gcra::{self, Bucket, Rate, Reserved};
use authcluster_hasher::store::redis::limits::wire;
use authcluster_tests::redis::{Options, RedisServers};
use redis::aio::MultiplexedConnection;
use redis::{FromRedisValue, Value};

use crate::dice::Dice;

const STEPS: usize = 4_000;

/// What a step may take: less than the shortest time to live that is left over, in milliseconds.
const SLACK_MS: i64 = 2_000;

const RATES: [&str; 2] = ["rate:{t}:a", "rate:{t}:b"];
const PAIRS: &str = "known_pair:{t}";
const FAILURES: &str = "login_failures:{t}";

/// Reads the clock from its key.
const CLOCK: &str = "local function now_us() return tonumber(redis.call('GET', 'clock:{t}')) end\n\
     local function now_ms() return math.floor(now_us() / 1000) end\n\
     local function int(number) return string.format('%.0f', number) end\n";

impl Dice {
    /// One to three rates, some of which are of another version of the configuration.
    fn rates(&mut self) -> Vec<Rate> {
        let rate = |(attempts, period_seconds)| Rate { attempts, period_seconds };
        let all = [(3, 100), (7, 1_000), (1, 60), (1_000_000, 86_400), (13, 86_400)].map(rate);
        let from = self.roll(3);
        let count = 1 + self.roll(3);
        all.into_iter().skip(from).take(count).collect()
    }

    /// What an attempt may have been charged, lately or long ago or by a clock that is ahead; a little of
    /// it may make no sense.
    fn charge(&mut self, rates: &[Rate], now_us: i64) -> Reserved {
        let at_us = now_us - self.of(&[0, 0, 250_000, 40_000_000, -3_000_000]);
        let mut left = |rate: &Rate| {
            let part = i64::try_from(self.roll(5)).unwrap_or(0);
            rate.interval_us() * part / 3 - 7
        };
        Reserved { admitted: true, at_us, left_us: rates.iter().map(&mut left).collect() }
    }

    fn address(&mut self) -> Option<String> {
        // A few more than are remembered, and one that comes often.
        match self.roll(4) {
            0 => None,
            1 => Some("home".to_owned()),
            _ => Some(format!("a{:02}", self.roll(20))),
        }
    }

    fn rules(&mut self) -> Rules {
        let free_failures = self.of(&[0, 2, 2]);
        let known_ms = if self.roll(20) == 0 { 86_400_000 } else { 864_000_000 };
        let failures_max = self.of(&[4, 40, 40]);
        let longest = self.of(&[900_000, 60_000]);
        Rules { free_failures, failures_max, wait_max_ms: longest, known_ms }
    }
}

/// Both sides.
struct Pair {
    redis: MultiplexedConnection,
    now_us: i64,
    buckets: BTreeMap<&'static str, Bucket>,
    /// Of each bucket, as the last step left it.
    ends_us: BTreeMap<&'static str, i64>,
    user: Attempts,
    begun: Vec<(Option<String>, Begun)>,
    /// What each key had left after the last script, as `PTTL` says it.
    pttls: BTreeMap<&'static str, i64>,
}

impl Pair {
    async fn eval<T: FromRedisValue>(
        &mut self,
        text: &str,
        keys: &[&str],
        arguments: &[String],
    ) -> anyhow::Result<T> {
        let all = [RATES[0], RATES[1], PAIRS, FAILURES];
        let mut pipe = redis::pipe();
        pipe.atomic();
        pipe.cmd("EVAL").arg(format!("{CLOCK}{text}")).arg(keys.len()).arg(keys).arg(arguments);
        for key in all {
            pipe.cmd("PTTL").arg(key);
        }
        for key in all {
            pipe.cmd("PERSIST").arg(key).ignore();
        }
        let mut answers: Vec<Value> = pipe.query_async(&mut self.redis).await?;
        let pttls = answers.split_off(1).into_iter().map(redis::from_redis_value::<i64>);
        self.pttls = all.into_iter().zip(pttls.collect::<Result<Vec<_>, _>>()?).collect();
        Ok(redis::from_redis_value(answers.remove(0))?)
    }

    fn now_ms(&self) -> i64 {
        self.now_us / 1_000
    }

    /// What every key has left, as the twin says.
    fn left_ms(&self) -> Vec<(&'static str, Option<i64>)> {
        let left = |end_ms: i64| Some(end_ms - self.now_ms()).filter(|left| *left > 0);
        let rate = |key: &&'static str| {
            let end_us = self.ends_us.get(key).copied().filter(|_| !self.buckets[key].is_empty());
            (*key, end_us.and_then(|end_us| left((end_us + 999) / 1_000)))
        };
        let of = |is_empty: bool, end_ms: i64| if is_empty { None } else { left(end_ms) };
        let pairs = of(self.user.pairs.is_empty(), self.user.pairs_end_ms);
        let counts = of(self.user.counts.is_empty(), self.user.counts_end_ms);
        RATES.iter().map(rate).chain([(PAIRS, pairs), (FAILURES, counts)]).collect()
    }

    /// Lets time pass, or go back, on both sides.
    async fn pass(&mut self, dice: &mut Dice) -> anyhow::Result<()> {
        let long_ms = if dice.roll(40) == 0 { 86_400_000 } else { 900_000 };
        let forth_ms = dice.of(&[0, 0, 0, 0, 4_000, 4_000, 31_007, long_ms]);
        let back_ms = if dice.roll(20) == 0 { 5_000 } else { 0 };
        self.now_us += (forth_ms - back_ms) * 1_000 + i64::try_from(dice.roll(1_000))?;
        let mut pipe = redis::pipe();
        pipe.cmd("SET").arg("clock:{t}").arg(self.now_us).ignore();
        for (key, left_ms) in self.left_ms() {
            let Some(left_ms) = left_ms else {
                pipe.cmd("DEL").arg(key).ignore();
                match key {
                    PAIRS => self.user.pairs.clear(),
                    FAILURES => self.user.counts.clear(),
                    rate => self.buckets.entry(rate).or_default().clear(),
                }
                continue;
            };
            // A script may let the life of failures be as it finds it, so that one is set exactly,
            // unless it is so short that the key could end before the step.
            let exactly = key == FAILURES && 2 * SLACK_MS < left_ms;
            let slack_ms = if exactly { 0 } else { SLACK_MS };
            pipe.cmd("PEXPIRE").arg(key).arg(left_ms + slack_ms).ignore();
        }
        Ok(pipe.query_async(&mut self.redis).await?)
    }

    /// The times to live that the step has set.
    fn compare(&self, touched: &[&str]) -> anyhow::Result<()> {
        for (key, left_ms) in self.left_ms() {
            let pttl = self.pttls[key];
            match left_ms {
                None => anyhow::ensure!(pttl == -2, "{key} has {pttl} ms, and none by the twin"),
                Some(left_ms) => {
                    let most =
                        if touched.contains(&key) { left_ms + 1 } else { left_ms + SLACK_MS };
                    let close = pttl <= most && left_ms - pttl <= SLACK_MS;
                    anyhow::ensure!(close, "{key} has {pttl} ms left, and {left_ms} by the twin");
                }
            }
        }
        Ok(())
    }

    async fn step_on_a_rate(&mut self, dice: &mut Dice) -> anyhow::Result<()> {
        let (key, rates, now_us) = (dice.of(&RATES), dice.rates(), self.now_us);
        let mut bucket = self.buckets[key].clone();
        let changed;
        if dice.roll(3) > 0 {
            let answer: Value =
                self.eval(wire::RESERVE_RATE, &[key], &wire::reserve(&rates)).await?;
            let script = wire::reserved(answer, rates.len())?;
            let twin = gcra::reserve(&mut bucket, &rates, now_us);
            anyhow::ensure!(script == twin, "{rates:?}: {script:?}, and {twin:?} by the twin");
            changed = twin.admitted;
        } else {
            let charge = dice.charge(&rates, now_us);
            let arguments = wire::refund(&rates, &charge);
            let () = self.eval(wire::REFUND_RATE, &[key], &arguments).await?;
            changed = !bucket.is_empty();
            gcra::refund(&mut bucket, &rates, &charge, now_us);
        }
        if changed {
            match gcra::ttl_ms(&bucket, now_us) {
                Some(ttl_ms) => drop(self.ends_us.insert(key, now_us + ttl_ms * 1_000)),
                None => bucket.clear(),
            }
        }
        let kept: BTreeMap<String, i64> =
            redis::cmd("HGETALL").arg(key).query_async(&mut self.redis).await?;
        anyhow::ensure!(kept == bucket, "{key} holds {kept:?}, and {bucket:?} by the twin");
        self.buckets.insert(key, bucket);
        let touched = [key];
        self.compare(if changed { &touched } else { &[] })
    }

    async fn step_on_a_user(&mut self, dice: &mut Dice) -> anyhow::Result<()> {
        let (mut address, rules, now_ms) = (dice.address(), dice.rules(), self.now_ms());
        let keys = [PAIRS, FAILURES];
        let mut touched: &[&str] = &[];
        if dice.roll(3) > 0 {
            let memory = dice.of(&[Memory::Free, Memory::NearlyFull]);
            let arguments = wire::begin(address.as_deref(), &rules, memory);
            let script = wire::begun(self.eval(wire::BEGIN_LOGIN, &keys, &arguments).await?)?;
            let twin = backoff::begin(&mut self.user, &rules, address.as_deref(), memory, now_ms);
            anyhow::ensure!(script == twin, "{script:?}, and {twin:?} by the twin");
            if twin.wait.is_none() {
                touched = &[FAILURES];
                self.begun.push((address, twin));
            }
        } else {
            let mut settled = Settled::Success;
            if let Some((from, begun)) = self.begun.pop().filter(|_| dice.roll(2) == 0) {
                let Begun { is_known, failures, since_ms, .. } = begun;
                settled = Settled::TakenBack { is_known, failures, since_ms };
                address = from;
            } else if address.is_some() {
                touched = &[PAIRS];
            }
            let arguments = wire::settle(address.as_deref(), &rules, settled);
            let () = self.eval(wire::SETTLE_LOGIN, &keys, &arguments).await?;
            backoff::settle(&mut self.user, &rules, address.as_deref(), settled, now_ms);
        }
        let kept: BTreeMap<String, String> =
            redis::cmd("HGETALL").arg(FAILURES).query_async(&mut self.redis).await?;
        let count = |(of, count): (&String, &backoff::Count)| {
            (of.clone(), format!("{}:{}", count.failures, count.last_ms))
        };
        let twin: BTreeMap<String, String> = self.user.counts.iter().map(count).collect();
        anyhow::ensure!(kept == twin, "failures are {kept:?}, and {twin:?} by the twin");
        let pairs: Vec<(String, i64)> = redis::cmd("ZRANGE")
            .arg(PAIRS)
            .arg(0)
            .arg(-1)
            .arg("WITHSCORES")
            .query_async(&mut self.redis)
            .await?;
        let pairs: BTreeMap<String, i64> = pairs.into_iter().collect();
        let twin = &self.user.pairs;
        anyhow::ensure!(pairs == *twin, "pairs are {pairs:?}, and {twin:?} by the twin");
        self.compare(touched)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn scripts_do_what_their_twins_do() -> anyhow::Result<()> {
    let servers = RedisServers::cluster(&Options::of(1, 0)).await?;
    for seed in [1, 2, 3, 0x5eed] {
        let mut dice = Dice(seed);
        let mut pair = Pair {
            redis: servers.servers()[0].connect().await?,
            now_us: 1_800_000_000_000_000,
            buckets: RATES.iter().map(|key| (*key, Bucket::new())).collect(),
            ends_us: BTreeMap::new(),
            user: Attempts::default(),
            begun: Vec::new(),
            pttls: BTreeMap::new(),
        };
        for key in RATES.iter().chain(&[PAIRS, FAILURES]) {
            redis::cmd("DEL").arg(key).query_async::<()>(&mut pair.redis).await?;
        }
        let mut most = (0, 0);
        for step in 0..STEPS {
            pair.pass(&mut dice).await?;
            let done = match dice.roll(2) {
                0 => pair.step_on_a_rate(&mut dice).await,
                _ => pair.step_on_a_user(&mut dice).await,
            };
            done.map_err(|error| error.context(format!("seed {seed}, step {step}")))?;
            let failures = pair.user.counts.get(ANYONE).map_or(0, |count| count.failures);
            most = (most.0.max(pair.user.pairs.len()), most.1.max(failures));
        }
        // The trace went where it should.
        assert!(most.0 == backoff::PAIRS_MAX && most.1 >= 4, "seed {seed}: {most:?}");
    }
    Ok(())
}
