//! Prices follow what is seen, within bounds.

use super::*;

const MS: Duration = Duration::from_millis(1);

#[test]
fn a_price_is_the_time_at_start() {
    let price = Price::at_start(MS / 4);
    assert_eq!(price.speed(), 4_000);
    assert_eq!(price.service(48 * MS), 48 * MS);
    assert_eq!(Price::at_start(Duration::ZERO).speed(), WEIGHT_MAX);
    assert_eq!(Price::at_start(Duration::MAX).speed(), 1);
}

#[test]
fn a_slow_neighbour_is_noticed_and_forgotten() {
    let mut price = Price::at_start(MS);
    for _ in 0..30 {
        price.observe(10 * MS, 20 * MS);
    }
    assert!((MS * 190 / 100..=MS * 2).contains(&price.service(MS)), "{price:?}");
    assert_eq!(price.service_at_best(MS), MS);
    for _ in 0..40 {
        price.observe(10 * MS, 10 * MS);
    }
    assert!((MS * 99 / 100..MS * 103 / 100).contains(&price.service(MS)), "{price:?}");
}

/// A quarter of a CPU by a quota: four jobs of five milliseconds, and then the rest of the period.
#[test]
fn the_speed_under_a_quota_is_what_gets_done() {
    let mut price = Price::at_start(MS);
    for period in 0..300 {
        (0..4).for_each(|_| price.observe(5 * MS, 5 * MS));
        price.observe(5 * MS, 80 * MS);
        assert!(period < 200 || (230..270).contains(&price.speed()), "{price:?}");
    }
}

#[test]
fn the_speed_is_of_some_seconds_whatever_jobs_take() {
    for job in [MS, 25 * MS, 250 * MS, 3_000 * MS] {
        let mut price = Price::at_start(MS);
        let jobs = (12_000 * MS).as_nanos().div_ceil(job.as_nanos());
        (0..jobs).for_each(|_| price.observe(job, 2 * job));
        assert!((499..504).contains(&price.speed()), "{job:?}: {}", price.speed());
    }
    let mut price = Price::at_start(MS);
    price.observe(5 * MS, 60_000 * MS);
    assert!(price.speed() > 800, "one job that was held up: {}", price.speed());
}

#[test]
fn jobs_of_microseconds_count_by_their_time_too() {
    let us = MS / 1_000;
    let mut price = Price::at_start(MS);
    (0..1_000_000)
        .for_each(|job| price.observe(10 * us, if job % 2 == 0 { 8 * us } else { 12 * us }));
    assert!((990..1_010).contains(&price.speed()), "{price:?}");
}

/// Eight pods that start together on one node are each told that everything takes eight times as long.
#[test]
fn what_was_measured_on_a_busy_machine_is_forgotten() {
    let mut price = Price::at_start(8 * MS);
    (0..4_000).for_each(|_| price.observe(40 * MS, 5 * MS));
    assert!((990..=1_000).contains(&price.speed()), "{price:?}");
    assert!((MS * 99 / 100..=MS * 103 / 100).contains(&price.service(8 * MS)), "{price:?}");
}

#[test]
fn one_job_that_was_held_up_does_not_price_out_all_others() {
    let mut price = Price::at_start(MS);
    price.observe(MS, 60_000 * MS);
    assert!(price.service(MS) < 2 * MS);
    for _ in 0..100 {
        price.observe(MS, Duration::MAX);
    }
    assert!(price.service(MS) <= 4 * MS);
    for _ in 0..100 {
        price.observe(MS, Duration::ZERO);
    }
    assert!(price.service(MS) >= MS / 40);
    assert_eq!(price.service_at_best(MS), price.service(MS));
}

#[test]
fn a_second_try_is_twice_the_first() {
    let once = Quote { units: Units(19), time: 2 * MS };
    assert_eq!(once.times(2), Quote { units: Units(38), time: 4 * MS });
    let most = Quote { units: Units(u64::MAX), time: Duration::MAX };
    assert_eq!(most.times(2), most);
}

/// A limit that is inferred from response times falls as queues grow, and is not found again
/// (Netflix/concurrency-limits#88). A price is of the work alone, and whatever it has seen it comes back.
#[test]
fn a_price_does_not_drift_concurrency_limits_88() {
    let mut price = Price::at_start(MS);
    for job in 0..100_000_u32 {
        // Between half and one and a half of what is predicted, a millisecond on average.
        price.observe(MS, MS / 2 + MS * (job * 7 % 101) / 100);
        assert!((MS / 2..MS * 3 / 2).contains(&price.service(MS)), "{job}: {price:?}");
    }
    for _ in 0..100_000 {
        price.observe(MS, 100 * MS);
    }
    for _ in 0..40 {
        price.observe(MS, MS);
    }
    assert!((MS * 99 / 100..MS * 102 / 100).contains(&price.service(MS)), "{price:?}");
}
