//! `hasher wrap`: Argon2id around every old hash of a user table, row by row, as it can be.
//!
//! Killed at any point and started again it goes on, and the file in the end is that of a run that was never
//! killed (`run`). A row that cannot be wrapped is kept with its error code, and never ends the run.

mod plan;
mod run;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::Path;

use anyhow::Context as _;
use authcluster_contract::http::Code;
use indicatif::{ProgressBar, ProgressStyle};

use self::run::Run;
use super::lines::Lines;
use super::output;
use super::rows::{Answer, ENCODED, Fields, OUTCOME, Pipeline, is_row};
use crate::args::WrapArgs;
use crate::error::ApiError;
use crate::formats::argon2::Salt;
use crate::formats::{Bounds, FormatError, NotWrappable, Stored, Wrappable};
use crate::policy::rehash::Policy;
use crate::start::default_lanes;
use crate::work::{Job, Outcome};

/// Field with the hash that is replaced.
const REPLACES: &str = "replaces";

/// What [`OUTCOME`] says of a row that is wrapped.
const WRAPPED: &str = "wrapped";

/// Why a row is not wrapped.
#[derive(Debug, thiserror::Error)]
enum RowError {
    /// No object with one text `encoded`.
    #[error("it is no JSON object with one text `encoded`")]
    Malformed,
    /// Its hash cannot be read.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// Its hash cannot be wrapped.
    #[error(transparent)]
    Wrap(#[from] NotWrappable),
}

impl RowError {
    fn code(&self) -> Code {
        match self {
            Self::Malformed => Code::MalformedRequest,
            Self::Format(error) => ApiError::from(*error).code(),
            Self::Wrap(error) => ApiError::from(*error).code(),
        }
    }
}

/// A row on its way.
struct Row {
    fields: Fields,
    old: String,
    /// Bytes of the input up to its end.
    end: u64,
}

/// `hasher wrap`.
///
/// # Errors
/// An input without any row, files that cannot be read or written or that are of another run, or a policy out of
/// bounds.
pub fn wrap(args: &WrapArgs) -> anyhow::Result<()> {
    let (policy, bounds) = super::policy(&args.policy)?;
    let lanes = args.lanes.unwrap_or_else(default_lanes);
    let name = || args.input.display().to_string();
    let input = File::open(&args.input).with_context(name)?;
    let metadata = input.metadata().with_context(name)?;
    // A pipe can be read only once, and is judged at the end of the run.
    let is_file = metadata.is_file();
    if is_file {
        ensure_rows(File::open(&args.input).with_context(name)?).with_context(name)?;
    }
    let input_bytes = metadata.len();
    let mut lines = Lines::new(BufReader::new(input));
    let Some(output) = &args.output else {
        return plan::say(&mut lines, &policy, &bounds, lanes);
    };
    let run = Run::open(output, &policy, &mut lines)
        .with_context(|| format!("{} into {}", args.input.display(), output.display()))?;
    let bar = progress_bar(input_bytes, run.input_done)?;
    let counts = work(run, &mut lines, (policy, bounds), lanes, &bar)?;
    summary(&counts, output)?;
    let has_row = counts.keys().any(|outcome| outcome != Code::MalformedRequest.as_str());
    lines.ensure_rows(is_file || has_row).with_context(name)
}

/// How far the input is read, on standard error. The library shows nothing where that is no terminal.
fn progress_bar(input_bytes: u64, done: u64) -> anyhow::Result<ProgressBar> {
    let style = "[{bar:30}] {percent:>3} %, {bytes} of {total_bytes}, {eta_precise} left";
    let style = ProgressStyle::with_template(style)?.progress_chars("#>-");
    let bar = ProgressBar::new(input_bytes).with_style(style).with_position(done);
    // An earlier process wrapped the rows before; their speed says nothing of this one's.
    bar.reset_eta();
    Ok(bar)
}

/// Reads up to the first row that can be read, so that an input of another kind is refused before anything is written.
fn ensure_rows(input: File) -> anyhow::Result<()> {
    let (mut lines, mut has_row) = (Lines::new(BufReader::new(input)), false);
    while let Some(line) = lines.next_row()? {
        has_row = has_row || is_row(line.text);
        if has_row && std::str::from_utf8(line.text).is_ok() {
            return Ok(());
        }
    }
    Ok(lines.ensure_rows(has_row)?)
}

/// Wraps the rows that are left, and ends the run.
fn work(
    run: Run,
    lines: &mut Lines<impl BufRead>,
    (policy, bounds): (Policy, Bounds),
    lanes: u32,
    bar: &ProgressBar,
) -> anyhow::Result<BTreeMap<String, u64>> {
    let mut counts = run.counts.clone();
    let mut output = BufWriter::new(&run.output);
    let mut pipeline = Pipeline::start(lanes, policy.cost)?;
    let mut write = |row: Row, answer: Answer| {
        let (end, (fields, outcome)) = (row.end, answered(row, answer)?);
        serde_json::to_writer(&mut output, &fields)?;
        output.write_all(b"\n")?;
        *counts.entry(outcome).or_default() += 1;
        bar.set_position(end);
        Ok(())
    };
    while let Some(line) = lines.next_row()? {
        let fields = Fields::read(line.text);
        let (old, job) = match job(fields.as_ref(), &policy, &bounds, run.salt(line.number)?) {
            Ok((old, job)) => (old, Ok(job)),
            Err(error) => (String::new(), Err(error.code())),
        };
        let mut fields = fields.unwrap_or_default();
        if matches!(job, Err(Code::MalformedRequest)) {
            fields.set_line(line.number)?;
        }
        let row = Row { fields, old, end: line.end };
        pipeline.take(row, job, &mut write)?;
    }
    pipeline.finish(&mut write)?;
    output.flush()?;
    drop(output);
    bar.finish();
    run.end()?;
    Ok(counts)
}

/// The old hash of a row, and how it is wrapped.
fn job(
    fields: Option<&Fields>,
    policy: &Policy,
    bounds: &Bounds,
    salt: Salt,
) -> Result<(String, Job), RowError> {
    let old = fields.and_then(|fields| fields.text(ENCODED)).ok_or(RowError::Malformed)?;
    let legacy = Wrappable::new(Stored::parse(&old, bounds)?, bounds)?;
    Ok((old, Job::Wrap { legacy, policy: policy.clone(), salt: Some(salt) }))
}

/// The row as it is written, and its outcome.
fn answered(row: Row, answer: Answer) -> anyhow::Result<(Fields, String)> {
    let Row { mut fields, old, .. } = row;
    // Those of before are none of this.
    fields.remove(REPLACES);
    fields.remove(OUTCOME);
    let outcome = match answer {
        Ok(Outcome::Hashed(new)) => {
            fields.set(ENCODED, &new)?;
            fields.set(REPLACES, &old)?;
            WRAPPED
        }
        Ok(Outcome::Verified(_)) => Code::Internal.as_str(),
        Err(code) => code.as_str(),
    };
    fields.set(OUTCOME, &outcome)?;
    Ok((fields, outcome.to_owned()))
}

fn summary(counts: &BTreeMap<String, u64>, output: &Path) -> anyhow::Result<()> {
    let mut out = output::stdout();
    let rows: u64 = counts.values().sum();
    writeln!(out, "{rows} rows in {}", output.display())?;
    for (outcome, count) in counts {
        writeln!(out, "{count:>10}  {outcome}")?;
    }
    Ok(())
}
