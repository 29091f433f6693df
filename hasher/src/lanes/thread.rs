//! One lane: a thread that measures itself, and then takes jobs until the lanes end.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Barrier, PoisonError, mpsc};
use std::thread;

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use super::queue::{Ended, Waiting};
use super::{LanesConfig, Shared, StartLanesError};
use crate::calibration::{AT_START, measure};
use crate::clock;
use crate::engine::{Arena, compute};
use crate::policy::pricing::probes::{Measured, Probe, probes};
use crate::policy::pricing::rates::Rates;
use crate::work::{Outcome, Refused, WorkError};

/// A lane panicked; the job is lost, the lane goes on.
#[derive(Debug, thiserror::Error)]
#[error("the hashing thread panicked")]
struct Panicked;

/// Starts all lanes, each with its arena, and gives back what they measured together.
pub(super) fn start(shared: &Arc<Shared>, config: LanesConfig) -> Result<Rates, StartLanesError> {
    let start = clock::now();
    let (sender, measured) = mpsc::channel();
    let lanes = usize::try_from(config.lanes).unwrap_or(usize::MAX);
    let all_busy = Arc::new(Barrier::new(lanes));
    let probes: Arc<[Probe]> =
        probes(config.lanes, config.cost.memory_kib, config.large_kib).into();
    for lane in 0..lanes {
        let (shared, sender, all_busy) = (shared.clone(), sender.clone(), all_busy.clone());
        let probes = Arc::clone(&probes);
        let body = move || {
            let pinned = config.pin.then(|| pin(lane));
            let arena = Arena::new(config.cost.memory_kib);
            tell(lane, pinned, arena.as_ref().ok());
            all_busy.wait();
            match arena {
                Err(error) => drop(sender.send(Err(error))),
                Ok(mut arena) => {
                    drop(sender.send(measure(&mut arena, &probes, AT_START)));
                    drop(sender);
                    run(&shared, lane, &mut arena);
                }
            }
        };
        let name = format!("lane-{lane}");
        thread::Builder::new().name(name).spawn(body).map_err(StartLanesError::Thread)?;
    }
    drop(sender);
    let mut all = Measured::default();
    for _ in 0..lanes {
        let own = measured.recv().map_err(|_| StartLanesError::Gone)?;
        all.add(own.map_err(StartLanesError::FirstHash)?);
    }
    let rates = Rates::measured(config.cost, config.cost.memory_kib, &all);
    let took_ms = clock::now().saturating_duration_since(start).as_millis();
    let (unit_us, cpu_permille) = (rates.unit().as_micros(), all.cpu_permille());
    tracing::info!(lanes, took_ms, cpu_permille, unit_us, ns = %rates, "lanes are measured");
    Ok(rates)
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

fn run(shared: &Shared, lane: usize, arena: &mut Arena) {
    while let Some(waiting) = next(shared, lane, arena) {
        let Waiting { job, reply, .. } = waiting;
        let cpu = clock::thread_cpu();
        let computed = catch_unwind(AssertUnwindSafe(|| compute(&job, arena)));
        let cpu = clock::thread_cpu().saturating_sub(cpu);
        let (tries, outcome): (Option<u32>, Result<Outcome, WorkError>) = match computed {
            Ok(Ok((outcome, tries))) => (Some(tries), Ok(outcome)),
            Ok(Err(error)) => (None, Err(WorkError::Failed(Box::new(error)))),
            Err(_) => (None, Err(WorkError::Failed(Box::new(Panicked)))),
        };
        // First the lane, then the reply: whoever has the reply sees the lane free.
        let ended = Ended { tries, wanted: !reply.is_closed(), cpu };
        shared.lock().finish(lane, clock::now(), &ended);
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
        for (job, wait) in late {
            drop(job.reply.send(Err(WorkError::Refused(Refused { wait }))));
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
