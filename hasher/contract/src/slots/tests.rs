//! Slots against the specification's examples, and sets against their laws.

#![expect(clippy::arithmetic_side_effects, reason = "small numbers of a test")]

use proptest::prelude::*;

use super::*;

#[test]
fn crc16_gives_the_value_of_the_specification() {
    assert_eq!(crc16(b"123456789"), 0x31c3);
}

#[test]
fn the_hash_tag_rule_is_that_of_the_specification() {
    let check = |key: &str, tag: &str| {
        assert_eq!(hash_tag(key.as_bytes()), tag.as_bytes(), "{key}");
    };
    check("plain", "plain");
    check("{user1000}.following", "user1000");
    check("foo{}{bar}", "foo{}{bar}");
    check("foo{{bar}}zap", "{bar");
    check("foo{bar}{zap}", "bar");
    check("foo{bar", "foo{bar");
}

#[test]
fn known_keys_have_known_slots() {
    // From `CLUSTER KEYSLOT` of Redis 7.0.
    assert_eq!(Slot::of_key(b"foo").get(), 12_182);
    assert_eq!(Slot::of_key(b"somekey").get(), 11_058);
    assert_eq!(Slot::of_key(b"foo{hash_tag}").get(), 2_515);
}

#[test]
fn every_slot_has_a_short_tag_that_lies_in_it() {
    for number in 0..SLOTS {
        let slot = Slot(number);
        assert_eq!(Slot::of_key(tag_of(slot).as_bytes()), slot);
        assert!(tag_of(slot).len() <= 6, "{slot}: {}", tag_of(slot));
    }
}

#[test]
fn a_partner_is_half_the_ring_away_and_mutual() {
    assert_eq!(Slot(0).partner(), Slot(8_192));
    for slot in (0..SLOTS).map(Slot) {
        assert_eq!(slot.partner().partner(), slot);
    }
}

#[test]
fn a_set_that_makes_no_sense_is_refused() {
    for bad in ["", "16384", "5-3", "1,,2", "a", "1-", "-1"] {
        assert!(bad.parse::<SlotSet>().is_err(), "{bad:?}");
    }
}

fn any_set() -> impl Strategy<Value = SlotSet> {
    prop::collection::vec((0..SLOTS, 0_u16..900), 0..12).prop_map(|ranges| {
        let mut set = SlotSet::empty();
        for (first, length) in ranges {
            let last = Slot((first + length).min(SLOTS - 1));
            set.insert_range(SlotRange { first: Slot(first), last });
        }
        set
    })
}

proptest! {
    #[test]
    fn a_set_reads_back_as_written(set in any_set()) {
        prop_assert_eq!(set.to_string().parse::<SlotSet>().unwrap(), set);
    }

    #[test]
    fn sets_obey_their_laws(a in any_set(), b in any_set()) {
        prop_assert_eq!(a.union(&b).len() + a.intersection(&b).len(), a.len() + b.len());
        prop_assert_eq!(a.difference(&b).union(&a.intersection(&b)), a.clone());
        prop_assert!(a.difference(&a).is_empty());
        prop_assert_eq!(a.union(&SlotSet::all()), SlotSet::all());
    }
}
