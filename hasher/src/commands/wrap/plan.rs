//! `hasher wrap --dry-run`: what is in the table, what would be refused and why, and what the rest costs.

use std::collections::BTreeMap;
use std::io::{BufRead, Write};
use std::time::Duration;

use indicatif::HumanDuration;

use super::super::inspect::rates;
use super::super::lines::Lines;
use super::super::output;
use super::super::rows::Fields;
use super::{RowError, job};
use crate::formats::argon2::Salt;
use crate::formats::{Bounds, FormatError};
use crate::policy::pricing::rates::Rates;
use crate::policy::rehash::Policy;
use crate::work::Job;

/// What is in the table.
#[derive(Default)]
struct Table {
    rows: u64,
    /// Time of one CPU.
    time: Duration,
    formats: BTreeMap<&'static str, u64>,
    refused: BTreeMap<String, u64>,
}

impl Table {
    fn add(&mut self, row: Result<Job, RowError>, rates: &Rates) {
        self.rows += 1;
        match row {
            Ok(job) => {
                self.time = self.time.saturating_add(rates.quote(job.demand()).time);
                if let Job::Wrap { legacy, .. } = job {
                    *self.formats.entry(legacy.stored().format().name).or_default() += 1;
                }
            }
            Err(error) => *self.refused.entry(reason(&error)).or_default() += 1,
        }
    }

    fn write(&self, out: &mut impl Write, lanes: u32) -> std::io::Result<()> {
        let wrapped: u64 = self.formats.values().sum();
        writeln!(out, "{} rows, {wrapped} of them to be wrapped", self.rows)?;
        for (format, count) in &self.formats {
            writeln!(out, "{count:>10}  {format}")?;
        }
        for (reason, count) in &self.refused {
            writeln!(out, "{count:>10}  not wrapped: {reason}")?;
        }
        writeln!(
            out,
            "{} of one CPU, about {} on {lanes} threads that have one each",
            HumanDuration(self.time),
            HumanDuration(self.time / lanes.max(1)),
        )
    }
}

/// The code and why; without the values that differ from row to row.
fn reason(error: &RowError) -> String {
    let code = error.code().as_str();
    match error {
        RowError::Format(FormatError::CostOutOfBounds { parameter, min, max, .. }) => {
            format!("{code}: {parameter} is not between {min} and {max}")
        }
        RowError::Malformed | RowError::Format(_) | RowError::Wrap(_) => format!("{code}: {error}"),
    }
}

/// Reads all rows and says it.
pub(super) fn say(
    lines: &mut Lines<impl BufRead>,
    policy: &Policy,
    bounds: &Bounds,
    lanes: u32,
) -> anyhow::Result<()> {
    let (mut table, rates) = (Table::default(), rates(policy.cost)?);
    while let Some(line) = lines.next_row()? {
        let row = job(Fields::read(line.text).as_ref(), policy, bounds, Salt::default());
        table.add(row.map(|(_, job)| job), &rates);
    }
    table.write(&mut output::stdout(), lanes)?;
    Ok(())
}
