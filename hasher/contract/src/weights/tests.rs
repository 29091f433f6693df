//! Weights read back as written, and nothing else is a weight.

use super::*;

#[test]
fn only_integers_in_bounds_are_weights() {
    for good in [0, 1, 8_000, WEIGHT_MAX] {
        assert_eq!(good.to_string().parse::<Weight>().map(Weight::get), Ok(good));
    }
    for bad in ["", "-1", "1.5", "nan", "16000001", "99999999999999999999", "0x10", " 1"] {
        assert_eq!(bad.parse::<Weight>(), Err(WeightError), "{bad:?}");
    }
}

#[test]
fn capacity_is_cut_to_the_largest_weight() {
    assert_eq!(Weight::from_capacity(u64::MAX).get(), WEIGHT_MAX);
    assert!(Weight::from_capacity(0).is_drain());
}
