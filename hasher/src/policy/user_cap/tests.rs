//! Jobs under way are written `k` from a known-good pair and `o` from anywhere else.

use super::*;

fn check(under_way: &str, known: bool, jobs_max: u32, expect: bool) {
    let jobs = under_way.chars().map(|job| job == 'k');
    assert_eq!(admits(jobs, known, jobs_max), expect, "{under_way} {known} {jobs_max}");
}

#[test]
fn a_user_has_so_many_jobs_at_once() {
    check("", false, 2, true);
    check("o", false, 2, true);
    check("oo", false, 2, false);
    check("o", false, 1, false);
}

#[test]
fn a_known_good_pair_has_a_slot_of_its_own() {
    check("oo", true, 2, true);
    check("ook", true, 2, false);
    check("k", true, 2, true);
    check("kko", true, 2, false);
    // It takes nothing from the others' slots.
    check("ko", false, 2, true);
    check("koo", false, 2, false);
    check("kk", false, 2, true);
}
