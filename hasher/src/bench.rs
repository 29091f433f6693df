//! `hasher bench`: what this machine gives, next to the `argon2` crate as its documentation shows it.
//!
//! Both verify the same stored hash in turns within one run, so that a noisy machine is noisy for
//! both; medians are what to compare. Then all lanes work at once, which shows what the memory's
//! bandwidth leaves of them.

mod measure;

use authcluster_argon2id::Path;
use authcluster_contract::cost::Cost;
use serde::Serialize;

pub use measure::{BenchError, measure};

/// Sets of parameters that OWASP's cheat sheet and RFC 9106 (section 4, second choice: 64 MiB, 3 passes)
/// name, as memory in MiB and passes.
pub const USUAL: [(u32, u32); 4] = [(7, 5), (19, 2), (46, 1), (64, 3)];

/// What to measure.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Sets of parameters.
    pub costs: Vec<Cost>,
    /// Lanes that work at once.
    pub lanes: u32,
    /// Turns of each contender.
    pub rounds: u32,
}

/// What was measured.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Which code filled the blocks.
    pub path: &'static str,
    /// Lanes that worked at once.
    pub lanes: u32,
    /// Turns of each contender.
    pub rounds: u32,
    /// One for each set of parameters.
    pub rows: Vec<Row>,
}

/// One set of parameters.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Row {
    /// Memory, in MiB.
    pub memory_mib: u32,
    /// Passes.
    pub iterations: u32,
    /// Argon2 lanes, computed in turn.
    pub parallelism: u32,
    /// Median time of a verify on one lane, in milliseconds.
    pub hash_ms: f64,
    /// The same for each block of 1 KiB and pass, in nanoseconds.
    pub block_ns: f64,
    /// Hashes per second of one lane that works alone.
    pub lane_hashes_per_second: f64,
    /// Hashes per second of all lanes together.
    pub all_lanes_hashes_per_second: f64,
    /// Median time of `verify_password` of the `argon2` crate, in milliseconds.
    pub crate_hash_ms: f64,
    /// How many times longer the crate takes.
    pub times_crate: f64,
}

/// The medians that a row is made of.
#[derive(Clone, Copy, Debug)]
pub struct Medians {
    /// A verify on one lane, in nanoseconds.
    pub hash_ns: f64,
    /// One by the `argon2` crate, in nanoseconds.
    pub crate_ns: f64,
    /// One when all lanes work, in nanoseconds.
    pub all_lanes_ns: f64,
}

impl Row {
    /// The figures of one set of parameters.
    #[must_use]
    pub fn new(cost: Cost, lanes: u32, medians: Medians) -> Self {
        let Medians { hash_ns, crate_ns, all_lanes_ns } = medians;
        let Cost { memory_kib, iterations, parallelism } = cost;
        Self {
            memory_mib: memory_kib >> 10,
            iterations,
            parallelism,
            hash_ms: hash_ns / 1e6,
            block_ns: hash_ns / f64::from(memory_kib) / f64::from(iterations),
            lane_hashes_per_second: 1e9 / hash_ns,
            all_lanes_hashes_per_second: f64::from(lanes) * 1e9 / all_lanes_ns,
            crate_hash_ms: crate_ns / 1e6,
            times_crate: crate_ns / hash_ns,
        }
    }
}

impl Report {
    fn new(wanted: &Wanted, rows: Vec<Row>) -> Self {
        let path = Path::detect().name();
        Self { path, lanes: wanted.lanes, rounds: wanted.rounds, rows }
    }

    /// For people.
    #[must_use]
    pub fn table(&self) -> String {
        let Self { path, lanes, rounds, rows } = self;
        let mut text = format!(
            "engine path {path}; medians of {rounds} turns\n\n\
             {:>12} {:>9} {:>9} {:>12} {:>14} {:>11} {:>8}\n",
            "m MiB, t, p",
            "ms/hash",
            "ns/block",
            "hashes/s",
            format!("{lanes} lanes, /s"),
            "crate, ms",
            "x crate",
        );
        for row in rows {
            let set = format!("{}, {}, {}", row.memory_mib, row.iterations, row.parallelism);
            text.push_str(&format!(
                "{set:>12} {:>9.2} {:>9.1} {:>12.1} {:>14.1} {:>11.2} {:>8.2}\n",
                row.hash_ms,
                row.block_ns,
                row.lane_hashes_per_second,
                row.all_lanes_hashes_per_second,
                row.crate_hash_ms,
                row.times_crate,
            ));
        }
        text
    }

    /// For programs.
    ///
    /// # Errors
    /// None that can come about: these are numbers and names.
    pub fn json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(self)
    }
}

#[cfg(test)]
mod tests;
