//! When what is asked for whom. Pure: the same arguments give the same schedule.

use std::time::Duration;

use crate::args::LoadArgs;

/// One call of the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Call {
    Login,
    Verify,
    Hash,
}

/// One request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Arrival {
    /// Since the beginning.
    pub(super) after: Duration,
    pub(super) user: u32,
    pub(super) call: Call,
}

/// All requests, in order of their times.
#[derive(Debug)]
pub(super) struct Schedule {
    random: Random,
    mean_seconds: f64,
    end_seconds: f64,
    at_seconds: f64,
    /// Sums of the popularities of users, most popular first; the last is 1.
    popularity: Vec<f64>,
    login: f64,
    verify: f64,
}

impl Schedule {
    /// # Errors
    /// Shares that are all nought.
    pub(super) fn new(args: &LoadArgs) -> anyhow::Result<Self> {
        let all = u64::from(args.login) + u64::from(args.verify) + u64::from(args.hash);
        anyhow::ensure!(
            all > 0,
            "--login, --verify and --hash are all 0: there is nothing to send"
        );
        let mut sum = 0.0;
        let sums: Vec<f64> = (1..=args.users)
            .map(|rank| {
                sum += f64::from(rank).powf(-args.zipf);
                sum
            })
            .collect();
        let all = all as f64;
        Ok(Self {
            random: Random(args.seed),
            mean_seconds: 1.0 / args.rate,
            end_seconds: args.duration_seconds as f64,
            at_seconds: 0.0,
            popularity: sums.into_iter().map(|part| part / sum).collect(),
            login: f64::from(args.login) / all,
            verify: f64::from(args.verify) / all,
        })
    }
}

impl Iterator for Schedule {
    type Item = Arrival;

    fn next(&mut self) -> Option<Arrival> {
        self.at_seconds -= self.mean_seconds * self.random.unit().ln();
        if self.end_seconds <= self.at_seconds {
            return None;
        }
        let point = self.random.unit();
        let user = self.popularity.partition_point(|sum| *sum < point);
        let kind = self.random.unit();
        let call = if kind < self.login {
            Call::Login
        } else if kind < self.login + self.verify {
            Call::Verify
        } else {
            Call::Hash
        };
        let after = Duration::from_secs_f64(self.at_seconds);
        Some(Arrival { after, user: u32::try_from(user).unwrap_or(u32::MAX), call })
    }
}

/// `SplitMix64` (Steele and others, 2014): a schedule is no secret, and must be the same again.
#[derive(Debug)]
struct Random(u64);

impl Random {
    /// Between 0 and 1, both excluded.
    fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^= bits >> 31;
        ((bits >> 11) as f64 + 0.5) / 9_007_199_254_740_992.0
    }
}
