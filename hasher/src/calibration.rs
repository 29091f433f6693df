//! What lanes measure before they take work: how long each function takes here, with all lanes busy.
//!
//! Thin: what to measure and what to make of it is decided in `policy::pricing`. Every probe runs the code
//! that a request would, on a stored hash that nobody's password is. It is blocking, and it is bounded:
//! after [`Span::usual`] a lane stops, and what it has not begun after [`Span::most`] it leaves out.

use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

use authcluster_contract::cost::Cost;
use authcluster_contract::secret::Password;

use crate::clock;
use crate::engine::{Arena, EngineError, compute};
use crate::formats::{Bounds, Stored};
use crate::policy::pricing::probes::{Measured, Probe};
use crate::policy::pricing::steps::Primitive;
use crate::policy::rehash::Policy;
use crate::work::Job;

/// How long is measured.
#[derive(Clone, Copy, Debug)]
pub struct Span {
    /// If all probes were run once by then.
    pub usual: Duration,
    /// No probe begins later, on however slow a machine.
    pub most: Duration,
}

/// At start, before a pod is ready. A quarter of a second is two and a half periods of a CPU quota, so that
/// a lane's share of the CPU shows, and each probe has about three runs in it; with half of it a single
/// interruption would count. The longest probe takes a tenth of a second on a current machine, so
/// all is over within two seconds.
pub const AT_START: Span =
    Span { usual: Duration::from_millis(250), most: Duration::from_millis(1_500) };

/// Why nothing was measured.
#[derive(Debug, thiserror::Error)]
pub enum MeasureError {
    /// No memory, or no first hash.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// A thread panicked.
    #[error("a lane panicked")]
    Panicked,
}

/// A probe and what it runs.
struct Run {
    probe: Probe,
    job: Option<Job>,
    steps: u64,
}

/// Measures on this lane.
///
/// # Errors
/// The first hash does not come out. Of what comes later nothing is known then, and that is all.
pub fn measure(arena: &mut Arena, probes: &[Probe], span: Span) -> Result<Measured, EngineError> {
    let mut measured = Measured::default();
    let (start, cpu) = (clock::now(), clock::thread_cpu());
    let is_over = |after: Duration| after <= clock::now().saturating_duration_since(start);
    let runs: Vec<Run> = probes.iter().filter_map(|probe| Run::of(*probe)).collect();
    let mut rounds = 0_u32;
    'all: while rounds == 0 || !is_over(span.usual) {
        for (place, run) in runs.iter().enumerate() {
            let is_first = rounds == 0 && place == 0;
            if !is_first && is_over(if rounds == 0 { span.most } else { span.usual }) {
                break 'all;
            }
            match run.time(arena) {
                Ok(cpu) => measured.ran(run.probe, run.steps, cpu),
                Err(error) if is_first => return Err(error),
                Err(error) => tracing::warn!(?error, probe = ?run.probe, "a probe did not run"),
            }
        }
        rounds = rounds.saturating_add(1);
    }
    measured.took(clock::thread_cpu().saturating_sub(cpu), since(start));
    Ok(measured)
}

/// Measures on lanes made for it, all at once.
///
/// # Errors
/// No memory or no thread for one of them, or no first hash.
pub fn measure_together(
    lanes: u32,
    arena_kib: u32,
    probes: &[Probe],
    span: Span,
) -> Result<Measured, MeasureError> {
    let arenas = (0..lanes).map(|_| Arena::new(arena_kib));
    let mut arenas = arenas.collect::<Result<Vec<_>, EngineError>>()?;
    let together = Barrier::new(arenas.len());
    thread::scope(|scope| {
        let lanes = arenas.iter_mut().map(|arena| {
            scope.spawn(|| {
                together.wait();
                measure(arena, probes, span)
            })
        });
        let lanes: Vec<_> = lanes.collect();
        let mut all = Measured::default();
        for lane in lanes {
            all.add(lane.join().map_err(|_| MeasureError::Panicked)??);
        }
        Ok(all)
    })
}

fn since(start: Instant) -> Duration {
    clock::now().saturating_duration_since(start)
}

