//! Any string as a stored hash: refused, or read the same again, priced, and computed when it is cheap.
//! What comes before a line feed is the hash, and what comes after it the password.
//!
//! ```sh
//! mkdir -p corpus/formats
//! sed -n 's/.*"encoded": "\([^"]*\)".*/\1/p' ../tests/vectors/*.jsonl | split -l 1 -a 4 - corpus/formats/vector-
//! cargo +nightly fuzz run formats -- -max_len=600
//! ```

#![no_main]

use std::cell::RefCell;
use std::sync::Arc;

use authcluster_contract::secret::Password;
use authcluster_hasher::engine::{Arena, compute};
use authcluster_hasher::formats::{Bounds, Stored};
use authcluster_hasher::policy::pricing::rates::Rates;
use authcluster_hasher::work::Job;
use libfuzzer_sys::fuzz_target;

/// A dearer hash is longer than a fuzzer waits.
const UNITS_MAX: u64 = 2;

/// A fuzzer has not much memory.
const HEAP_KIB_MAX: u32 = 1024;

thread_local! {
    static ARENA: RefCell<Arena> = RefCell::new(Arena::new(1024).expect("a mebibyte"));
}

fuzz_target!(|input: &[u8]| {
    let (encoded, password) = match input.iter().position(|byte| *byte == b'\n') {
        Some(end) => (&input[..end], &input[end + 1..]),
        None => (input, &b"password"[..]),
    };
    let (Ok(encoded), Ok(password)) =
        (std::str::from_utf8(encoded), Password::from_bytes(password.to_vec()))
    else {
        return;
    };
    let bounds = Bounds::default();
    let Ok(stored) = Stored::parse(encoded, &bounds) else { return };
    assert_eq!(stored.encoded(), encoded);
    let again = Stored::parse(encoded, &bounds).expect("read before");
    assert_eq!(again.format().name, stored.format().name);
    assert_eq!(again.parameters(), stored.parameters());
    let demand = stored.demand(password.expose().len());
    let nominal = |demand| Rates::nominal().quote(demand).units;
    assert!(nominal(demand).0 >= 1);
    assert!(nominal(stored.usual_demand()) <= bounds.units_max);
    assert!(demand.memory_kib() <= bounds.memory_kib_max);
    if nominal(demand).0 > UNITS_MAX || demand.heap_kib > HEAP_KIB_MAX {
        return;
    }
    let job = Job::Verify { password, stored: Arc::new(stored) };
    ARENA.with_borrow_mut(|arena| compute(&job, arena).map(drop).expect("it was read"));
});
