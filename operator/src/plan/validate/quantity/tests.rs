//! Amounts, as Kubernetes reads them.

use super::*;

#[test]
fn amounts_are_read_as_kubernetes_reads_them() {
    let check = |text: &str, cpu_milli: u64, expect_bytes: u64| {
        let quantity = Quantity(text.to_owned());
        assert_eq!(milli_cpu(&quantity), Ok(cpu_milli), "{text}");
        assert_eq!(bytes(&quantity), Ok(expect_bytes), "{text}");
    };
    check("2", 2000, 2);
    check("500m", 500, 1);
    check("0.25", 250, 1);
    check("1.5", 1500, 2);
    check("1k", 1_000_000, 1000);
    check("1Ki", 1_024_000, 1024);
    check("64Gi", 64 * 1024 * 1024 * 1024 * 1000, 64 * 1024 * 1024 * 1024);
    check("0.5Mi", 524_288_000, 524_288);
}

#[test]
fn what_is_no_amount_is_refused() {
    for text in ["", "m", "Mi", "-1", "1e3", "1Xi", "1.", ".5", "1 Gi", "1,5", "1Ei1"] {
        assert!(bytes(&Quantity(text.to_owned())).is_err(), "{text:?}");
    }
    assert!(bytes(&Quantity("99999999999999999999Ti".to_owned())).is_err());
}
