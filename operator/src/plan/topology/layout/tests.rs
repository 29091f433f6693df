//! Any slots that are free find a shard, none twice, none beside its partner.

use std::collections::BTreeMap;

use authcluster_contract::slots::{SLOTS, Slot, SlotSet};
use proptest::prelude::*;

use super::{deal, even_layout};

#[test]
fn a_fresh_cluster_gets_the_even_layout() {
    for shards in 1..=64 {
        let empty: Vec<u16> = (0..shards).collect();
        let dealt = deal(&SlotSet::all(), &BTreeMap::new(), &empty, shards);
        assert_eq!(dealt.into_values().collect::<Vec<_>>(), even_layout(shards), "{shards}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_is_free_is_dealt_once_and_apart_from_its_partner(
        shards in 2_u16..9,
        cuts in proptest::collection::vec((0..SLOTS, 0_u16..9), 1..40),
        lost in proptest::collection::btree_set(0_u16..9, 0..9),
    ) {
        // A fragmented layout: the ring is cut at random places, and the pieces go round; a slot in
        // the upper half lies one shard further than its partner.
        let mut held: BTreeMap<u16, SlotSet> = BTreeMap::new();
        for slot in SlotSet::all().iter() {
            let low = slot.get() % (SLOTS / 2);
            let piece = cuts.iter().filter(|(cut, _)| cut % (SLOTS / 2) <= low).map(|(_, to)| *to).max();
            let shift = u16::from(slot.get() >= SLOTS / 2);
            let shard = (piece.unwrap_or(0) + shift) % shards;
            held.entry(shard).or_insert_with(SlotSet::empty).insert(slot);
        }
        let empty: Vec<u16> = (0..shards).filter(|s| lost.contains(s) || !held.contains_key(s)).collect();
        held.retain(|shard, _| !empty.contains(shard));
        let taken = held.values().fold(SlotSet::empty(), |all, slots| all.union(slots));
        let free = SlotSet::all().difference(&taken);

        let dealt = deal(&free, &held, &empty, shards);

        let mut all = taken.clone();
        for (shard, slots) in &dealt {
            prop_assert!(all.intersection(slots).is_empty(), "a slot twice");
            all = all.union(slots);
            let whole = held.get(shard).map_or_else(|| slots.clone(), |had| had.union(slots));
            let split = whole.iter().find(|slot: &Slot| whole.contains(slot.partner()));
            prop_assert!(split.is_none(), "shard {} has {:?} and its partner", shard, split);
        }
        prop_assert_eq!(all, SlotSet::all());
    }
}
