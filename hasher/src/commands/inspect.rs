//! `hasher inspect`: what the hashes of a user table are, what verifying them costs, and which of them
//! would be refused. Nothing of a hash but its parameters is printed.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use anyhow::Context as _;
use authcluster_contract::cost::Cost;
use authcluster_contract::formats::InspectReply;
use authcluster_contract::http::Code;
use serde::Deserialize;
use serde_json::json;

use super::lines::{self, Lines};
use super::output;
use crate::args::InspectArgs;
use crate::calibration::{AT_START, measure};
use crate::engine::Arena;
use crate::error::ApiError;
use crate::flows::describe;
use crate::formats::{Bounds, FormatError, Stored};
use crate::policy::budget::LARGE_KIB_MAX;
use crate::policy::pricing::probes::probes;
use crate::policy::pricing::rates::Rates;

/// A row of JSON that holds a hash.
#[derive(Deserialize)]
struct Row {
    encoded: String,
}

/// Why a line is refused.
#[derive(Clone, Copy, Debug, thiserror::Error)]
enum InspectRowError {
    #[error("the line is not UTF-8")]
    NotUtf8,
    #[error(transparent)]
    Format(#[from] FormatError),
}

impl InspectRowError {
    fn code(self) -> Code {
        match self {
            Self::NotUtf8 => Code::MalformedRequest,
            Self::Format(error) => ApiError::from(error).code(),
        }
    }
}

/// `hasher inspect`: whether all hashes can be verified here.
///
/// # Errors
/// A file that cannot be read or holds no hashes, or a policy out of bounds.
pub fn inspect(args: &InspectArgs) -> anyhow::Result<bool> {
    let (policy, bounds) = super::policy(&args.policy)?;
    let rates = rates(policy.cost)?;
    let path = args.file.as_deref().unwrap_or(Path::new("-"));
    let mut lines = Lines::new(lines::open(path)?);
    let mut out = output::stdout();
    let mut summary = Summary::default();
    while let Some(line) = lines.next_row().with_context(|| path.display().to_string())? {
        let read = stored(line.text, &bounds);
        let said =
            read.map(|stored| describe(&stored, &policy, rates.quote(stored.usual_demand())));
        if args.json {
            writeln!(out, "{}", as_json(line.number, &said)?)?;
        } else {
            as_text(&mut out, line.number, &said)?;
        }
        summary.add(said);
    }
    lines.ensure_rows(true).with_context(|| path.display().to_string())?;
    if !args.json && summary.rows > 1 {
        summary.write(&mut out)?;
    }
    Ok(summary.refused.is_empty())
}

/// The hash of a line, which is the line itself or a field of it.
fn stored(line: &[u8], bounds: &Bounds) -> Result<Stored, InspectRowError> {
    let line = std::str::from_utf8(line).map_err(|_| InspectRowError::NotUtf8)?;
    let row = serde_json::from_str::<Row>(line);
    let encoded = row.map_or_else(|_| line.to_owned(), |row| row.encoded);
    Ok(Stored::parse(&encoded, bounds)?)
}

/// What functions take on this thread.
pub(super) fn rates(policy: Cost) -> anyhow::Result<Rates> {
    let mut arena = Arena::new(policy.memory_kib)?;
    let probes = probes(1, policy.memory_kib, LARGE_KIB_MAX);
    let measured = measure(&mut arena, &probes, AT_START)?;
    Ok(Rates::measured(policy, policy.memory_kib, &measured))
}

fn as_json(
    number: u64,
    said: &Result<InspectReply, InspectRowError>,
) -> serde_json::Result<String> {
    match said {
        Ok(reply) => serde_json::to_string(reply),
        Err(error) => {
            let detail = error.to_string();
            serde_json::to_string(
                &json!({ "line": number, "code": error.code(), "detail": detail }),
            )
        }
    }
}

fn as_text(
    out: &mut impl Write,
    number: u64,
    said: &Result<InspectReply, InspectRowError>,
) -> std::io::Result<()> {
    match said {
        Err(error) => writeln!(out, "{number}: refused: {error}"),
        Ok(reply) => {
            let parameters: Vec<String> =
                reply.parameters.iter().map(|(name, value)| format!(" {name}={value}")).collect();
            let reasons: Vec<String> = reply
                .reasons
                .iter()
                .map(|reason| serde_json::to_string(reason).unwrap_or_default().replace('"', ""))
                .collect();
            let rehash = if reasons.is_empty() {
                "as good as new".to_owned()
            } else {
                format!("to be made anew: {}", reasons.join(", "))
            };
            writeln!(
                out,
                "{number}: {}{}; {} units, {} ms, {} KiB; {rehash}",
                reply.format,
                parameters.concat(),
                reply.units,
                reply.estimated_ms,
                reply.memory_kib,
            )
        }
    }
}

/// Of many hashes.
#[derive(Default)]
struct Summary {
    rows: u64,
    rehash: u64,
    units: u64,
    estimated_ms: u64,
    formats: BTreeMap<String, u64>,
    refused: BTreeMap<Code, u64>,
}

impl Summary {
    fn add(&mut self, said: Result<InspectReply, InspectRowError>) {
        self.rows += 1;
        match said {
            Ok(reply) => {
                self.rehash += u64::from(reply.needs_rehash);
                self.units = self.units.saturating_add(reply.units);
                self.estimated_ms = self.estimated_ms.saturating_add(reply.estimated_ms);
                *self.formats.entry(reply.format).or_default() += 1;
            }
            Err(error) => *self.refused.entry(error.code()).or_default() += 1,
        }
    }

    fn write(&self, out: &mut impl Write) -> std::io::Result<()> {
        writeln!(out, "\n{} hashes, {} of them to be made anew", self.rows, self.rehash)?;
        for (format, count) in &self.formats {
            writeln!(out, "{count:>10}  {format}")?;
        }
        for (code, count) in &self.refused {
            writeln!(out, "{count:>10}  refused: {}", code.as_str())?;
        }
        let seconds = self.estimated_ms.div_ceil(1_000);
        writeln!(out, "{} units to verify each once, {seconds} s of one core", self.units)
    }
}
