//! `hasher verify --batch`: rows of JSON, each answered in its place.

use std::io::{BufRead, BufWriter, Write};
use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use authcluster_contract::cost::Argon2idPolicy;
use authcluster_contract::http::Code;
use authcluster_contract::secret::{Password, PasswordError};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::lines::{self, Lines};
use super::output;
use super::rows::{Answer, ENCODED, Field, Fields, OUTCOME, Pipeline, is_row};
use crate::error::ApiError;
use crate::formats::{Bounds, Stored};
use crate::work::{Job, Outcome};

/// Verifies all rows of a file; `-` is standard input.
pub(super) fn verify(path: &Path, lanes: u32, bounds: &Bounds) -> anyhow::Result<()> {
    let input = lines::open(path)?;
    let output = BufWriter::new(output::stdout());
    run(lanes, bounds, input, output).with_context(|| path.display().to_string())
}

/// Answers each row, and fails at the end if the input as a whole was none of rows.
fn run(
    lanes: u32,
    bounds: &Bounds,
    input: impl BufRead,
    mut output: impl Write,
) -> anyhow::Result<()> {
    let mut pipeline = Pipeline::start(lanes, Argon2idPolicy::default().checked()?)?;
    let mut write = |mut fields: Fields, answer: Answer| {
        fields.set(OUTCOME, &outcome(&answer))?;
        serde_json::to_writer(&mut output, &fields).map_err(std::io::Error::from)?;
        output.write_all(b"\n")?;
        Ok(())
    };
    let (mut lines, mut has_row) = (Lines::new(input), false);
    while let Some(line) = lines.next_row()? {
        let (mut fields, job) = read(line.text, bounds);
        has_row = has_row || is_row(line.text);
        if matches!(job, Err(Code::MalformedRequest)) {
            fields.set_line(line.number)?;
        }
        pipeline.take(fields, job, &mut write)?;
    }
    pipeline.finish(&mut write)?;
    output.flush()?;
    Ok(lines.ensure_rows(has_row)?)
}

fn outcome(answer: &Answer) -> &'static str {
    match answer {
        Ok(Outcome::Verified(true)) => "match",
        Ok(Outcome::Verified(false)) => "mismatch",
        Ok(Outcome::Hashed(_)) => Code::Internal.as_str(),
        Err(code) => code.as_str(),
    }
}

/// The row without its password, and the job that it is.
fn read(line: &[u8], bounds: &Bounds) -> (Fields, Result<Job, Code>) {
    let Some(Fields(all)) = Fields::read(line) else {
        return (Fields::default(), Err(Code::MalformedRequest));
    };
    let (secret, kept): (Vec<_>, Vec<_>) = all.into_iter().partition(|(name, _)| is_password(name));
    let mut kept = Fields(kept);
    // An answer of before is not the answer.
    kept.remove(OUTCOME);
    let job = match kept.text(ENCODED) {
        Some(encoded) => job(&encoded, &secret, bounds),
        None => Err(Code::MalformedRequest),
    };
    (kept, job)
}

fn is_password(name: &str) -> bool {
    matches!(name, "password" | "password_b64" | "password_hex")
}

fn job(encoded: &str, secret: &[Field], bounds: &Bounds) -> Result<Job, Code> {
    let password = password(secret)?;
    let stored = Stored::parse(encoded, bounds).map_err(|error| ApiError::from(error).code())?;
    Ok(Job::Verify { password, stored: Arc::new(stored) })
}

/// The one form that is there; `null` is not there.
fn password(secret: &[Field]) -> Result<Password, Code> {
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
