//! Times as they are read, and what a backup lacks.

use super::*;

#[test]
fn moments_are_spelled_in_utc() {
    let check = |unix_ms, expect: &str| assert_eq!(rfc_3339(unix_ms), expect);
    check(0, "1970-01-01T00:00:00Z");
    check(951_782_400_000, "2000-02-29T00:00:00Z");
    check(951_868_800_999, "2000-03-01T00:00:00Z");
    check(1_709_210_096_000, "2024-02-29T12:34:56Z");
    check(4_107_542_399_000, "2100-02-28T23:59:59Z");
    check(4_107_542_400_000, "2100-03-01T00:00:00Z");
    check(u64::MAX, "9999-12-31T23:59:59Z");
}

#[test]
fn a_restored_session_ends_at_most_an_eighth_of_the_idle_timeout_early() {
    for idle_ms in [1_000, 2_000, 60_000, 3_600_000, 31_536_000_000] {
        let early_ms = idle_ms / BACKUP_TOUCHES + backup_spare_ms(idle_ms);
        assert!(early_ms <= idle_ms / 8, "{early_ms} of {idle_ms}");
        assert!(0 < backup_spare_ms(idle_ms));
    }
}
