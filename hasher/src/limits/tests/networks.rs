//! An IPv6 address and the networks around it.

use super::*;

#[tokio::test(start_paused = true)]
async fn networks_around_an_ipv6_address_have_four_and_sixteen_times_its_attempts() {
    let (_, pods) = pods(&limits(&[(RateScope::Address, 2, 3_600)]), 1);
    let pod = &pods[0];
    let mut turn = 0;
    let mut let_in = async |prefix: &str, networks: u16| {
        let mut let_in = 0;
        for network in 0..networks {
            for _ in 0..4 {
                turn += 1;
                let address = Some(at(&format!("{prefix}{network:02x}::1")));
                let attempt = fail(pod, &format!("user-{turn}"), address).await;
                assert!(scope_of(attempt.clone()).is_none_or(|scope| scope == LimitScope::Address));
                let_in += usize::from(attempt.is_ok());
                // A denial gives back what was charged beside it.
                settled(pod).await;
            }
        }
        let_in
    };
    assert_eq!(let_in("2001:db8:1:aa", 1).await, 2, "a /64");
    assert_eq!(let_in("2001:db8:1:bb", 20).await, 8, "a /56");
    assert_eq!(let_in("2001:db8:2:aa", 20).await, 8, "another /56");
    let mut of_48 = 0;
    for of_56 in 0..8 {
        of_48 += let_in(&format!("2001:db8:3:c{of_56}"), 20).await;
    }
    assert_eq!(of_48, 32, "a /48");
}

#[tokio::test(start_paused = true)]
async fn a_denial_of_an_address_charges_no_network_around_it() {
    let (_, pods) = pods(&limits(&[(RateScope::Address, 1, 3_600)]), 1);
    let pod = &pods[0];
    assert_eq!(fail(pod, "alice", Some(at("2001:db8::1"))).await, Ok(()));
    for _ in 0..20 {
        let denied = fail(pod, "alice", Some(at("2001:db8::1"))).await;
        assert_eq!(scope_of(denied), Some(LimitScope::Address));
        settled(pod).await;
        // Past the time for which a denial is believed.
        tokio::time::advance(Duration::from_secs(1)).await;
    }
    for network in 1..4 {
        let address = Some(at(&format!("2001:db8:0:{network}::1")));
        assert_eq!(fail(pod, "bob", address).await, Ok(()), "{network}");
    }
    let address = Some(at("2001:db8:0:4::1"));
    assert_eq!(scope_of(fail(pod, "bob", address).await), Some(LimitScope::Address));
}
