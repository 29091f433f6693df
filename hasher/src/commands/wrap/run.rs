//! A run that outlives its process: what it has written is what it has done.
//!
//! Whole lines of the output are done, a torn one at its end is cut off, and the next row is the first that has
//! no line. So that a row comes out the same whoever computes it, its salt is not drawn but derived from its
//! line's number and a secret of the run, which lies in `FILE.state` until the run is done. Salts of two rows
//! or runs are never the same, and nobody foresees them without that file, which tells nothing of a password:
//! the salts themselves lie beside the hashes.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use authcluster_contract::cost::Cost;
use authcluster_contract::pepper::KeyId;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::super::lines::Lines;
use super::super::rows::{ENCODED, Fields, OUTCOME};
use super::{REPLACES, WRAPPED};
use crate::clock;
use crate::formats::Pepper;
use crate::formats::argon2::Salt;
use crate::policy::rehash::Policy;

/// Bytes of the run's secret.
const SECRET_BYTES: usize = 32;

/// What the salts are derived for, so that the secret is of no other use.
const PURPOSE: &[u8] = b"authcluster wrap v1: salt of line ";

/// Who may read hashes: whoever started the run.
const MODE: u32 = 0o600;

/// What is in `FILE.state`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct State {
    secret: String,
    cost: Cost,
    pepper: Option<KeyId>,
}

/// A run, begun or gone on with.
pub(super) struct Run {
    pub(super) output: File,
    /// Outcomes of the rows that are written.
    pub(super) counts: BTreeMap<String, u64>,
    /// Bytes of the input that are done.
    pub(super) input_done: u64,
    secret: Zeroizing<Vec<u8>>,
    state: PathBuf,
}

impl Run {
    /// Begins a run, or goes on with the one that the files are of. Leaves the input at the first row that is
    /// not done.
    pub(super) fn open(
        output: &Path,
        policy: &Policy,
        input: &mut Lines<impl BufRead>,
    ) -> anyhow::Result<Self> {
        let mut name = OsString::from(output);
        name.push(".state");
        let path = PathBuf::from(name);
        let pepper = policy.pepper.as_ref().map(Pepper::id);
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(MODE)
            .open(output)?;
        // Ends with the process, however that ends.
        file.try_lock().context("another process writes the output")?;
        let state = match read_state(&path)? {
            Some(state) => state,
            None => {
                anyhow::ensure!(
                    file.metadata()?.len() == 0,
                    "the output is there, and {} is not: it is done, or no run's; name another",
                    path.display()
                );
                begin(&path, State { secret: new_secret()?, cost: policy.cost, pepper })?
            }
        };
        anyhow::ensure!(
            (state.cost, state.pepper) == (policy.cost, pepper),
            "the run was begun with another policy: finish it with that one, or remove both files"
        );
        let secret = STANDARD.decode(&state.secret).map(Zeroizing::new);
        let secret = secret.with_context(|| format!("{} is damaged", path.display()))?;
        let done = done(&mut file, input)?;
        file.set_len(done.output_bytes)?;
        file.seek(SeekFrom::End(0))?;
        let Done { counts, input_bytes, .. } = done;
        Ok(Self { output: file, counts, input_done: input_bytes, secret, state: path })
    }

    /// The salt of the row on this line.
    pub(super) fn salt(&self, line: u64) -> anyhow::Result<Salt> {
        let mac = Hmac::<Sha256>::new_from_slice(&self.secret)?;
        let bytes = mac.chain_update(PURPOSE).chain_update(line.to_be_bytes()).finalize();
        bytes.into_bytes().first_chunk().copied().context("a digest is longer than a salt")
    }

    /// The output is whole, and the secret can go.
    pub(super) fn end(self) -> anyhow::Result<()> {
        self.output.sync_all()?;
        std::fs::remove_file(&self.state).with_context(|| self.state.display().to_string())
    }
}

fn new_secret() -> anyhow::Result<String> {
    Ok(STANDARD.encode(clock::random_bytes::<SECRET_BYTES>()?))
}

fn read_state(path: &Path) -> anyhow::Result<Option<State>> {
    let mut text = Zeroizing::new(String::new());
    match File::open(path) {
        Ok(mut file) => file.read_to_string(&mut text)?,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).with_context(|| path.display().to_string()),
    };
    let state = toml::from_str(&text).ok();
    let state = state.with_context(|| format!("{} is none of a run: remove it", path.display()))?;
    Ok(Some(state))
}

/// Writes the state, and has it on disk before the first row is: rows without their secret would be lost.
fn begin(path: &Path, state: State) -> anyhow::Result<State> {
    // Whole or not at all, whenever the process ends.
    let mut new = path.as_os_str().to_owned();
    new.push(".new");
    let mut file =
        OpenOptions::new().write(true).create(true).truncate(true).mode(MODE).open(&new)?;
    file.write_all(Zeroizing::new(toml::to_string(&state)?).as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&new, path)?;
    Ok(state)
}

/// What is there of a run.
struct Done {
    output_bytes: u64,
    input_bytes: u64,
    counts: BTreeMap<String, u64>,
}

/// Goes through what is written and what it was made of, side by side.
fn done(output: &mut File, input: &mut Lines<impl BufRead>) -> anyhow::Result<Done> {
    let mut done = Done { output_bytes: 0, input_bytes: 0, counts: BTreeMap::new() };
    let (mut written, mut line) = (BufReader::new(output), Vec::new());
    loop {
        line.clear();
        let bytes = written.read_until(b'\n', &mut line)?;
        if !line.ends_with(b"\n") {
            return Ok(done);
        }
        let row = input.next_row()?.context("the output has more rows than the input")?;
        let fields = Fields::read(&line);
        let outcome = fields.as_ref().and_then(|fields| fields.text(OUTCOME));
        let old = fields.and_then(|fields| match outcome.as_deref() {
            Some(WRAPPED) => fields.text(REPLACES),
            _ => fields.text(ENCODED),
        });
        let of_this = Fields::read(row.text).and_then(|fields| fields.text(ENCODED)) == old;
        let outcome = outcome.filter(|_| of_this);
        let outcome = outcome.with_context(|| {
            format!("the output is not made of line {} of the input", row.number)
        })?;
        *done.counts.entry(outcome).or_default() += 1;
        done.input_bytes = row.end;
        done.output_bytes =
            done.output_bytes.saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX));
    }
}
