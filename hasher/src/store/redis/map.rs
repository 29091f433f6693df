//! Who owns which slot. Pure: what nodes say of the cluster (`CLUSTER NODES`) goes in, one table of
//! slots comes out.
//!
//! Nodes may disagree: a primary that hung through its own failover still claims its slots when it
//! wakes. `CLUSTER NODES` is asked because it alone tells each owner's configuration epoch, and the
//! highest one wins, which is the rule of the nodes themselves (Redis Cluster specification, "hash
//! slots configuration propagation").

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use authcluster_contract::slots::{SLOTS, Slot, SlotRange};

/// Where a node listens.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Address {
    /// A name, or an address without brackets.
    pub(super) host: String,
    pub(super) port: u16,
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

impl Address {
    /// `host:port` as nodes write it, with the colons of an IPv6 address as they are. A node that
    /// does not know its own address leaves it out: `asked` is where it was reached.
    pub(super) fn parse(text: &str, asked: &str) -> Option<Self> {
        let (host, port) = text.rsplit_once(':')?;
        let port = port.parse().ok().filter(|port| *port != 0)?;
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let host = if host.is_empty() || host == "?" { asked } else { host };
        (!host.is_empty()).then(|| Self { host: host.to_owned(), port })
    }
}

/// Whether a node is called by the name that it announces, or by its address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Naming {
    /// By its address: it needs no lookup.
    Addresses,
    /// By its name where it has one: a certificate is made out to that.
    Names,
}

/// A primary, as one node sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Owner {
    address: Address,
    epoch: u64,
    slots: Vec<SlotRange>,
}

/// The cluster, as one node sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct View {
    owners: Vec<Owner>,
    replicas: BTreeSet<Address>,
}

impl View {
    /// Reads the answer to `CLUSTER NODES` of the node at `asked`. What is unreadable is left out:
    /// a line that a newer server adds must not hide the others.
    pub(super) fn parse(text: &str, asked: &Address, naming: Naming) -> Self {
        let mut view = Self::default();
        for line in text.lines() {
            let words: Vec<&str> = line.split_ascii_whitespace().collect();
            let [_, place, flags, _, _, _, epoch, _, slots @ ..] = words.as_slice() else {
                continue;
            };
            let flags: Vec<&str> = flags.split(',').collect();
            if flags.iter().any(|flag| matches!(*flag, "handshake" | "noaddr")) {
                continue;
            }
            let Some(address) = place_of(place, asked, naming) else { continue };
            if flags.contains(&"master") {
                let epoch = epoch.parse().unwrap_or(0);
                let slots = slots.iter().filter_map(|word| range(word)).collect();
                view.owners.push(Owner { address, epoch, slots });
            } else {
                view.replicas.insert(address);
            }
        }
        view
    }
}

/// `10.0.0.1:6379@16379,name,shard-id=...` as an address.
fn place_of(place: &str, asked: &Address, naming: Naming) -> Option<Address> {
    let mut parts = place.split(',');
    let (address, _) = parts.next()?.split_once('@')?;
    let address = Address::parse(address, &asked.host)?;
    let name = parts.next().filter(|name| !name.is_empty() && !name.contains('='));
    match (naming, name) {
        (Naming::Names, Some(name)) => Some(Address { host: name.to_owned(), ..address }),
        (Naming::Names, None) | (Naming::Addresses, _) => Some(address),
    }
}

/// `0-5460` or `7`. A slot on its way, `[93->-...]`, still belongs to its line.
fn range(word: &str) -> Option<SlotRange> {
    let slot = |text: &str| text.parse().ok().and_then(Slot::new);
    let (first, last) = word.split_once('-').unwrap_or((word, word));
    let (first, last) = (slot(first)?, slot(last)?);
    (first <= last).then_some(SlotRange { first, last })
}

/// Several views as one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Layout {
    /// Slots with their owners; of two that claim one slot, the later one has it.
    pub(super) claims: Vec<(SlotRange, Address)>,
    /// Primaries, with or without slots.
    pub(super) primaries: BTreeSet<Address>,
    /// Nodes that are a primary in no view.
    pub(super) replicas: BTreeSet<Address>,
}

impl Layout {
    /// Orders claims by epoch, the highest last.
    pub(super) fn merge(views: Vec<View>) -> Self {
        let mut layout = Self::default();
        let mut claims = Vec::new();
        for View { owners, replicas } in views {
            layout.replicas.extend(replicas);
            for Owner { address, epoch, slots } in owners {
                layout.primaries.insert(address.clone());
                claims.extend(slots.into_iter().map(|range| (epoch, range, address.clone())));
            }
        }
        claims.sort_by_key(|(epoch, ..)| *epoch);
        layout.claims = claims.into_iter().map(|(_, range, address)| (range, address)).collect();
        layout.replicas = layout.replicas.difference(&layout.primaries).cloned().collect();
        layout
    }
}

/// No owner.
const NOBODY: usize = usize::MAX;

/// The owner of each slot.
#[derive(Clone, Debug)]
pub(super) struct SlotMap<T> {
    owners: Vec<T>,
    /// Of each slot, the place of its owner, or [`NOBODY`].
    slots: Vec<usize>,
}

impl<T: Clone> SlotMap<T> {
    /// A table in which `owner` stands for each address that owns a slot, asked once for each.
    pub(super) fn of(layout: &Layout, mut owner: impl FnMut(&Address) -> T) -> Self {
        let mut by_slot: Vec<Option<&Address>> = vec![None; usize::from(SLOTS)];
        for (range, address) in &layout.claims {
            let range = usize::from(range.first.get())..=usize::from(range.last.get());
            by_slot.get_mut(range).into_iter().flatten().for_each(|slot| *slot = Some(address));
        }
        let mut places: BTreeMap<&Address, usize> = BTreeMap::new();
        let mut owners = Vec::new();
        let mut place = |address| {
            *places.entry(address).or_insert_with(|| {
                owners.push(owner(address));
                owners.len().saturating_sub(1)
            })
        };
        let slots = by_slot.into_iter().map(|address| address.map_or(NOBODY, &mut place)).collect();
        Self { owners, slots }
    }

    /// Everyone who owns a slot, in order of slots.
    pub(super) fn owners(&self) -> &[T] {
        &self.owners
    }

    /// Whether every slot has an owner.
    pub(super) fn is_whole(&self) -> bool {
        !self.slots.contains(&NOBODY)
    }

    fn place(&self, slot: Slot) -> Option<usize> {
        self.slots.get(usize::from(slot.get())).copied().filter(|place| *place != NOBODY)
    }

    /// Who owns the slot, if anyone does.
    pub(super) fn owner(&self, slot: Slot) -> Option<&T> {
        self.owners.get(self.place(slot)?)
    }

    /// Whether two slots have different owners; `None` when one of them has none.
    pub(super) fn apart(&self, a: Slot, b: Slot) -> Option<bool> {
        Some(self.place(a)? != self.place(b)?)
    }

    /// The table in which one slot has another owner, as a node has just said.
    #[must_use]
    pub(super) fn moved(&self, slot: Slot, to: T, is: impl Fn(&T) -> bool) -> Self {
        let mut map = self.clone();
        let place = map.owners.iter().position(is).unwrap_or_else(|| {
            map.owners.push(to);
            map.owners.len().saturating_sub(1)
        });
        if let Some(slot) = map.slots.get_mut(usize::from(slot.get())) {
            *slot = place;
        }
        map
    }
}

#[cfg(test)]
mod tests;
