//! Argon2id here, in the `argon2` crate and in libargon2, alternating in one run.
//!
//! `cargo run --release -p authcluster-argon2id --example bench [-- --json] [--rounds N]`
//!
//! Contenders take turns, so that a noisy machine is noisy for all, and the medians are what to
//! compare. A turn is three hashes, and the third is timed: the others bring back into the caches
//! what the other contenders' memory drove out, which a lane that hashes all day never loses.
//! `--cold` times the first. Pin it to a quiet core (`taskset -c 1`) for the single-lane table; the
//! two lanes at the end need two.

#![expect(clippy::print_stdout, reason = "a benchmark prints its table")]

mod contenders;
mod lanes;
mod machine;
mod report;

use authcluster_argon2id::Cost;

use contenders::Contender;
use report::{Report, Row};

/// The costs that OWASP and RFC 9106 name, and one that stays in the second-level cache.
const COSTS: [(u32, u32); 5] =
    [(7 << 10, 5), (19 << 10, 2), (46 << 10, 1), (64 << 10, 3), (256, 8)];

/// Rounds when none are given: enough for a median that repeats to a few percent.
const ROUNDS: usize = 15;

fn main() -> Result<(), String> {
    let options = Options::parse(std::env::args().skip(1))?;
    let mut report = Report::new(machine::describe(), options.rounds);
    for (memory_kib, passes) in COSTS {
        if options.memory_kib.is_some_and(|only| only != memory_kib) {
            continue;
        }
        let cost = Cost { memory_kib, passes, lanes: 1 };
        for (name, times_ns) in measure(cost, &options)? {
            report.rows.push(Row::new(cost, name, times_ns));
        }
    }
    if options.lanes {
        for (memory_kib, passes) in COSTS {
            if options.memory_kib.is_none_or(|only| only == memory_kib) {
                let cost = Cost { memory_kib, passes, lanes: 1 };
                report.lanes.push(lanes::measure(cost, options.rounds)?);
            }
        }
    }
    println!("{}", if options.json { report.json() } else { report.table() });
    Ok(())
}

/// The times of each contender in nanoseconds a hash, one a round.
fn measure(cost: Cost, options: &Options) -> Result<Vec<(&'static str, Vec<f64>)>, String> {
    let mut contenders = contenders::all(cost)?;
    contenders.retain(|contender| contender.name.contains(&options.contender));
    agree(&mut contenders)?;
    let mut times_ns: Vec<(&'static str, Vec<f64>)> =
        contenders.iter().map(|contender| (contender.name, Vec::new())).collect();
    for _ in 0..options.rounds {
        for (contender, (_, times_ns)) in contenders.iter_mut().zip(&mut times_ns) {
            for _ in 0..options.warm_ups {
                (contender.hash)()?;
            }
            times_ns.push(machine::time_ns(|| (contender.hash)())?);
        }
    }
    Ok(times_ns)
}

/// A fast wrong answer is no answer: all must give the same tag. This warms them up, too.
fn agree(contenders: &mut [Contender]) -> Result<(), String> {
    let mut tags = Vec::new();
    for contender in contenders.iter_mut() {
        (contender.hash)()?;
        tags.push((contender.name, (contender.tag)()));
    }
    match tags.iter().find(|(_, tag)| Some(tag) != tags.first().map(|(_, tag)| tag)) {
        Some((name, _)) => Err(format!("{name} gives another tag")),
        None => Ok(()),
    }
}

/// Hashes of a turn before the one that is timed.
const WARM_UPS: usize = 2;

const USAGE: &str =
    "use [--json] [--cold] [--no-lanes] [--rounds N] [--memory-kib KIB] [--contender PART-OF-NAME]";

/// What the command line asked for.
struct Options {
    json: bool,
    lanes: bool,
    rounds: usize,
    memory_kib: Option<u32>,
    contender: String,
    warm_ups: usize,
}

impl Options {
    fn parse(mut args: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Self {
            json: false,
            lanes: true,
            rounds: ROUNDS,
            memory_kib: None,
            contender: String::new(),
            warm_ups: WARM_UPS,
        };
        while let Some(arg) = args.next() {
            match arg.as_str() {
                "--cold" => options.warm_ups = 0,
                "--json" => options.json = true,
                "--no-lanes" => options.lanes = false,
                "--rounds" => options.rounds = number(args.next())?,
                "--memory-kib" => options.memory_kib = Some(number(args.next())?),
                "--contender" => options.contender = args.next().unwrap_or_default(),
                _ => return Err(format!("{arg}: {USAGE}")),
            }
        }
        Ok(options)
    }
}

fn number<T: std::str::FromStr>(arg: Option<String>) -> Result<T, String> {
    arg.and_then(|arg| arg.parse().ok()).ok_or_else(|| "a number is missing".into())
}
