//! `hasher verify --batch`: rows of JSON on all lanes, answered in the order they came in.
//!
//! Streaming: a bounded number of rows is under way, and the first of them is written as soon as it is
//! done. Fields are copied as they are written, numbers and escapes included.

use std::collections::VecDeque;
use std::fmt;
use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use authcluster_contract::cost::Argon2idPolicy;
use authcluster_contract::http::Code;
use authcluster_contract::secret::{Password, PasswordError};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde::ser::{Serialize, SerializeMap as _, Serializer};
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use crate::clock;
use crate::error::ApiError;
use crate::formats::{Bounds, Stored};
use crate::lanes::{Lanes, LanesConfig, Reply};
use crate::policy::budget::LARGE_KIB_MAX;
use crate::work::{Job, Outcome, Terms, WorkError};

/// Rows under way for each lane. With too few, all lanes wait for one dear row before them.
const ROWS_A_LANE: usize = 256;

/// There is nobody who would not wait.
const DEADLINE: Duration = Duration::from_secs(30 * 24 * 3_600);

/// Field that the answer is in.
const OUTCOME: &str = "outcome";

/// The fields of a row, in their order, as they are written.
struct Fields(Vec<(String, Box<RawValue>)>);

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

/// A row with its answer.
struct Answered<'a>(&'a Fields, &'a str);

impl Serialize for Answered<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(Fields(fields), outcome) = self;
        let mut map = serializer.serialize_map(None)?;
        for (name, value) in fields {
            map.serialize_entry(name, value)?;
        }
        map.serialize_entry(OUTCOME, outcome)?;
        map.end()
    }
}

/// What is known of a row's answer.
enum Pending {
    Lane(Reply),
    Known(Code),
}

/// Verifies all rows of a file.
pub(super) fn verify(path: &Path, lanes: u32) -> anyhow::Result<()> {
    let input: Box<dyn BufRead> = if path == Path::new("-") {
        Box::new(std::io::stdin().lock())
    } else {
        Box::new(BufReader::new(File::open(path).with_context(|| path.display().to_string())?))
    };
    let output = BufWriter::new(std::io::stdout().lock());
    Batch::start(lanes)?.run(input, output).context("the rows")
}

struct Batch {
    lanes: Lanes,
    bounds: Bounds,
    rows_max: usize,
    pending: VecDeque<(Fields, Pending)>,
}

impl Batch {
    fn start(lanes: u32) -> anyhow::Result<Self> {
        let cost = Argon2idPolicy::default().checked()?;
        let config = LanesConfig {
            lanes,
            pin: false,
            cost,
            large_kib: LARGE_KIB_MAX,
            // Rows have no users.
            jobs_per_user_max: u32::MAX,
        };
        let rows_max = usize::try_from(lanes).unwrap_or(1).saturating_mul(ROWS_A_LANE);
        let lanes = Lanes::start(config)?;
        Ok(Self { lanes, bounds: Bounds::default(), rows_max, pending: VecDeque::new() })
    }

    fn run(mut self, mut input: impl BufRead, mut output: impl Write) -> anyhow::Result<()> {
        let mut line = Zeroizing::new(Vec::new());
        while input.read_until(b'\n', &mut line)? > 0 {
            if !line.trim_ascii().is_empty() {
                let (fields, job) = read(&line, &self.bounds);
                let pending = match job {
                    Ok(job) => self.put(&job, &mut output)?,
                    Err(code) => Pending::Known(code),
                };
                self.pending.push_back((fields, pending));
            }
            line.clear();
            while self.pending.len() >= self.rows_max {
                self.answer_first(&mut output)?;
            }
        }
        while self.answer_first(&mut output)? {}
        output.flush()?;
        Ok(())
    }

