//! The measuring itself: the threads of lanes, and the clock.

use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use argon2::{Argon2, PasswordHash, PasswordVerifier as _};
use authcluster_contract::cost::Cost;
use authcluster_contract::secret::Password;

use super::{Medians, Report, Row, Wanted};
use crate::clock;
use crate::engine::{Arena, EngineError, compute};
use crate::formats::{Bounds, FormatError, Stored};
use crate::policy::rehash::Policy;
use crate::work::{Job, Outcome};

/// What is verified.
const PASSWORD: &[u8] = b"correct horse battery staple";

/// Hashes that a lane does in one turn of all lanes: long enough that a late start does not show.
const HASHES_A_TURN: u32 = 4;

/// Why there are no figures.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// The engine failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The hash that was made for the benchmark cannot be read.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// The `argon2` crate cannot do it.
    #[error("the argon2 crate: {0}")]
    Crate(String),
    /// One of the two gives another answer than the other.
    #[error("the {0} does not verify the engine's hash")]
    Disagreement(&'static str),
    /// A thread panicked.
    #[error("a lane panicked")]
    Panicked,
}

/// Measures everything that is wanted.
///
/// # Errors
/// See [`BenchError`].
pub fn measure(wanted: &Wanted) -> Result<Report, BenchError> {
    let rows = wanted.costs.iter().map(|cost| {
        let (encoded, job) = a_verify(*cost)?;
        let (hash_ns, crate_ns) = alternate(&encoded, &job, wanted.rounds)?;
        let all_lanes_ns = all_lanes(&job, wanted)?;
        Ok(Row::new(*cost, wanted.lanes, Medians { hash_ns, crate_ns, all_lanes_ns }))
    });
    Ok(Report::new(wanted, rows.collect::<Result<_, BenchError>>()?))
}

/// A stored hash of this cost, and the job of verifying it.
fn a_verify(cost: Cost) -> Result<(String, Job), BenchError> {
    let Ok(password) = Password::from_bytes(PASSWORD.to_vec()) else {
        return Err(BenchError::Disagreement("limit of passwords"));
    };
    let hash = Job::Hash { password: password.clone(), policy: Policy { cost, pepper: None } };
    let (Outcome::Hashed(encoded), _) = compute(&hash, &mut Arena::new(cost.memory_kib)?)? else {
        return Err(BenchError::Disagreement("engine"));
    };
    let bounds = Bounds { memory_kib_max: cost.memory_kib, ..Bounds::default() };
    let stored = Arc::new(Stored::parse(&encoded, &bounds)?);
    Ok((encoded, Job::Verify { password, stored }))
}

/// The median times of engine and crate, in nanoseconds.
fn alternate(encoded: &str, job: &Job, rounds: u32) -> Result<(f64, f64), BenchError> {
    let failed = |error: &dyn std::fmt::Display| BenchError::Crate(error.to_string());
    let stored = PasswordHash::new(encoded).map_err(|error| failed(&error))?;
    let mut arena = Arena::new(job.demand().arena_kib())?;
    let (mut engine_ns, mut crate_ns) = (Vec::new(), Vec::new());
    for _ in 0..rounds.max(1) {
        // The other's memory has driven this one's out of the caches; a lane never loses it.
        verify(job, &mut arena)?;
        engine_ns.push(time_ns(|| verify(job, &mut arena))?);
        let verify =
            || Argon2::default().verify_password(PASSWORD, &stored).map_err(|error| failed(&error));
        verify()?;
        crate_ns.push(time_ns(verify)?);
    }
    Ok((median(engine_ns), median(crate_ns)))
}

/// The median time of a hash while all lanes work, in nanoseconds.
fn all_lanes(job: &Job, wanted: &Wanted) -> Result<f64, BenchError> {
    let lanes = usize::try_from(wanted.lanes.max(1)).unwrap_or(1);
    let arenas = (0..lanes).map(|_| Arena::new(job.demand().arena_kib()));
    let mut arenas = arenas.collect::<Result<Vec<_>, EngineError>>()?;
    let mut turns_ns = Vec::new();
    for _ in 0..wanted.rounds.max(1) {
        let together = Barrier::new(lanes);
        let times_ns: Result<Vec<f64>, BenchError> = thread::scope(|scope| {
            let lanes: Vec<_> = arenas
                .iter_mut()
                .map(|arena| {
                    scope.spawn(|| {
                        let warm = verify(job, arena);
                        // Every lane comes here, whatever became of it, or the others would wait.
                        together.wait();
                        warm?;
                        time_ns(|| (0..HASHES_A_TURN).try_for_each(|_| verify(job, arena)))
                    })
                })
                .collect();
            let ended = lanes.into_iter().map(|lane| lane.join());
            ended.map(|time| time.unwrap_or(Err(BenchError::Panicked))).collect()
        });
        let slowest_ns = times_ns?.into_iter().fold(0.0, f64::max);
        turns_ns.push(slowest_ns / f64::from(HASHES_A_TURN));
    }
    Ok(median(turns_ns))
}

fn verify(job: &Job, arena: &mut Arena) -> Result<(), BenchError> {
    match compute(job, arena)? {
        (Outcome::Verified(true), _) => Ok(()),
        _ => Err(BenchError::Disagreement("engine")),
    }
}

fn time_ns(work: impl FnOnce() -> Result<(), BenchError>) -> Result<f64, BenchError> {
    let start = clock::now();
    work()?;
    let time: Duration = clock::now().saturating_duration_since(start);
    Ok(time.as_secs_f64() * 1e9)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
