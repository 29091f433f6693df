//! Permits belong to jobs: what a caller that leaves may and may not change.

use std::sync::Arc;
use std::time::Duration;

use authcluster_contract::secret::Password;
use authcluster_contract::user::{Realm, UserKeyMaker, UsernameCase};

use super::*;
use crate::clock;
use crate::formats::{Bounds, Stored};
use crate::policy::rehash::Policy;

const SMALL: Cost = Cost { memory_kib: 1024, iterations: 1, parallelism: 1 };

/// Takes more than half a second on the fastest path, so that it is seen running on a busy machine.
const LONG: Cost = Cost { memory_kib: 1024, iterations: 5_000, parallelism: 1 };

fn lanes(large_kib: u64) -> Lanes {
    Lanes::start(LanesConfig { lanes: 1, pin: false, cost: SMALL, large_kib, jobs_per_user_max: 2 })
        .unwrap()
}

fn hash(cost: Cost) -> Job {
    Job::Hash {
        password: Password::from_bytes(b"pw".to_vec()).unwrap(),
        policy: Policy { cost, pepper: None },
    }
}

fn terms(deadline: Duration) -> Terms {
    Terms::until(clock::now() + deadline)
}

const HOUR: Duration = Duration::from_secs(3600);

fn wait_of(refused: &Result<Reply, WorkError>) -> Duration {
    match refused {
        Err(WorkError::Refused(refused)) => refused.wait,
        other => panic!("{other:?}"),
    }
}

/// The place is the job's: it is free again when the job has ended or was taken back before it ran, and
/// not because a caller went away.
#[tokio::test]
async fn a_user_has_so_many_jobs_at_once() {
    let lanes = lanes(0);
    let keys = UserKeyMaker::new(vec![7; 32], UsernameCase::default()).unwrap();
    let who = |name: &str, known| {
        let user = keys.user(&Realm::new("shop").unwrap(), name).unwrap();
        Who { user, known }
    };
    let (alice, bob) = (who("alice", false), who("bob", false));
    let ask = |who: &Who, cost| lanes.admit(clock::now(), Some(who), hash(cost), terms(HOUR));
    let busy = |answer: Result<Reply, WorkError>| matches!(answer, Err(WorkError::UserBusy));
    let running = ask(&alice, LONG).unwrap();
    while lanes.shared.lock().running.iter().flatten().count() == 0 {
        tokio::task::yield_now().await;
    }
    let waiting = ask(&alice, SMALL).unwrap();
    assert!(busy(ask(&alice, SMALL)));
    let other = ask(&bob, SMALL).unwrap();
    let known = ask(&who("alice", true), SMALL).unwrap();
    drop(waiting);
    let again = ask(&alice, SMALL).unwrap();
    assert!(busy(ask(&alice, SMALL)));
    drop(running);
    assert!(busy(ask(&alice, SMALL)), "the one that runs is still there");
    assert_eq!(lanes.done(), Done::default());
    for reply in [other, known, again] {
        reply.await.unwrap().unwrap();
    }
    ask(&alice, SMALL).unwrap().await.unwrap().unwrap();
    let done = Done { wanted: Units(4 * SMALL.units().0), unwanted: LONG.units() };
    assert_eq!(lanes.done(), done);
}

#[tokio::test]
async fn a_job_comes_back_and_leaves_no_load() {
    let lanes = lanes(0);
    let reply = lanes.admit(clock::now(), None, hash(SMALL), terms(HOUR)).unwrap();
    assert!(matches!(reply.await.unwrap(), Ok(Outcome::Hashed(_))));
    assert_eq!(lanes.load(), Units::ZERO);
}

#[tokio::test]
async fn what_cannot_be_in_time_is_refused_at_once() {
    let lanes = lanes(0);
    let refused = lanes.admit(clock::now(), None, hash(SMALL), terms(Duration::ZERO));
    assert_eq!(wait_of(&refused), Duration::ZERO);
    let running = lanes.admit(clock::now(), None, hash(LONG), terms(HOUR)).unwrap();
    let short = Terms { wait_max: Some(Duration::ZERO), ..terms(HOUR) };
    let refused = lanes.admit(clock::now(), None, hash(SMALL), short);
    assert!(wait_of(&refused) > Duration::ZERO);
    drop(running.await);
}

