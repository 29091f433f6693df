//! The address plan stays inside 198.18.0.0/15 and two labs share nothing.

use super::*;

#[test]
fn the_first_and_the_last_lab() {
    let first = Addresses::of_lab(0).unwrap();
    assert_eq!(first.bridge().to_string(), "198.18.0.1");
    assert_eq!(first.node(NodeNumber(1)).to_string(), "198.18.0.11");
    assert_eq!(first.node_pods(NodeNumber(3)), "198.18.3.0/24");
    assert_eq!(first.services(), "198.18.32.0/19");
    assert_eq!(first.api_service().to_string(), "198.18.32.1");
    assert_eq!(first.dns_service().to_string(), "198.18.32.10");
    let last = Addresses::of_lab(LABS_MAX - 1).unwrap();
    assert_eq!(last.node_pods(NodeNumber(NODES_MAX)), "198.19.223.0/24");
    assert_eq!(last.services(), "198.19.224.0/19");
    assert_eq!(Addresses::of_lab(LABS_MAX), Err(AddressError::Labs));
}

#[test]
fn a_lab_ends_where_the_next_begins() {
    for index in 1..LABS_MAX {
        let before = Addresses::of_lab(index - 1).unwrap();
        let after = Addresses::of_lab(index).unwrap();
        assert_eq!(after.start - before.start, LAB_ADDRESSES);
    }
}

#[test]
fn node_addresses_stay_in_their_block() {
    let lab = Addresses::of_lab(2).unwrap();
    let last = lab.node(NodeNumber(NODES_MAX)).octets();
    assert_eq!((last[2], last[3]), (128, 41));
}

#[test]
fn the_lowest_free_number_is_taken() {
    for (taken, expected) in [
        (vec![], Ok(0)),
        (vec![0, 2], Ok(1)),
        (vec![1, 0], Ok(2)),
        ((0..LABS_MAX).collect(), Err(AddressError::Labs)),
    ] {
        assert_eq!(free_index(&taken), expected, "{taken:?}");
    }
}
