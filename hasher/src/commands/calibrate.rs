//! `hasher calibrate`: which Argon2id parameters fit this machine, and why. What to propose is decided in
//! `policy::pricing::propose`; here are the measuring and the telling.

use std::io::Write;
use std::time::Duration;

use anyhow::Context as _;
use authcluster_argon2id::Path;
use authcluster_contract::cost::Cost;
use serde::Serialize;
use serde_json::json;

use super::output;
use crate::args::CalibrateArgs;
use crate::calibration::{Span, measure_together};
use crate::container::{self, MemoryLimit};
use crate::policy::budget::OVERHEAD_KIB;
use crate::policy::pricing::probes::{Probe, sizes_up_to};
use crate::policy::pricing::propose::{Choice, FLOOR, Wish, lane_kib, propose};
use crate::policy::pricing::rates::Rates;
use crate::start::default_lanes;

/// Argon2 with so much memory tells how much more is worth measuring.
const FIRST_KIB: u32 = 19 * 1024;

/// A first look, and then the measuring: long enough for three runs of two passes at the largest memory that a
/// target of some 100 ms asks for.
const LOOK: Span = Span { usual: Duration::from_millis(100), most: Duration::from_millis(500) };
const MEASURE: Span = Span { usual: Duration::from_secs(2), most: Duration::from_secs(10) };

/// What there is to compute with.
#[derive(Debug, Serialize)]
struct Machine {
    engine: &'static str,
    lanes: u32,
    /// In thousandths of a CPU.
    cpu_quota_milli: Option<u64>,
    memory_limit_mib: u64,
    memory_limit_from: String,
    /// The part of the clock that lanes were on a CPU, in percent.
    cpu_percent: u64,
}

/// One set of parameters, and what a pod does with it.
#[derive(Debug, Serialize)]
struct Set {
    memory_mib: u32,
    iterations: u32,
    parallelism: u32,
    hash_ms: f64,
    hashes_per_second: f64,
    pod_memory_mib: u64,
}

impl Set {
    fn new(Choice { memory_mib, iterations, time }: Choice, lanes: u32) -> Self {
        let each = time.as_secs_f64().max(1e-9);
        Self {
            memory_mib,
            iterations,
            parallelism: 1,
            hash_ms: each * 1e3,
            hashes_per_second: f64::from(lanes) / each,
            pod_memory_mib: u64::from(lanes) * u64::from(memory_mib) + OVERHEAD_KIB / 1024,
        }
    }
}

/// `hasher calibrate`.
///
/// # Errors
/// A pod or a target that is too small for anything that is safe, or no memory to measure in.
pub fn calibrate(args: &CalibrateArgs) -> anyhow::Result<()> {
    let lanes = args.lanes.unwrap_or_else(default_lanes);
    let (memory_kib, memory_limit_from) = memory(args)?;
    let target = Duration::from_millis(args.target_ms.into());
    let wish = Wish { target, lanes, memory_kib };

    lane_kib(lanes, memory_kib)?;
    // This may run beside a hasher in its container: what is not free is not touched.
    let free_kib = container::memory_free_kib().unwrap_or(memory_kib) / 4 * 3;
    let room_kib = lane_kib(lanes, memory_kib.min(free_kib))
        .context("not enough memory is free to measure in")?;
    let first_kib = FIRST_KIB.min(room_kib);
    let (look, _) = rates(lanes, first_kib, LOOK)?;
    let wanted = target.as_nanos() / (look.unit().as_nanos().max(1)) * 1024;
    let arena_kib = u32::try_from(wanted).unwrap_or(u32::MAX).clamp(first_kib, room_kib);
    let (rates, cpu_permille) = rates(lanes, arena_kib, MEASURE)?;

    let choices = propose(&rates, wish)?;
    let chosen = *choices.last().context("nothing is proposed")?;
    let measured = check(lanes, chosen, room_kib)?;
    let machine = Machine {
        engine: Path::detect().name(),
        lanes,
        cpu_quota_milli: container::cpu_quota_milli(),
        memory_limit_mib: memory_kib / 1024,
        memory_limit_from,
        cpu_percent: cpu_permille.div_ceil(10),
    };
    let sets: Vec<Set> = choices.into_iter().map(|choice| Set::new(choice, lanes)).collect();
    let mut out = output::stdout();
    if args.json {
        let measured_ms = measured.map(|time| time.as_secs_f64() * 1e3);
        let proposal = sets.last();
        let floor = FLOOR.map(|(memory_mib, iterations)| {
            json!({ "memory_mib": memory_mib, "iterations": iterations })
        });
        let said = json!({ "target_ms": args.target_ms, "machine": machine, "proposal": proposal,
            "proposal_measured_ms": measured_ms, "sets": sets, "floor": floor });
        writeln!(out, "{}", serde_json::to_string_pretty(&said)?)?;
    } else {
        table(&mut out, args.target_ms, &machine, &sets, measured)?;
    }
    Ok(())
}

