//! Every public vector in `vectors/password_hashes.jsonl`: facts from the test suites of other
//! systems, each with its source. Prints the table of labels: what is verified, and what is not and
//! why.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test stops where it fails, prints what it saw, and times what must be quick"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use authcluster_contract::cost::Cost;
use authcluster_contract::secret::Password;
use authcluster_hasher::engine::{Arena, compute};
use authcluster_hasher::formats::{Bounds, FormatError, NotWrappable, Stored, Wrappable, registry};
use authcluster_hasher::policy::rehash::Policy;
use authcluster_hasher::work::{Job, Outcome};
use serde_json::Value;

const VECTORS: &str = include_str!("vectors/password_hashes.jsonl");

/// Of formats that no public vector is of: computed by other libraries from the format's description,
/// each under the name of the format here.
const COMPUTED: &str = include_str!("vectors/computed.jsonl");

/// Labels that must be verified, of 94.
const SUPPORTED_MIN: usize = 85;

/// What is not verified, and why not.
const UNSUPPORTED: [(&str, &str); 4] = [
    ("dovecot:DIGEST-MD5", "digests the username, which the string does not hold"),
    ("firebase-scrypt-supertokens($f_scrypt$)", "the project's signer key is not in the string"),
    (
        "kanidm-import:openldap_pkbdf2_sha1",
        "its digest lacks its last character; PBKDF2 cut anywhere would match as well",
    ),
    ("unknown", "no format at all, on purpose"),
];

/// Rows that libraries disagree on, and what is answered here.
const DIVERGING: [(&str, Verdict, &str); 5] = [
    (
        "$2a$04$yjDgE74RJkeqC0/1NheSSOrvKeu9IbKDpcQf/Ox3qsrRS/Kw42qIV",
        Verdict::Refused,
        "bits that no byte uses: passlib repairs them, others compare text; two strings for one hash",
    ),
    (
        "$argon2d$v=19$m=65536,t=2,p=1,keyid=8PDw8A$",
        Verdict::Refused,
        "its keyid is binary, and no name of a pepper; to verify without is to verify something else",
    ),
    (
        "$argon2d$v=16$m=32,t=2,p=3,keyid=8PDw8A,data=Dw8PDw8P$",
        Verdict::Refused,
        "as above, and data is input of the function",
    ),
    (
        "$argon2d$v=16$m=32,t=2,p=3,data=Dw8PDw8P$",
        Verdict::Refused,
        "data is input of the function",
    ),
    (
        "$3$$8bd6e4fb88e01009818749c5443ea712",
        Verdict::Match,
        "crypt(5) widens bytes, passlib decodes UTF-8: both readings are tried",
    ),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Match,
    Mismatch,
    /// `unsupported-format` or `cost-out-of-bounds`.
    Refused,
}

struct Row {
    label: String,
    password: Password,
    encoded: String,
    verify: bool,
    diverges: bool,
}

fn rows(vectors: &str) -> Vec<Row> {
    let rows = vectors.lines().map(|line| {
        let row: Value = serde_json::from_str(line).unwrap();
        let text = |name: &str| row[name].as_str();
        let password = match text("password") {
            Some(password) => password.as_bytes().to_vec(),
            None => unhex(text("password_hex").unwrap()),
        };
        Row {
            label: text("format").unwrap().to_owned(),
            password: Password::from_bytes(password).unwrap(),
            encoded: text("encoded").unwrap().to_owned(),
            verify: row["verify"].as_bool().unwrap(),
            diverges: text("checked").is_some_and(|how| how.starts_with("LIBRARIES DIVERGE")),
        }
    });
    rows.collect()
}

