//! Caps, times and fairness of connections.

use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn network(last: u8) -> ConnectionOwner {
    ConnectionOwner::network([192, 0, 2, last].into())
}

fn caller(name: &str) -> ConnectionOwner {
    ConnectionOwner::Proven(name.into())
}

fn open(owner: ConnectionOwner, idle_since: Option<Duration>) -> OpenConnection {
    OpenConnection { owner, accepted: Duration::ZERO, idle_since, asked_to_end: None }
}

#[test]
fn caps_follow_from_memory_and_file_descriptors() {
    let sample = ConnectionCaps::of_api(48 * 1024, 1_048_576);
    assert_eq!(sample, ConnectionCaps { unproven: 256, proven: 512 });
    assert_eq!(bodies_kib(48 * 1024), 12 * 1024);
    let few_files = ConnectionCaps::of_api(48 * 1024, 1_024);
    assert_eq!(few_files, ConnectionCaps { unproven: 170, proven: 341 });
    let least = ConnectionCaps::of_api(0, 0);
    assert_eq!(least, ConnectionCaps { unproven: 16, proven: 16 });
    assert_eq!(bodies_kib(0), 64);
}

#[test]
fn an_ipv6_network_is_a_64_and_mapped_addresses_are_ipv4() {
    let owner = |text: &str| ConnectionOwner::network(text.parse().unwrap());
    assert_eq!(owner("2001:db8::1"), owner("2001:db8::ffff:1"));
    assert_ne!(owner("2001:db8::1"), owner("2001:db8:0:1::1"));
    assert_eq!(owner("::ffff:192.0.2.1"), network(1));
}

#[test]
fn a_connection_without_proof_is_closed_whatever_it_does() {
    for idle_since in [None, Some(Duration::ZERO), Some(4 * SECOND)] {
        let silent = open(network(1), idle_since);
        assert_eq!(verdict(&silent, PROOF_TIMEOUT - SECOND), ConnectionVerdict::Keep);
        assert_eq!(verdict(&silent, PROOF_TIMEOUT), ConnectionVerdict::CloseUnproven);
    }
}

#[test]
fn a_proven_connection_is_asked_to_end_once_it_is_idle_and_closed_if_it_does_not() {
    let busy = open(caller("shop"), None);
    assert_eq!(verdict(&busy, 3600 * SECOND), ConnectionVerdict::Keep);
    let idle = open(caller("shop"), Some(10 * SECOND));
    let end = 10 * SECOND + IDLE_TIMEOUT;
    assert_eq!(verdict(&idle, end - SECOND), ConnectionVerdict::Keep);
    assert_eq!(verdict(&idle, end), ConnectionVerdict::AskToEnd);
    let asked = OpenConnection { asked_to_end: Some(end), ..idle };
    assert_eq!(verdict(&asked, end + SECOND), ConnectionVerdict::Keep);
    assert_eq!(verdict(&asked, end + CLOSE_TIMEOUT), ConnectionVerdict::CloseIdle);
    let busy_again = OpenConnection { idle_since: None, ..asked };
    assert_eq!(verdict(&busy_again, end + CLOSE_TIMEOUT), ConnectionVerdict::Keep);
}

#[test]
fn the_oldest_of_the_largest_network_makes_room() {
    let flood = (1..=3).map(|id| (id, open(network(7), Some(Duration::ZERO))));
    let others = [(0, network(1)), (4, network(2))];
    let others = others.map(|(id, owner)| (id, open(owner, Some(Duration::ZERO))));
    let open: BTreeMap<_, _> = flood.chain(others).collect();
    // Another network's connection, and one from the address of the flood itself.
    assert_eq!(make_room(&open, &network(3)), Some(1));
    assert_eq!(make_room(&open, &network(7)), Some(1));
}

#[test]
fn among_networks_with_as_many_the_oldest_connection_makes_room() {
    let open: BTreeMap<_, _> =
        (0..8).map(|id| (u64::from(id), open(network(id), Some(Duration::ZERO)))).collect();
    assert_eq!(make_room(&open, &network(9)), Some(0));
    assert_eq!(make_room(&open, &network(3)), Some(3));
}

#[test]
fn of_a_callers_connections_the_one_that_is_idle_longest_makes_room() {
    let shop = |idle_since: Option<u64>| open(caller("shop"), idle_since.map(Duration::from_secs));
    let busy = BTreeMap::from([(0, shop(None)), (1, shop(None))]);
    assert_eq!(make_room(&busy, &caller("shop")), None);
    let idle = BTreeMap::from([(0, shop(None)), (1, shop(Some(9))), (2, shop(Some(5)))]);
    assert_eq!(make_room(&idle, &caller("shop")), Some(2));
    assert_eq!(make_room(&idle, &caller("other")), Some(2));
    assert_eq!(make_room(&BTreeMap::new(), &caller("shop")), None);
}
