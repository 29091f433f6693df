//! What verifying stored hashes is priced at, next to what it takes: the table in
//! `policy/pricing/rates.rs` is measured and checked with this.
//!
//! `cargo run --release -p authcluster-hasher --example price_formats`
//!
//! In turns: a verify of each hash, and Argon2id at 19 MiB and two passes, which is 38 units. Prints
//! nanoseconds and nanoseconds per unit of each, and the ratio of the latter to Argon2id's: 1.00 is a
//! right price, 2.00 one that is half of what it should be. Medians; wants a quiet core.

#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::sync::Arc;

use anyhow::Context as _;
use authcluster_contract::cost::Cost;
use authcluster_contract::secret::Password;
use authcluster_hasher::clock;
use authcluster_hasher::engine::{Arena, compute};
use authcluster_hasher::formats::{Bounds, Stored};
use authcluster_hasher::policy::pricing::rates::Rates;
use authcluster_hasher::policy::rehash::Policy;
use authcluster_hasher::work::Job;

/// One of each function, at a cost that takes some milliseconds or more.
const HASHES: [&str; 14] = [
    "$2b$08$abcdefghijklmnopqrstuu8.veTXNDPV2eEsdpKNczMw2otgh5LnK",
    "$pbkdf2$100000$atrXFCWdBlpmzIi/nXwJOw$20Lsx44nZwmh09bjGHFJ//oRZh8",
    "$pbkdf2-sha256$100000$aoWHXwyz0im1Hqg93.N.tA$bO5LsjmnnPle2Xm9RE6W1PMWdJTy1TnEia1TLzynuIQ",
    "$pbkdf2-sha512$100000$bHfSOIyj0UDoCo1Q4Bz49w$v/olF/T/R6On84NuHlNCiI/sUwsdyOC7J4cO8Cz7feNtLHHEKNjayeEZj0b/Js/cgkMK6zLFw2vynLo2el028Q",
    "$pbkdf2-sha384$i=100000,l=32$xDInuz7Y/DPzZUnCaQXJmg$7ICaEa6jEqxbbCBbv4YzrBf39KYNAtc3Bj0QWKeB3Ck",
    "$scrypt$ln=10,r=8,p=16$TmFDbA$/bq+HJ00cgB4VucZDQHp/nxq18vII3gw53N2Y0s3MWI",
    "$scrypt$ln=16,r=8,p=1$cmFuZG9tc2FsdGlzaGFyZA$Rh+NnJNo1I6nRwaNqbDm6kmADswD1+7FTKZ7Ln9D8nQ",
    "$y$jD5$K3wjJ.n1W9g1TfLeI0ESC0$SAt46wIbyewhlHlKVQcelosVETYUGOaV6mC1qjurql9",
    "$5$rounds=40000$saltstring$7cz4bTeQ7MnNssphNhFVrITtuJYY/1tdvLL2uzLvOk8",
    "$6$rounds=40000$PEZTJDiyzV28M3.m$GTlnzfzGB44DGd1XqlmC4erAJKCP.rhvLvrYxiT38htrNzVGBnplFOHjejUGVrCfusGWxLQCc3pFO0A/1jYYr0",
    "$md5,rounds=5000$10VYDzAA$$1arAVtMA3trgE1qJ2V0Ez1",
    "$sha1$21773$uV7PTeux$I9oHnvwPZHMO0Nq6/WgyGV/tDJIH",
    "$P$FiS0N5L672xzQx1rt1vgdJQRYKnQM9/",
    "_zzz.CCCCXUhOBTXzaiE",
];

const TURNS: usize = 9;

const COST: Cost = Cost { memory_kib: 19 << 10, iterations: 2, parallelism: 1 };

const POLICY: Policy = Policy { cost: COST, pepper: None };

fn main() -> anyhow::Result<()> {
    let mut arena = Arena::new(COST.memory_kib)?;
    let password = || Password::from_bytes(b"password1234".to_vec());
    println!("{:>12} {:>8} {:>9} {:>6}  hash", "ns", "units", "ns/unit", "ratio");
    for encoded in HASHES {
        let stored = Arc::new(Stored::parse(encoded, &Bounds::default()).context(encoded)?);
        let argon2id = Job::Hash { password: password()?, policy: POLICY };
        let verify = Job::Verify { password: password()?, stored };
        let (mut own, mut others) = (Vec::new(), Vec::new());
        for _ in 0..TURNS {
            own.push(time_ns(&argon2id, &mut arena)?);
            others.push(time_ns(&verify, &mut arena)?);
        }
        let unit = median(own) / 38.0;
        let units = Rates::nominal().quote(verify.demand()).units.0;
        let ns = median(others);
        let each = ns / units as f64;
        println!("{ns:>12.0} {units:>8} {each:>9.0} {:>6.2}  {encoded:.40}", each / unit);
    }
    Ok(())
}

fn time_ns(job: &Job, arena: &mut Arena) -> anyhow::Result<f64> {
    let start = clock::now();
    compute(job, arena)?;
    Ok(clock::now().saturating_duration_since(start).as_secs_f64() * 1e9)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
