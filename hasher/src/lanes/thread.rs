//! One lane: a thread that measures itself, and then takes jobs until the lanes end.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Barrier, PoisonError, mpsc};
use std::thread;
use std::time::Duration;

use authcluster_contract::cost::{Cost, Units};
use authcluster_contract::secret::Password;

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use super::queue::Waiting;
use super::{LanesConfig, Shared, StartLanesError};
use crate::clock;
use crate::engine::{Arena, EngineError, compute};
use crate::policy::pricing::Price;
use crate::work::{Job, Outcome, Refused, WorkError};

/// Time for measuring speed at start. A pod is ready so much later; with less, one interruption by
/// the kernel shows.
const CALIBRATION: Duration = Duration::from_millis(200);

/// Largest memory that speed is measured at, in KiB: beyond every cache, and one pass takes some 20
/// ms.
const CALIBRATION_KIB_MAX: u32 = 64 * 1024;

/// A lane panicked; the job is lost, the lane goes on.
#[derive(Debug, thiserror::Error)]
#[error("the hashing thread panicked")]
struct Panicked;

/// Starts all lanes, each with its arena, and gives back the price that they measured together.
pub(super) fn start(shared: &Arc<Shared>, config: LanesConfig) -> Result<Price, StartLanesError> {
    let (sender, measured) = mpsc::channel();
    let lanes = usize::try_from(config.lanes).unwrap_or(usize::MAX);
    let all_busy = Arc::new(Barrier::new(lanes));
    for lane in 0..lanes {
        let (shared, sender, all_busy) = (shared.clone(), sender.clone(), all_busy.clone());
        let body = move || {
            let pinned = config.pin.then(|| pin(lane));
            let arena = Arena::new(config.cost.memory_kib);
            tell(lane, pinned, arena.as_ref().ok());
            all_busy.wait();
            match arena {
                Err(error) => drop(sender.send(Err(error))),
                Ok(mut arena) => {
                    drop(sender.send(calibrate(&mut arena, config.cost)));
                    drop(sender);
                    run(&shared, lane, &mut arena);
                }
            }
        };
        let name = format!("lane-{lane}");
        thread::Builder::new().name(name).spawn(body).map_err(StartLanesError::Thread)?;
    }
    drop(sender);
    let (mut units, mut time) = (Units::ZERO, Duration::ZERO);
    for _ in 0..lanes {
        let sample = measured.recv().map_err(|_| StartLanesError::Gone)?;
        let sample = sample.map_err(StartLanesError::FirstHash)?;
        units = units.saturating_add(sample.0);
        time += sample.1;
    }
    Ok(Price::measured(units, time))
}

/// Keeps this thread on one of the CPUs that the process may use: each lane on another, as far as there
/// are any.
fn pin(lane: usize) -> Result<(), rustix::io::Errno> {
    let allowed = sched_getaffinity(None)?;
    let cpus: Vec<usize> = (0..CpuSet::MAX_CPU).filter(|cpu| allowed.is_set(*cpu)).collect();
    let mut only = CpuSet::new();
    if let Some(cpu) = lane.checked_rem(cpus.len()).and_then(|place| cpus.get(place)) {
        only.set(*cpu);
    }
    sched_setaffinity(None, &only)
}

/// What was asked of the system and what it granted: all of it is speed or care, and nothing fails.
fn tell(lane: usize, pinned: Option<Result<(), rustix::io::Errno>>, arena: Option<&Arena>) {
    if let Some(Err(error)) = pinned {
        tracing::warn!(lane, %error, "the thread cannot be kept on a CPU of its own");
    }
    if let Some((huge_pages, locked)) = arena.map(Arena::grants) {
        let engine = authcluster_argon2id::Path::detect().name();
        tracing::info!(lane, engine, ?huge_pages, memory_locked = ?locked, "lane started");
    }
}

/// Computes for [`CALIBRATION`]: so much work in so much time.
fn calibrate(arena: &mut Arena, policy: Cost) -> Result<(Units, Duration), EngineError> {
    let cost = Cost {
        memory_kib: policy.memory_kib.min(CALIBRATION_KIB_MAX),
        iterations: policy.iterations.min(2),
        parallelism: policy.parallelism,
    };
    let Ok(password) = Password::from_bytes(b"calibration".to_vec()) else {
        return Ok((Units(1), Duration::from_millis(1)));
    };
    let job = Job::Hash { password, cost };
    let (start, mut units) = (clock::now(), Units::ZERO);
    loop {
        compute(&job, arena)?;
        units = units.saturating_add(cost.units());
        let time = clock::now().saturating_duration_since(start);
        if time >= CALIBRATION {
            return Ok((units, time));
        }
    }
}

fn run(shared: &Shared, lane: usize, arena: &mut Arena) {
    while let Some(waiting) = next(shared, lane, arena) {
        let Waiting { job, reply, .. } = waiting;
        let computed = catch_unwind(AssertUnwindSafe(|| compute(&job, arena)));
        let (done, outcome): (Option<Units>, Result<Outcome, WorkError>) = match computed {
            Ok(Ok((outcome, tries))) => {
                (Some(Units(job.demand().units.0.saturating_mul(tries))), Ok(outcome))
            }
            Ok(Err(error)) => (None, Err(WorkError::Failed(Box::new(error)))),
            Err(_) => (None, Err(WorkError::Failed(Box::new(Panicked)))),
        };
        // First the lane, then the reply: whoever has the reply sees the lane free.
        let wanted = !reply.is_closed();
        shared.lock().finish(lane, clock::now(), done, wanted);
        // The caller may be gone; then nobody wants to know.
        drop(reply.send(outcome));
    }
}

/// Waits for a job, and wipes the arena when none comes for a while; `None` ends the lane.
fn next(shared: &Shared, lane: usize, arena: &mut Arena) -> Option<Waiting> {
    let mut wiped = false;
    let mut queue = shared.lock();
    loop {
        let (next, late) = queue.start_next(lane, clock::now());
        for job in late {
            // The wait was longer than predicted, and nothing better is known for the next one.
            drop(job.reply.send(Err(WorkError::Refused(Refused { wait: Duration::ZERO }))));
        }
        if next.is_some() {
            return next;
        }
        if queue.closed {
            return None;
        }
        if wiped {
            queue = shared.changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
            continue;
        }
        let waited = shared.changed.wait_timeout(queue, shared.wipe_after);
        let (locked, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
        queue = locked;
        if timeout.timed_out() && queue.waiting.is_empty() {
            drop(queue);
            arena.wipe();
            wiped = true;
            queue = shared.lock();
            queue.wipes = queue.wipes.saturating_add(1);
        }
    }
}