fn unhex(text: &str) -> Vec<u8> {
    let pairs = text.as_bytes().chunks_exact(2);
    pairs.map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

fn verdict(row: &Row, arena: &mut Arena) -> Verdict {
    let Ok(stored) = Stored::parse(&row.encoded, &Bounds::default()) else {
        return Verdict::Refused;
    };
    let job = Job::Verify { password: row.password.clone(), stored: Arc::new(stored) };
    match compute(&job, arena).unwrap().0 {
        Outcome::Verified(true) => Verdict::Match,
        Outcome::Verified(false) => Verdict::Mismatch,
        Outcome::Hashed(_) => panic!("a verify came out as a hash"),
    }
}

fn verdicts(rows: &[Row]) -> Vec<Verdict> {
    let threads = thread::available_parallelism().unwrap().get();
    let next = AtomicUsize::new(0);
    let mut found: Vec<(usize, Verdict)> = thread::scope(|scope| {
        let work = || {
            let mut arena = Arena::new(1024).unwrap();
            let mut found = Vec::new();
            while let Some(row) = rows.get(next.fetch_add(1, Ordering::Relaxed)) {
                let index =
                    (std::ptr::from_ref(row).addr() - rows.as_ptr().addr()) / size_of::<Row>();
                found.push((index, verdict(row, &mut arena)));
            }
            found
        };
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    found.sort_by_key(|(index, _)| *index);
    found.into_iter().map(|(_, verdict)| verdict).collect()
}

#[derive(Default)]
struct Counts {
    matched: usize,
    mismatched: usize,
    refused: usize,
    wrong: Vec<String>,
}

#[test]
fn every_vector_gets_its_verdict() {
    let rows = rows(VECTORS);
    let mut table: BTreeMap<&str, Counts> = BTreeMap::new();
    for (row, verdict) in rows.iter().zip(verdicts(&rows)) {
        let counts = table.entry(&row.label).or_default();
        match verdict {
            Verdict::Match => counts.matched += 1,
            Verdict::Mismatch => counts.mismatched += 1,
            Verdict::Refused => counts.refused += 1,
        }
        let right = if row.diverges {
            let (_, decided, _) = DIVERGING
                .iter()
                .find(|(start, ..)| row.encoded.starts_with(start))
                .unwrap_or_else(|| panic!("undecided: {}", row.encoded));
            verdict == *decided
        } else if UNSUPPORTED.iter().any(|(label, _)| *label == row.label) {
            verdict == Verdict::Refused
        } else {
            (verdict == Verdict::Match) == row.verify
        };
        if !right {
            counts.wrong.push(format!("{verdict:?} of {}", row.encoded));
        }
    }
    println!("{:45} {:>5} {:>8} {:>7}", "label", "match", "mismatch", "refused");
    for (label, Counts { matched, mismatched, refused, .. }) in &table {
        let why = UNSUPPORTED.iter().find(|(other, _)| other == label).map_or("", |(_, why)| why);
        println!("{label:45} {matched:>5} {mismatched:>8} {refused:>7}  {why}");
    }
    let supported = table.len() - UNSUPPORTED.len();
    println!("{supported} of {} labels are supported", table.len());
    let wrong: Vec<&String> = table.values().flat_map(|counts| &counts.wrong).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(supported >= SUPPORTED_MIN, "{supported}");
}

#[test]
fn computed_vectors_verify_in_the_format_they_name() {
    let rows = rows(COMPUTED);
    let mut arena = Arena::new(1024).unwrap();
    for row in &rows {
        let stored = Stored::parse(&row.encoded, &Bounds::default());
        let stored = stored.unwrap_or_else(|error| panic!("{}: {error}", row.encoded));
        assert_eq!(stored.format().name, row.label, "{}", row.encoded);
        assert_eq!(verdict(row, &mut arena), Verdict::Match, "{}", row.encoded);
        let wrong = Row {
            password: Password::from_bytes(b"horse correct".to_vec()).unwrap(),
            encoded: row.encoded.clone(),
            label: row.label.clone(),
            ..*row
        };
        assert_eq!(verdict(&wrong, &mut arena), Verdict::Mismatch, "{}", row.encoded);
    }
}

/// Rows of each label that are wrapped; more of them take a minute and show nothing new.
const ROWS_WRAPPED: usize = 6;

/// The same row with its hash wrapped, as cheaply as Argon2 allows; `None` = it needs no wrapping.
fn wrapped(row: &Row, arena: &mut Arena) -> Option<Row> {
    let bounds = Bounds::default();
    let stored = Stored::parse(&row.encoded, &bounds).ok()?;
    let legacy = match Wrappable::new(stored, &bounds) {
        Ok(legacy) => legacy,
        Err(NotWrappable::Argon2 | NotWrappable::Unusable) => return None,
        Err(error) => panic!("{}: {error}", row.encoded),
    };
    let policy =
        Policy { cost: Cost { memory_kib: 8, iterations: 1, parallelism: 1 }, pepper: None };
    let job = Job::Wrap { legacy, policy, salt: Some([7; 16]) };
    match compute(&job, arena).unwrap() {
        (Outcome::Hashed(encoded), 1) => {
            Some(Row { encoded, label: row.label.clone(), password: row.password.clone(), ..*row })
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_hash_that_can_be_wrapped_keeps_its_verdict() {
    let mut arena = Arena::new(1024).unwrap();
    let mut taken: BTreeMap<String, usize> = BTreeMap::new();
    let (before, after): (Vec<Row>, Vec<Row>) = [VECTORS, COMPUTED]
        .into_iter()
        .flat_map(rows)
        .filter(|row| {
            let rows = taken.entry(row.label.clone()).or_default();
            *rows += 1;
            *rows <= ROWS_WRAPPED
        })
        .filter_map(|row| wrapped(&row, &mut arena).map(|after| (row, after)))
        .unzip();
    let verdicts_before = verdicts(&before);
    let mut labels: BTreeMap<&str, usize> = BTreeMap::new();
    for ((row, before), after) in before.iter().zip(verdicts_before).zip(verdicts(&after)) {
        assert_eq!(after, before, "{}", row.encoded);
        *labels.entry(&row.label).or_default() += usize::from(after == Verdict::Match);
    }
    for row in &after {
        let stored = Stored::parse(&row.encoded, &Bounds::default()).unwrap();
        assert_eq!(stored.format().name, "wrapped", "{}", row.encoded);
    }
    println!("{} hashes of {} labels wrapped: {labels:?}", after.len(), labels.len());
    assert!(labels.len() >= 85, "{}", labels.len());
}

#[test]
fn every_format_has_a_vector() {
    let all: Vec<Row> = [VECTORS, COMPUTED].into_iter().flat_map(rows).collect();
    let named = all.iter().filter(|row| row.verify).filter_map(|row| {
        Stored::parse(&row.encoded, &Bounds::default()).ok().map(|stored| stored.format().name)
    });
    let named: BTreeSet<&str> = named.collect();
    let missing: Vec<&str> = registry::all()
        .map(|format| format.name)
        // Wrapped ones are made of all the others.
        .filter(|name| !named.contains(name) && !["unusable", "wrapped"].contains(name))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn cost_bombs_are_refused_before_anything_is_done() {
    let bombs: Vec<Row> = rows(VECTORS)
        .into_iter()
        .filter(|row| {
            let parsed = Stored::parse(&row.encoded, &Bounds::default());
            matches!(parsed, Err(FormatError::CostOutOfBounds { .. }))
        })
        .collect();
    // Eleven in the file say that they must be refused for their cost; more have parameters at fault.
    assert!(bombs.len() >= 11, "{}", bombs.len());
    const TIMES: u32 = 200;
    let mut slowest = Duration::ZERO;
    for bomb in &bombs {
        let start = Instant::now();
        for _ in 0..TIMES {
            assert!(Stored::parse(&bomb.encoded, &Bounds::default()).is_err());
        }
        slowest = slowest.max(start.elapsed() / TIMES);
    }
    println!("{} bombs, the slowest refused in {slowest:?}", bombs.len());
    // No work of any of them takes less than a second.
    assert!(slowest < Duration::from_millis(20), "{slowest:?}");
}