#[tokio::test]
async fn a_caller_that_leaves_cancels_what_waits_and_not_what_runs() {
    let lanes = lanes(0);
    let running = lanes.admit(clock::now(), None, hash(LONG), terms(HOUR)).unwrap();
    while lanes.shared.lock().running.iter().flatten().count() == 0 {
        assert!(lanes.load() > Units::ZERO, "it ended before it was seen");
        tokio::task::yield_now().await;
    }
    let marked = terms(HOUR);
    let started = marked.started.clone();
    let waiting: Vec<_> = (0..200)
        .map(|_| lanes.admit(clock::now(), None, hash(LONG), marked.clone()).unwrap())
        .collect();
    assert_eq!(lanes.load().0, 201 * 5_000);
    drop(waiting);
    assert!(!started.may_have_begun());
    assert_eq!(lanes.load().0, 5_000);
    drop(running);
    assert_eq!(lanes.load().0, 5_000, "a running job keeps its lane");
    let next = lanes.admit(clock::now(), None, hash(SMALL), marked).unwrap();
    assert!(matches!(next.await.unwrap(), Ok(Outcome::Hashed(_))));
    assert!(started.may_have_begun());
    assert_eq!(lanes.load(), Units::ZERO);
}

#[tokio::test]
async fn a_job_that_is_refused_has_not_begun() {
    let lanes = lanes(0);
    let late = terms(Duration::ZERO);
    let started = late.started.clone();
    wait_of(&lanes.admit(clock::now(), None, hash(SMALL), late));
    assert!(!started.may_have_begun());
}

#[tokio::test]
async fn a_job_that_has_become_too_late_is_told_so_before_its_turn() {
    let lanes = lanes(0);
    let each = lanes.quote(&hash(LONG)).time;
    let held = lanes.admit(clock::now(), None, hash(LONG), terms(HOUR)).unwrap();
    let next = lanes.admit(clock::now(), None, hash(LONG), terms(HOUR)).unwrap();
    // In time when the wait takes twice as long, and not on a lane that takes four times as long.
    let late = lanes.admit(clock::now(), None, hash(SMALL), terms(each * 9 / 2)).unwrap();
    let behind = lanes.admit(clock::now(), None, hash(SMALL), terms(HOUR)).unwrap();
    for _ in 0..100 {
        lanes.shared.lock().price.observe(each, 4 * each);
    }
    assert!(wait_of(&late.await.unwrap().map(|_| unreachable!())) > Duration::ZERO);
    assert!(lanes.load() > LONG.units(), "the one before it has ended");
    for reply in [held, next, behind] {
        assert!(matches!(reply.await.unwrap(), Ok(Outcome::Hashed(_))));
    }
}

#[tokio::test]
async fn large_hashes_share_their_memory_and_give_it_back() {
    let lanes = lanes(4096);
    let bounds = Bounds::default();
    let encoded =
        "$argon2id$v=19$m=3072,t=1,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4";
    let stored = Arc::new(Stored::parse(encoded, &bounds).unwrap());
    let job = || Job::Verify {
        password: Password::from_bytes(b"pw".to_vec()).unwrap(),
        stored: stored.clone(),
    };
    for _ in 0..3 {
        // The lane is held, so the first job waits with its memory while the second one asks.
        let held = lanes.admit(clock::now(), None, hash(LONG), terms(HOUR)).unwrap();
        let first = lanes.admit(clock::now(), None, job(), terms(HOUR)).unwrap();
        let second = lanes.admit(clock::now(), None, job(), terms(HOUR));
        assert!(second.is_err(), "6 MiB are more than 4");
        assert!(matches!(held.await.unwrap(), Ok(Outcome::Hashed(_))));
        assert!(matches!(first.await.unwrap(), Ok(Outcome::Verified(false))));
    }
    let cancelled = lanes.admit(clock::now(), None, hash(LONG), terms(HOUR)).unwrap();
    let waiting = lanes.admit(clock::now(), None, job(), terms(HOUR)).unwrap();
    drop(waiting);
    assert!(lanes.admit(clock::now(), None, job(), terms(HOUR)).is_ok(), "the memory came back");
    drop(cancelled);
}