    /// Puts a job to the lanes; when its memory is not there, once those before it are done.
    fn put(&mut self, job: &Job, output: &mut impl Write) -> anyhow::Result<Pending> {
        loop {
            let terms = Terms { deadline: clock::now() + DEADLINE, wait_max: None };
            match self.lanes.admit(clock::now(), None, job.clone(), terms) {
                Ok(reply) => return Ok(Pending::Lane(reply)),
                Err(_) if self.answer_first(output)? => {}
                Err(_) => return Ok(Pending::Known(Code::Overloaded)),
            }
        }
    }

    /// Writes the first row that is under way; `false` when there is none.
    fn answer_first(&mut self, output: &mut impl Write) -> anyhow::Result<bool> {
        let Some((fields, pending)) = self.pending.pop_front() else { return Ok(false) };
        let outcome = match pending {
            Pending::Known(code) => code.as_str(),
            Pending::Lane(reply) => match reply.blocking_recv() {
                Ok(Ok(Outcome::Verified(true))) => "match",
                Ok(Ok(Outcome::Verified(false))) => "mismatch",
                Ok(Err(WorkError::Refused(_) | WorkError::UserBusy)) => Code::Overloaded.as_str(),
                Ok(Ok(Outcome::Hashed(_)) | Err(WorkError::Failed(_))) | Err(_) => {
                    Code::Internal.as_str()
                }
            },
        };
        serde_json::to_writer(&mut *output, &Answered(&fields, outcome))?;
        output.write_all(b"\n")?;
        Ok(true)
    }
}

/// The row without its password, and the job that it is.
fn read(line: &[u8], bounds: &Bounds) -> (Fields, Result<Job, Code>) {
    let Ok(Fields(all)) = serde_json::from_slice::<Fields>(line) else {
        return (Fields(Vec::new()), Err(Code::MalformedRequest));
    };
    let (secret, kept): (Vec<_>, Vec<_>) = all.into_iter().partition(|(name, _)| is_password(name));
    // An answer of before is not the answer.
    let kept: Vec<_> = kept.into_iter().filter(|(name, _)| name != OUTCOME).collect();
    let mut encoded = kept.iter().filter(|(name, _)| name == "encoded");
    let job = match (encoded.next(), encoded.next()) {
        (Some((_, value)), None) => job(value, &secret, bounds),
        _ => Err(Code::MalformedRequest),
    };
    (Fields(kept), job)
}

fn is_password(name: &str) -> bool {
    matches!(name, "password" | "password_b64" | "password_hex")
}

fn job(
    encoded: &RawValue,
    secret: &[(String, Box<RawValue>)],
    bounds: &Bounds,
) -> Result<Job, Code> {
    let encoded: String =
        serde_json::from_str(encoded.get()).map_err(|_| Code::MalformedRequest)?;
    let password = password(secret)?;
    let stored = Stored::parse(&encoded, bounds).map_err(|error| ApiError::from(error).code())?;
    Ok(Job::Verify { password, stored: Arc::new(stored) })
}

/// The one form that is there; `null` is not there.
fn password(secret: &[(String, Box<RawValue>)]) -> Result<Password, Code> {
    let mut found = None;
    for (name, value) in secret {
        let text: Option<String> =
            serde_json::from_str(value.get()).map_err(|_| Code::MalformedRequest)?;
        let Some(text) = text.map(Zeroizing::new) else { continue };
        let bytes = match name.as_str() {
            "password" => Some(text.as_bytes().to_vec()),
            "password_b64" => STANDARD.decode(text.as_bytes()).ok(),
            _ => unhex(&text),
        };
        if found.replace(bytes.ok_or(Code::MalformedRequest)?).is_some() {
            return Err(Code::MalformedRequest);
        }
    }
    Password::from_bytes(found.ok_or(Code::MalformedRequest)?).map_err(|error| match error {
        PasswordError::TooLong => Code::PasswordTooLong,
        PasswordError::NotExactlyOne | PasswordError::NotBase64 => Code::MalformedRequest,
    })
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let (pairs, []) = text.as_bytes().as_chunks::<2>() else { return None };
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect()
}

#[cfg(test)]
mod tests;
