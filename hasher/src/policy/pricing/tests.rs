//! Prices follow what is seen, within bounds.

use super::*;

const MS: Duration = Duration::from_millis(1);

#[test]
fn a_price_is_time_by_units() {
    let price = Price::measured(Units(38), 38 * MS / 4);
    assert_eq!(price.speed(), 4_000);
    assert_eq!(price.service(Units(192)), 48 * MS);
    assert_eq!(Price::measured(Units(0), Duration::ZERO).speed(), WEIGHT_MAX);
    assert_eq!(Price::measured(Units(1), Duration::MAX).speed(), 1);
}

#[test]
fn a_slow_neighbour_is_noticed_and_forgotten() {
    let mut price = Price::measured(Units(1), MS);
    for _ in 0..30 {
        price.observe(Units(10), 20 * MS);
    }
    assert!((500..530).contains(&price.speed()), "{}", price.speed());
    assert_eq!(price.service_at_best(Units(1)), MS);
    for _ in 0..40 {
        price.observe(Units(10), 10 * MS);
    }
    assert!((970..1_010).contains(&price.speed()), "{}", price.speed());
}

#[test]
fn one_job_that_was_held_up_does_not_price_out_all_others() {
    let mut price = Price::measured(Units(1), MS);
    price.observe(Units(1), 60_000 * MS);
    assert!(price.service(Units(1)) < 2 * MS);
    for _ in 0..100 {
        price.observe(Units(1), Duration::MAX);
    }
    assert!(price.service(Units(1)) <= 4 * MS);
    for _ in 0..100 {
        price.observe(Units(1), Duration::ZERO);
    }
    assert!(price.service(Units(1)) >= MS / 5);
}
