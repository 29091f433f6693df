//! What is cut, changed, reordered or made up: never verifies a wrong password, and never panics.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test stops where it fails")]

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use authcluster_contract::cost::Cost;
use authcluster_contract::secret::Password;
use authcluster_hasher::engine::{Arena, compute};
use authcluster_hasher::formats::{Bounds, Stored, Wrappable};
use authcluster_hasher::policy::pricing::rates::Rates;
use authcluster_hasher::policy::rehash::Policy;
use authcluster_hasher::work::{Job, Outcome};
use proptest::prelude::*;
use serde_json::Value;

const VECTORS: [&str; 2] =
    [include_str!("vectors/password_hashes.jsonl"), include_str!("vectors/computed.jsonl")];

/// Most work of a changed hash, in units; a dearer one is read and not computed.
const UNITS_MAX: u64 = 32;

/// No vector's password, and of no vector's first 8 characters.
const WRONG: &[u8] = b"~wrong~ password";

/// Its price in units, the hash, and its password.
type Sample = (u64, String, Vec<u8>);

/// Of each format, the cheapest hashes whose passwords are known.
fn samples() -> Vec<(String, Vec<u8>)> {
    let mut cheapest: BTreeMap<&str, Vec<Sample>> = BTreeMap::new();
    for line in VECTORS.into_iter().flat_map(str::lines) {
        let row: Value = serde_json::from_str(line).unwrap();
        let (Some(encoded), Some(password)) = (row["encoded"].as_str(), row["password"].as_str())
        else {
            continue;
        };
        let Ok(stored) = Stored::parse(encoded, &Bounds::default()) else { continue };
        let units = Rates::nominal().quote(stored.usual_demand()).units.0;
        if row["verify"] == true && units <= UNITS_MAX {
            let entry = (units, encoded.to_owned(), password.as_bytes().to_vec());
            cheapest.entry(stored.format().name).or_default().push(entry);
        }
    }
    let chosen = cheapest.into_values().flat_map(|mut rows| {
        rows.sort();
        rows.into_iter().take(1)
    });
    let chosen: Vec<_> = chosen.map(|(_, encoded, password)| (encoded, password)).collect();
    let wrapped: Vec<_> = chosen
        .iter()
        .filter_map(|(encoded, password)| Some((wrapped(encoded)?, password.clone())))
        .collect();
    assert!(wrapped.len() > 40, "{}", wrapped.len());
    chosen.into_iter().chain(wrapped).collect()
}

/// The same hash within Argon2id at its cheapest; `None` = it needs no wrapping.
fn wrapped(encoded: &str) -> Option<String> {
    let bounds = Bounds::default();
    let legacy = Wrappable::new(Stored::parse(encoded, &bounds).ok()?, &bounds).ok()?;
    let policy =
        Policy { cost: Cost { memory_kib: 8, iterations: 1, parallelism: 1 }, pepper: None };
    let job = Job::Wrap { legacy, policy, salt: Some([7; 16]) };
    match compute(&job, &mut Arena::new(8).unwrap()).unwrap().0 {
        Outcome::Hashed(encoded) => Some(encoded),
        Outcome::Verified(_) => None,
    }
}

static SAMPLES: LazyLock<Vec<(String, Vec<u8>)>> = LazyLock::new(samples);

struct Checker {
    arena: Arena,
    computed: u64,
}

impl Checker {
    fn new() -> Self {
        Self { arena: Arena::new(1024).unwrap(), computed: 0 }
    }

    /// Whether the string is a hash of the password; `None` = it is refused, or too dear to know.
    fn matches(&mut self, encoded: &str, password: &[u8]) -> Option<bool> {
        let stored = Stored::parse(encoded, &Bounds::default()).ok()?;
        assert_eq!(stored.encoded(), encoded);
        if Rates::nominal().quote(stored.usual_demand()).units.0 > UNITS_MAX {
            return None;
        }
        self.computed += 1;
        let password = Password::from_bytes(password.to_vec()).unwrap();
        let job = Job::Verify { password, stored: Arc::new(stored) };
        Some(compute(&job, &mut self.arena).unwrap().0 == Outcome::Verified(true))
    }

    fn never_wrong(&mut self, encoded: &str) {
        assert_ne!(self.matches(encoded, WRONG), Some(true), "{encoded}");
    }
}

#[test]
fn a_string_that_was_cut_verifies_nothing() {
    let mut checker = Checker::new();
    for (encoded, password) in SAMPLES.iter() {
        assert_eq!(checker.matches(encoded, password), Some(true), "{encoded}");
        for (end, _) in encoded.char_indices() {
            let cut = &encoded.get(..end).unwrap();
            checker.never_wrong(cut);
            // The string does not tell a bigcrypt's first part from a des-crypt.
            let is_des = end == 13 && encoded.len() > 13 && !encoded.contains(['$', '{', '*', '_']);
            assert!(is_des || checker.matches(cut, password) != Some(true), "{cut} of {encoded}");
        }
    }
    println!("{} hashes cut; {} computed", SAMPLES.len(), checker.computed);
}

#[test]
fn a_changed_character_verifies_no_wrong_password() {
    let mut checker = Checker::new();
    for (encoded, _) in SAMPLES.iter() {
        for (place, _) in encoded.char_indices() {
            for other in ['$', '0', 'a', '=', ',', '{'] {
                let mut changed = encoded.clone();
                changed.replace_range(place..=place, other.encode_utf8(&mut [0; 4]));
                checker.never_wrong(&changed);
            }
        }
    }
    println!("{} computed", checker.computed);
}

#[test]
fn reordered_parts_verify_no_wrong_password() {
    let mut checker = Checker::new();
    for (encoded, _) in SAMPLES.iter() {
        for separator in ['$', ',', ':', '.'] {
            let parts: Vec<&str> = encoded.split(separator).collect();
            for one in 0..parts.len() {
                for other in one + 1..parts.len() {
                    let mut swapped = parts.clone();
                    swapped.swap(one, other);
                    checker.never_wrong(&swapped.join(&separator.to_string()));
                }
                let mut without = parts.clone();
                without.remove(one);
                checker.never_wrong(&without.join(&separator.to_string()));
                let mut twice = parts.clone();
                twice.insert(one, parts.get(one).unwrap());
                checker.never_wrong(&twice.join(&separator.to_string()));
            }
        }
        checker.never_wrong(&encoded.chars().rev().collect::<String>());
    }
    println!("{} computed", checker.computed);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn anything_is_read_or_refused(text in "[ -~]{0,80}|\\PC{0,40}") {
        drop(Stored::parse(&text, &Bounds::default()));
    }

    #[test]
    fn anything_after_a_known_beginning_is_read_or_refused(
        which in any::<prop::sample::Index>(),
        keep in any::<prop::sample::Index>(),
        tail in "[ -~]{0,40}|[$./0-9A-Za-z=+,]{0,90}",
    ) {
        let (encoded, _) = which.get(&SAMPLES);
        let kept: String = encoded.chars().take(keep.index(encoded.len() + 1)).collect();
        let mut checker = Checker::new();
        checker.never_wrong(&(kept + &tail));
    }
}
