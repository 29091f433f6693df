//! Rows of JSON, one a line, as commands read, work on and write them: streaming, on all lanes, and in the
//! order they came in.
//!
//! A bounded number of rows is under way, and the first of them is written as soon as it is done. Fields are
//! copied as they are written, numbers and escapes included.

use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

use authcluster_contract::cost::Cost;
use authcluster_contract::http::Code;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde::ser::{Serialize, SerializeMap as _, Serializer};
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use crate::clock;
use crate::lanes::{Lanes, LanesConfig, Reply};
use crate::policy::budget::LARGE_KIB_MAX;
use crate::work::{Job, Outcome, Terms, WorkError};

/// Field with the stored hash.
pub(super) const ENCODED: &str = "encoded";

/// Field that the answer is in.
pub(super) const OUTCOME: &str = "outcome";

/// Field with the number of a malformed row's line, by which the row is found in the input.
const LINE: &str = "line";

/// Rows under way for each lane. With too few, all lanes wait for one dear row before them.
const ROWS_A_LANE: usize = 256;

/// There is nobody who would not wait.
const DEADLINE: Duration = Duration::from_secs(30 * 24 * 3_600);

/// A field, as it is written.
pub(super) type Field = (String, Box<RawValue>);

/// The fields of a row, in their order, as they are written.
#[derive(Default)]
pub(super) struct Fields(pub(super) Vec<Field>);

impl Fields {
    /// The fields of a line; `None` when it is no object.
    pub(super) fn read(line: &[u8]) -> Option<Self> {
        serde_json::from_slice(line).ok()
    }

    /// The text of a field that is there exactly once.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        let mut found = self.0.iter().filter(|(other, _)| other == name);
        let ((_, value), None) = (found.next()?, found.next()) else { return None };
        serde_json::from_str(value.get()).ok()
    }

    /// Names the line of a malformed row, unless the row has such a field of its own.
    pub(super) fn set_line(&mut self, number: u64) -> serde_json::Result<()> {
        if self.0.iter().any(|(name, _)| name == LINE) { Ok(()) } else { self.set(LINE, &number) }
    }

    /// Takes a field away, however often it is there.
    pub(super) fn remove(&mut self, name: &str) {
        self.0.retain(|(other, _)| other != name);
    }

    /// Puts a value where the field of this name is, or at the end.
    pub(super) fn set(&mut self, name: &str, value: &impl Serialize) -> serde_json::Result<()> {
        let value = serde_json::value::to_raw_value(value)?;
        match self.0.iter_mut().find(|(other, _)| other == name) {
            Some((_, place)) => *place = value,
            None => self.0.push((name.to_owned(), value)),
        }
        Ok(())
    }
}

/// Whether a line is a row with a hash, be it one that is refused because some byte of it is not UTF-8.
pub(super) fn is_row(line: &[u8]) -> bool {
    let text = Zeroizing::new(String::from_utf8_lossy(line).into_owned());
    Fields::read(text.as_bytes()).is_some_and(|fields| fields.text(ENCODED).is_some())
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Rows;
        impl<'de> Visitor<'de> for Rows {
            type Value = Fields;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(Rows)
    }
}

impl Serialize for Fields {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

/// What is known of a row's answer.
enum Pending {
    Lane(Reply),
    Known(Code),
}

/// What came of a row's job.
pub(super) type Answer = Result<Outcome, Code>;

/// Rows on their way through the lanes.
pub(super) struct Pipeline<T> {
    lanes: Lanes,
    rows_max: usize,
    pending: VecDeque<(T, Pending)>,
}

impl<T> Pipeline<T> {
    /// With lanes that hold a hash of this cost.
    pub(super) fn start(lanes: u32, cost: Cost) -> anyhow::Result<Self> {
        let config = LanesConfig {
            lanes,
            pin: false,
            cost,
            large_kib: LARGE_KIB_MAX,
            // Rows have no users.
            jobs_per_user_max: u32::MAX,
        };
        let rows_max = usize::try_from(lanes).unwrap_or(1).saturating_mul(ROWS_A_LANE);
        Ok(Self { lanes: Lanes::start(config)?, rows_max, pending: VecDeque::new() })
    }

    /// Takes a row with its job, or with what is wrong with it; rows before it are written meanwhile.
    pub(super) fn take(
        &mut self,
        row: T,
        job: Result<Job, Code>,
        write: &mut impl FnMut(T, Answer) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let pending = match job {
            Ok(job) => self.put(&job, write)?,
            Err(code) => Pending::Known(code),
        };
        self.pending.push_back((row, pending));
        while self.pending.len() >= self.rows_max {
            self.first(write)?;
        }
        Ok(())
    }

    /// Writes the rows that are left.
    pub(super) fn finish(
        mut self,
        write: &mut impl FnMut(T, Answer) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        while self.first(write)? {}
        Ok(())
    }

    /// Puts a job to the lanes; when its memory is not there, once those before it are done.
    fn put(
        &mut self,
        job: &Job,
        write: &mut impl FnMut(T, Answer) -> anyhow::Result<()>,
    ) -> anyhow::Result<Pending> {
        loop {
            let terms = Terms::until(clock::now() + DEADLINE);
            match self.lanes.admit(clock::now(), None, job.clone(), terms) {
                Ok(reply) => return Ok(Pending::Lane(reply)),
                Err(_) if self.first(write)? => {}
                Err(_) => return Ok(Pending::Known(Code::Overloaded)),
            }
        }
    }

    /// Writes the first row that is under way; `false` when there is none.
    fn first(
        &mut self,
        write: &mut impl FnMut(T, Answer) -> anyhow::Result<()>,
    ) -> anyhow::Result<bool> {
        let Some((row, pending)) = self.pending.pop_front() else { return Ok(false) };
        let answer = match pending {
            Pending::Known(code) => Err(code),
            Pending::Lane(reply) => match reply.blocking_recv() {
                Ok(Ok(outcome)) => Ok(outcome),
                Ok(Err(WorkError::Refused(_) | WorkError::UserBusy)) => Err(Code::Overloaded),
                Ok(Err(WorkError::Failed(_))) | Err(_) => Err(Code::Internal),
            },
        };
        write(row, answer)?;
        Ok(true)
    }
}
