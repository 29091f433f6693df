//! Two lanes at once, each with a thread and an arena of its own, against one: what memory
//! bandwidth leaves.

use std::sync::Barrier;

use authcluster_argon2id::{Cost, Path};

use crate::contenders::Lane;
use crate::machine::time_ns;
use crate::report::{Lanes, median};

/// Hashes a lane does in a round: long enough that a late start of one lane does not show.
const HASHES: usize = 4;

/// Alternates one lane and two, and gives the medians.
pub(crate) fn measure(cost: Cost, rounds: usize) -> Result<Lanes, String> {
    let mut lanes = [Lane::new(Path::detect(), cost)?, Lane::new(Path::detect(), cost)?];
    let mut one_ns = Vec::new();
    let mut two_ns = Vec::new();
    for _ in 0..rounds {
        let [first, _] = &mut lanes;
        one_ns.push(together(std::slice::from_mut(first))?);
        two_ns.push(together(&mut lanes)?);
    }
    Ok(Lanes { cost, one_ns: median(one_ns), two_ns: median(two_ns) })
}

/// The time of a hash when all `lanes` work at once, in nanoseconds.
fn together(lanes: &mut [Lane]) -> Result<f64, String> {
    let barrier = Barrier::new(lanes.len());
    let times_ns: Result<Vec<f64>, String> = std::thread::scope(|scope| {
        let threads: Vec<_> = lanes
            .iter_mut()
            .map(|lane| {
                scope.spawn(|| {
                    lane.hash()?;
                    barrier.wait();
                    time_ns(|| (0..HASHES).try_for_each(|_| lane.hash().map(drop)))
                })
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap_or_else(|_| Err("a lane panicked".into())))
            .collect()
    });
    let slowest = times_ns?.into_iter().fold(0.0, f64::max);
    Ok(slowest / HASHES as f64)
}
