//! Which shard gets which slots.
//!
//! Invariant: a slot and its partner ([`Slot::partner`], half the ring away) never lie in one shard
//! when there are two shards or more: the partner holds the backup of critical sessions, and a
//! backup in the same shard protects nothing.

use std::collections::BTreeMap;

use authcluster_contract::slots::{SLOTS, Slot, SlotSet};

/// The slots of every shard of a new cluster: contiguous, and even to one slot.
///
/// No shard of two or more has over half the ring, so no contiguous one holds both of a pair.
#[must_use]
pub fn even_layout(shards: u16) -> Vec<SlotSet> {
    let mut layout = vec![SlotSet::empty(); usize::from(shards)];
    for slot in SlotSet::all().iter() {
        if let Some(slots) = layout.get_mut(home(slot, shards)) {
            slots.insert(slot);
        }
    }
    layout
}

/// The shard that an even layout puts the slot in.
fn home(slot: Slot, shards: u16) -> usize {
    // The last shard whose first slot, shard * SLOTS / shards rounded as `redis-cli --cluster create`
    // rounds it, is not after this one.
    let middle = (2 * u32::from(slot.get()) + 1) * u32::from(shards);
    usize::try_from(middle.saturating_sub(1) / (2 * u32::from(SLOTS))).unwrap_or(0)
}

/// Deals out `free` slots: to the shards of `empty`, evenly, or when there is none to those of
/// `held`, which have slots already. Only what is free moves; what is held stays.
///
/// Computed from the very slots that are free, in as many ranges as they come, never from totals
/// (valkey-io/valkey-operator#196).
pub(super) fn deal(
    free: &SlotSet,
    held: &BTreeMap<u16, SlotSet>,
    empty: &[u16],
    shards: u16,
) -> BTreeMap<u16, SlotSet> {
    let mut dealt: BTreeMap<u16, SlotSet> = BTreeMap::new();
    let mut sizes: BTreeMap<u16, usize> =
        held.iter().map(|(shard, slots)| (*shard, slots.len())).collect();
    sizes.extend(empty.iter().map(|shard| (*shard, 0)));
    let share_max = free.len().div_ceil(empty.len().max(1));
    for slot in free.iter() {
        let partner_in = |shard: u16| {
            let holds = |all: &BTreeMap<u16, SlotSet>| {
                all.get(&shard).is_some_and(|slots| slots.contains(slot.partner()))
            };
            holds(held) || holds(&dealt)
        };
        let at_home = u16::try_from(home(slot, shards)).ok();
        // The best of those that may: the partner elsewhere, room left, at home, fewest slots.
        let best = sizes.iter().map(|(shard, size)| (*shard, *size)).min_by_key(|(shard, size)| {
            let is_empty = empty.contains(shard);
            let is_second_choice = !empty.is_empty() && (!is_empty || *size >= share_max);
            (partner_in(*shard), is_second_choice, Some(*shard) != at_home, *size, *shard)
        });
        if let Some((shard, size)) = best {
            dealt.entry(shard).or_insert_with(SlotSet::empty).insert(slot);
            sizes.insert(shard, size.saturating_add(1));
        }
    }
    dealt
}

#[cfg(test)]
mod tests;
