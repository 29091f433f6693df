//! Backlogs, and what they mean for one more job of 10 ms that may take 100 ms.

use super::*;

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// `lanes`: ms until each is free, `-` for idle; `queued`: ms of each waiting job.
fn decide(lanes: &str, queued: &[u64], change: impl FnOnce(&mut Ask, Instant)) -> String {
    // The one place where a test of this module needs a real moment to count from.
    let now = crate::clock::now();
    let lanes = lanes.split_whitespace().map(|lane| lane.parse().ok().map(|left| now + ms(left)));
    let mut ask =
        Ask { service: ms(10), service_at_best: ms(10), deadline: now + ms(100), wait_max: None };
    change(&mut ask, now);
    match admit(now, lanes, queued.iter().map(|queued| ms(*queued)), ask) {
        Decision::Admit => "admit".to_owned(),
        Decision::Refuse { wait } => format!("wait {}", wait.as_millis()),
    }
}

#[test]
fn a_job_is_admitted_when_it_finishes_before_its_deadline() {
    let check = |lanes: &str, queued: &[u64], expect: &str| {
        assert_eq!(decide(lanes, queued, |_, _| {}), expect, "{lanes} {queued:?}");
    };
    check("-", &[], "admit");
    // Twice what is predicted still fits.
    check("45", &[], "admit");
    check("46", &[], "wait 46");
    check("0", &[45], "admit");
    check("0", &[46], "wait 46");
    // Two lanes share the queue: 30 goes to the idle one, 20 behind it or beside it.
    check("- 25", &[30, 20], "admit");
    check("25 25", &[30, 30], "wait 55");
    check("25 10", &[30, 30], "admit");
    check("200 200 -", &[], "admit");
    check("", &[], &format!("wait {}", (Duration::MAX / 2).as_millis()));
}

#[test]
fn a_peer_that_wants_no_queue_is_told_how_long_it_is() {
    let check = |lanes: &str, wait_max: u64, expect: &str| {
        let decided = decide(lanes, &[], |ask, _| ask.wait_max = Some(ms(wait_max)));
        assert_eq!(decided, expect, "{lanes} {wait_max}");
    };
    check("30", 30, "admit");
    check("31", 30, "wait 31");
    check("-", 0, "admit");
}

#[test]
fn a_price_that_has_gone_too_high_does_not_close_an_idle_pod() {
    let dear = |ask: &mut Ask, _: Instant| ask.service = ms(500);
    assert_eq!(decide("-", &[], dear), "admit");
    assert_eq!(decide("1", &[], dear), "wait 491");
}

#[test]
fn what_a_slow_pod_takes_longer_counts_as_a_wait() {
    let check = |lanes: &str, service_ms: u64, expect: &str| {
        let decided = decide(lanes, &[], |ask, _| {
            ask.service = ms(service_ms);
            ask.wait_max = Some(ms(50));
        });
        assert_eq!(decided, expect, "{lanes} {service_ms}");
    };
    check("-", 10, "admit");
    check("-", 60, "admit");
    check("-", 61, "wait 51");
    check("20", 40, "admit");
    check("21", 40, "wait 51");
    // Quicker than at start is no credit.
    check("51", 5, "wait 51");
}

#[test]
fn a_price_is_believed_while_work_confirms_it() {
    let start = crate::clock::now();
    let check = |is_busy: bool, done_ms: Option<u64>, expect: bool| {
        let (now, done) = (start + ms(2_000), done_ms.map(|at| start + ms(at)));
        assert_eq!(is_confirmed(now, is_busy, done), expect, "{is_busy} {done_ms:?}");
    };
    check(true, None, true);
    check(false, None, false);
    check(false, Some(1_001), true);
    check(false, Some(1_000), false);
}

#[test]
fn what_can_never_be_in_time_is_refused_even_when_idle() {
    let decided = decide("-", &[], |ask, now| ask.deadline = now + ms(9));
    assert_eq!(decided, "wait 0");
}

#[test]
fn jobs_that_a_slower_pod_cannot_finish_in_time_are_told_so_before_their_turn() {
    // Each waiting job: ms it takes now, at best, and until its deadline.
    let check = |lanes: &str, queued: &[(u64, u64, u64)], expect: &str| {
        let now = crate::clock::now();
        let ends =
            lanes.split_whitespace().map(|lane| lane.parse().ok().map(|left| now + ms(left)));
        let queued = queued.iter().map(|(service, at_best, left)| Waits {
            service: ms(*service),
            service_at_best: ms(*at_best),
            deadline: now + ms(*left),
        });
        let told = too_late(now, ends, queued).into_iter();
        let told =
            told.map(|wait| wait.map_or("-".to_owned(), |wait| wait.as_millis().to_string()));
        assert_eq!(told.collect::<Vec<_>>().join(" "), expect, "{lanes}");
    };
    check("-", &[(10, 10, 10)], "-");
    check("-", &[(10, 10, 9)], "0");
    // The one in the middle is too late, and so the last one is not.
    check("-", &[(30, 10, 100), (90, 10, 35), (30, 10, 40)], "- 30 -");
    check("-", &[(30, 10, 100), (90, 10, 40), (30, 10, 40)], "- - 120");
    // Two lanes; one is late with its prediction, and may finish at any moment.
    check("0 50", &[(60, 20, 20), (60, 20, 70), (60, 20, 70)], "- - 60");
    check("", &[(1, 1, 1)], "-");
}

/// A queue that is too long to be played forward waits as long as if it were, or less than one job longer.
#[test]
fn a_long_queue_is_as_long_as_the_sum_of_its_jobs() {
    let now = crate::clock::now();
    let check = |lanes: usize, queued: &[u64]| {
        let ends = || (0..lanes).map(|lane| Some(now + ms(3 * lane as u64)));
        let queued = || queued.iter().map(|queued| ms(*queued));
        let told = wait(now, ends(), queued());
        let mut played: Vec<Duration> = ends().flatten().map(|end| end - now).collect();
        for service in queued() {
            *played.iter_mut().min().expect("a lane") += service;
        }
        let exact = *played.iter().min().expect("a lane");
        assert!((exact..exact + ms(50)).contains(&told), "{lanes} lanes: {told:?} for {exact:?}");
    };
    let mixed: Vec<u64> = (0..1_000).map(|job| [5, 5, 7, 50][job % 4]).collect();
    for lanes in [1, 2, 7, 64] {
        for jobs in [1, PLAYED_MAX, PLAYED_MAX + 1, 1_000] {
            check(lanes, &mixed[..jobs]);
        }
    }
    assert_eq!(wait(now, [], mixed.iter().map(|queued| ms(*queued))), Duration::MAX / 2);
}
