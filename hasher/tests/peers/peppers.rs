//! Pods that lack a pepper, as they do while a new one reaches them one by one: those that have it do the work,
//! and nobody makes or verifies a hash without.

use std::sync::Arc;

use authcluster_contract::secret::Password;
use authcluster_hasher::formats::{Bounds, Pepper, Stored, Wrappable};
use authcluster_hasher::policy::rehash::Policy;
use authcluster_hasher::work::{Job, Outcome, Who, Work as _};

use super::cluster::{Authority, LARGE, PASSWORD, PATIENCE, SMALL, now, pods_with};
use super::order_of;

/// SHA-1 of "a".
const SHA1_OF_A: &str = "86f7e437faa5a7fce15d1ddcb9eaeaea377667b8";

#[tokio::test(flavor = "multi_thread")]
async fn pods_with_the_pepper_do_the_work_of_pods_without() {
    let id = "2026".parse().unwrap();
    let pepper = Pepper::new(id, b"cGVwcGVyIHBlcHBlciBwZXBwZXI=").unwrap();
    let without = Bounds { memory_kib_max: LARGE.memory_kib, ..Bounds::default() };
    let with = Bounds { peppers: [pepper.clone()].into_iter().collect(), ..without.clone() };
    let all = [&without, &without, &with, &with].map(Bounds::clone);
    let pods = pods_with(all.to_vec(), &Authority::new(), &[]).await;
    let user = order_of(&pods, &["pod-0", "pod-1", "pod-2"]);
    let who = Who::unknown(user);
    let compute = async |job| {
        let outcome = pods[3].work.compute(Some(&who), job, now() + PATIENCE).await.unwrap();
        let forwarded = ["cannot", "done", "failed"].map(|how| pods[3].count("forwarded", how));
        (outcome, forwarded)
    };
    let password = || Password::from_bytes(PASSWORD.as_bytes().to_vec()).unwrap();
    let policy = Policy { cost: SMALL, pepper: Some(pepper) };

    let hash = Job::Hash { password: password(), policy: policy.clone() };
    let (Outcome::Hashed(encoded), forwarded) = compute(hash).await else { panic!("no hash") };
    assert!(encoded.contains(",keyid=MjAyNg$"), "{encoded}");
    assert_eq!(forwarded, [2, 1, 0]);

    let stored = Arc::new(Stored::parse(&encoded, &with).unwrap());
    let (outcome, forwarded) = compute(Job::Verify { password: password(), stored }).await;
    assert_eq!((outcome, forwarded), (Outcome::Verified(true), [4, 2, 0]));

    let legacy = || Wrappable::new(Stored::parse(SHA1_OF_A, &with).unwrap(), &with).unwrap();
    let wrap = Job::Wrap { legacy: legacy(), policy, salt: None };
    let (Outcome::Hashed(wrapped), forwarded) = compute(wrap).await else { panic!("no hash") };
    assert!(wrapped.contains(",keyid=MjAyNg$") && !wrapped.contains("86f7e4"), "{wrapped}");
    assert_eq!(forwarded, [6, 3, 0]);

    // Without a pepper every pod can.
    let plain = Policy { cost: SMALL, pepper: None };
    let wrap = Job::Wrap { legacy: legacy(), policy: plain, salt: Some([7; 16]) };
    let (Outcome::Hashed(wrapped), forwarded) = compute(wrap).await else { panic!("no hash") };
    assert!(wrapped.contains("$BwcHBwcHBwcHBwcHBwcHBw$"), "the salt goes along: {wrapped}");
    assert_eq!(forwarded, [6, 4, 0]);
    let stored = Arc::new(Stored::parse(&wrapped, &without).unwrap());
    let password = Password::from_bytes(b"a".to_vec()).unwrap();
    let (outcome, _) = compute(Job::Verify { password, stored }).await;
    assert_eq!(outcome, Outcome::Verified(true));
}