#[tokio::test]
async fn lanes_end_after_what_they_have_admitted() {
    let lanes = lanes(0);
    let replies: Vec<_> = (0..3)
        .map(|_| lanes.admit(clock::now(), None, hash(SMALL), terms(HOUR)).unwrap())
        .collect();
    drop(lanes);
    for reply in replies {
        assert!(matches!(reply.await.unwrap(), Ok(Outcome::Hashed(_))));
    }
}

#[tokio::test]
async fn a_lane_without_work_wipes_its_arena_once() {
    let config =
        LanesConfig { lanes: 1, pin: false, cost: SMALL, large_kib: 0, jobs_per_user_max: 2 };
    let lanes = Lanes::start_wiping(config, Duration::from_millis(5)).unwrap();
    let began = clock::now();
    for wipes in 1..=2 {
        while lanes.wipes() < wipes {
            assert!(clock::now() - began < Duration::from_secs(30), "not wiped");
            tokio::task::yield_now().await;
        }
        // An idle lane sleeps: a second wipe comes only after another job.
        let reply = lanes.admit(clock::now(), None, hash(LONG), terms(HOUR)).unwrap();
        assert_eq!(lanes.wipes(), wipes);
        assert!(matches!(reply.await.unwrap(), Ok(Outcome::Hashed(_))));
    }
}

#[tokio::test]
async fn pinned_lanes_compute_and_have_one_cpu_each() {
    let before = rustix::thread::sched_getaffinity(None).unwrap();
    let config =
        LanesConfig { lanes: 2, pin: true, cost: SMALL, large_kib: 0, jobs_per_user_max: 2 };
    let lanes = Lanes::start(config).unwrap();
    let reply = lanes.admit(clock::now(), None, hash(SMALL), terms(HOUR)).unwrap();
    assert!(matches!(reply.await.unwrap(), Ok(Outcome::Hashed(_))));
    assert_eq!(rustix::thread::sched_getaffinity(None).unwrap(), before, "this thread is free");
    // Each lane has a thread of its name, and the kernel tells where it may run.
    let allowed = |lane: &str| {
        let tasks = std::fs::read_dir("/proc/self/task").unwrap().flatten();
        let statuses =
            tasks.filter_map(|task| std::fs::read_to_string(task.path().join("status")).ok());
        let pinned = statuses
            .filter(|status| status.starts_with(&format!("Name:\t{lane}\n")))
            .filter_map(|status| {
                let list = status.lines().find_map(|it| it.strip_prefix("Cpus_allowed_list:"))?;
                list.trim().parse::<u32>().ok()
            });
        pinned.collect::<std::collections::BTreeSet<u32>>()
    };
    assert_eq!(allowed("lane-0").len(), 1);
    let cpus = (0..rustix::thread::CpuSet::MAX_CPU).filter(|cpu| before.is_set(*cpu)).count();
    assert_eq!(allowed("lane-0") != allowed("lane-1"), cpus > 1);
}

#[tokio::test]
async fn memory_of_other_functions_counts_beside_the_arenas() {
    // passlib's test suite: 259 KiB.
    let encoded =
        "$scrypt$ln=8,r=8,p=1$wlhLyXmP8b53bm1NKYVQqg$mTpvG8lzuuDk+DWz8HZIB6Vum6erDuUm0As5yU+VxWA";
    let stored = Arc::new(Stored::parse(encoded, &Bounds::default()).unwrap());
    let verify = || Job::Verify {
        password: Password::from_bytes(b"test".to_vec()).unwrap(),
        stored: Arc::clone(&stored),
    };
    assert!(lanes(258).admit(clock::now(), None, verify(), terms(HOUR)).is_err());
    let lanes = lanes(259);
    for _ in 0..2 {
        let reply = lanes.admit(clock::now(), None, verify(), terms(HOUR)).unwrap();
        assert!(matches!(reply.await.unwrap(), Ok(Outcome::Verified(true))));
    }
}