/// Memory of a pod, in KiB, and who says so.
fn memory(args: &CalibrateArgs) -> anyhow::Result<(u64, String)> {
    if let Some(mib) = args.memory_limit_mib {
        return Ok((u64::from(mib) * 1024, "as asked".to_owned()));
    }
    match container::memory_limit() {
        Some(MemoryLimit { kib, file }) => Ok((kib, format!("limit of {}", file.display()))),
        None => {
            let free_kib = container::memory_free_kib();
            let free_kib = free_kib.context("there is no memory limit: say --memory-limit-mib")?;
            Ok((free_kib / 2, "no limit: half of what is free".to_owned()))
        }
    }
}

/// The rates of so many lanes at work, and the part of the clock that they had a CPU.
fn rates(lanes: u32, arena_kib: u32, span: Span) -> anyhow::Result<(Rates, u64)> {
    let measured = measure_together(lanes, arena_kib, &sizes_up_to(arena_kib), span)?;
    let largest = Cost { memory_kib: arena_kib, iterations: 1, parallelism: 1 };
    Ok((Rates::measured(largest, arena_kib, &measured), measured.cpu_permille()))
}

/// What the chosen set takes, when there is memory for it.
fn check(lanes: u32, chosen: Choice, room_kib: u32) -> anyhow::Result<Option<Duration>> {
    let Choice { memory_mib, iterations: passes, .. } = chosen;
    let memory_kib = memory_mib.saturating_mul(1024);
    if room_kib < memory_kib {
        return Ok(None);
    }
    let probe = Probe::Argon2 { memory_kib, passes };
    Ok(measure_together(lanes, memory_kib, &[probe], MEASURE)?.median(probe))
}

fn table(
    out: &mut impl Write,
    target_ms: u32,
    machine: &Machine,
    sets: &[Set],
    measured: Option<Duration>,
) -> std::io::Result<()> {
    let Machine { engine, lanes, memory_limit_mib, memory_limit_from, cpu_percent, .. } = machine;
    let quota = machine.cpu_quota_milli.map_or_else(
        || "no CPU quota".to_owned(),
        |milli| format!("a quota of {}.{:02} CPUs", milli / 1_000, milli % 1_000 / 10),
    );
    writeln!(
        out,
        "engine path {engine}; {lanes} lanes, {quota}; a pod of {memory_limit_mib} MiB ({memory_limit_from})\n\n  \
         {:>14} {:>9} {:>11} {:>9}",
        "m MiB, t, p", "ms/hash", "hashes/s", "pod MiB"
    )?;
    for (place, set) in sets.iter().enumerate() {
        let mark = if place + 1 == sets.len() { "*" } else { " " };
        let Set { memory_mib, iterations, parallelism, .. } = set;
        writeln!(
            out,
            "{mark} {:>14} {:>9.1} {:>11.1} {:>9}",
            format!("{memory_mib}, {iterations}, {parallelism}"),
            set.hash_ms,
            set.hashes_per_second,
            set.pod_memory_mib
        )?;
    }
    let floor = FLOOR.map(|(memory_mib, passes)| format!("{memory_mib} MiB x {passes}")).join(", ");
    let took = measured.map_or_else(
        || "not run: its memory is not free now".to_owned(),
        |time| format!("run on all lanes, it takes {:.1} ms", time.as_secs_f64() * 1e3),
    );
    writeln!(
        out,
        "\n* the most memory that a lane has room for and {target_ms} ms have time for, then passes (RFC 9106, \
         section 4);\n  {took}. Other rows take as long and are for pods with less memory.\n\
         Each is as strong as OWASP's least ({floor}) or stronger.\n\
         hashes/s are a pod's; pod MiB are its lanes' memory and {} for the program.",
        OVERHEAD_KIB / 1024
    )?;
    if *cpu_percent < 90 {
        writeln!(
            out,
            "\nOther work took {} % of the lanes' time: on a quiet machine more would be proposed.",
            100 - cpu_percent
        )?;
    }
    if let Some(Set { memory_mib, iterations, parallelism, .. }) = sets.last() {
        writeln!(
            out,
            "\n[password.argon2id]\nmemory_mib = {memory_mib}\niterations = {iterations}\nparallelism = {parallelism}"
        )?;
    }
    Ok(())
}