impl Run {
    /// `None` when there is nothing to run, which a test rules out.
    fn of(probe: Probe) -> Option<Self> {
        let password = Password::from_bytes(b"calibration".to_vec()).ok()?;
        match probe {
            Probe::Argon2 { memory_kib, passes: iterations } => {
                let cost = Cost { memory_kib, iterations, parallelism: 1 };
                let policy = Policy { cost, pepper: None };
                Some(Self { probe, job: Some(Job::Hash { password, policy }), steps: 1 })
            }
            Probe::Steps { of, heap_kib } => {
                let stored = Stored::parse(example(of, heap_kib)?, &Bounds::default()).ok()?;
                let job = Job::Verify { password, stored: Arc::new(stored) };
                let steps = job.demand().steps?.count;
                Some(Self { probe, job: Some(job), steps })
            }
            Probe::Map { memory_kib } => Some(Self { probe, job: None, steps: memory_kib.into() }),
        }
    }

    /// The CPU's time of one run.
    fn time(&self, arena: &mut Arena) -> Result<Duration, EngineError> {
        let start = clock::thread_cpu();
        match (&self.job, self.probe) {
            (Some(job), _) => drop(compute(job, arena)?),
            (None, Probe::Map { memory_kib }) => drop(Arena::new(memory_kib)?),
            (None, Probe::Argon2 { .. } | Probe::Steps { .. }) => {}
        }
        Ok(clock::thread_cpu().saturating_sub(start))
    }
}

/// A stored hash that takes a millisecond or so of a primitive; 16 where it has 8 MiB of memory.
fn example(of: Primitive, heap_kib: u32) -> Option<&'static str> {
    Some(match (of, heap_kib) {
        (Primitive::Blowfish, _) => "$2b$05$abcdefghijklmnopqrstuu8.veTXNDPV2eEsdpKNczMw2otgh5LnK",
        (Primitive::Md5, _) => "$P$BS0N5L672xzQx1rt1vgdJQRYKnQM9/.",
        (Primitive::Sha1, _) => "$pbkdf2$10000$atrXFCWdBlpmzIi/nXwJOw$20Lsx44nZwmh09bjGHFJ//oRZh8",
        (Primitive::Sha256, _) => {
            "$pbkdf2-sha256$10000$aoWHXwyz0im1Hqg93.N.tA$bO5LsjmnnPle2Xm9RE6W1PMWdJTy1TnEia1TLzynuIQ"
        }
        (Primitive::Sha512, _) => {
            "$pbkdf2-sha512$2500$bHfSOIyj0UDoCo1Q4Bz49w$\
             v/olF/T/R6On84NuHlNCiI/sUwsdyOC7J4cO8Cz7feNtLHHEKNjayeEZj0b/Js/cgkMK6zLFw2vynLo2el028Q"
        }
        // 8,001 rounds.
        (Primitive::Des, _) => "_/x/.CCCCXUhOBTXzaiE",
        (Primitive::Scrypt, 1024) => {
            "$scrypt$ln=10,r=8,p=1$cmFuZG9tc2FsdGlzaGFyZA$Rh+NnJNo1I6nRwaNqbDm6kmADswD1+7FTKZ7Ln9D8nQ"
        }
        (Primitive::Scrypt, _) => {
            "$scrypt$ln=13,r=8,p=1$cmFuZG9tc2FsdGlzaGFyZA$Rh+NnJNo1I6nRwaNqbDm6kmADswD1+7FTKZ7Ln9D8nQ"
        }
        (Primitive::Yescrypt, 1024) => {
            "$y$j75$K3wjJ.n1W9g1TfLeI0ESC0$SAt46wIbyewhlHlKVQcelosVETYUGOaV6mC1qjurql9"
        }
        (Primitive::Yescrypt, _) => {
            "$y$jA5$K3wjJ.n1W9g1TfLeI0ESC0$SAt46wIbyewhlHlKVQcelosVETYUGOaV6mC1qjurql9"
        }
        (Primitive::Md4 | Primitive::Sha3, _) => return None,
    })
}

#[cfg(test)]
mod tests;
