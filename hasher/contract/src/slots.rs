//! Redis Cluster slots: which slot a key has, sets of slots, and the partner slot of a backup.
//!
//! Source: the Redis Cluster specification, "Key distribution model" and "Hash tags".

use std::fmt;
use std::str::FromStr;
use std::sync::OnceLock;

/// Number of slots in every Redis Cluster.
pub const SLOTS: u16 = 16_384;

/// One slot, `0..SLOTS`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot(u16);

impl Slot {
    /// The slot with this number, if there is one.
    #[must_use]
    pub const fn new(number: u16) -> Option<Self> {
        if number < SLOTS { Some(Self(number)) } else { None }
    }

    /// The slot of a key: CRC16 of its hash tag, or of the whole key when it has none.
    #[must_use]
    pub fn of_key(key: &[u8]) -> Self {
        Self(crc16(hash_tag(key)) % SLOTS)
    }

    /// The slot that holds the backup of what this one holds: half the ring away, so that any
    /// layout with two shards or more in contiguous halves keeps the two apart.
    #[must_use]
    pub const fn partner(self) -> Self {
        Self(self.0 ^ (SLOTS / 2))
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A short hash tag whose key lies in `slot`: the smallest decimal number that does.
#[must_use]
pub fn tag_of(slot: Slot) -> &'static str {
    static TAGS: OnceLock<Vec<String>> = OnceLock::new();
    let tags = TAGS.get_or_init(|| {
        let mut tags = vec![String::new(); usize::from(SLOTS)];
        let mut missing = usize::from(SLOTS);
        for number in 0_u32.. {
            let tag = number.to_string();
            if let Some(free) = tags.get_mut(usize::from(Slot::of_key(tag.as_bytes()).0))
                && free.is_empty()
            {
                *free = tag;
                missing = missing.saturating_sub(1);
            }
            if missing == 0 {
                break;
            }
        }
        tags
    });
    tags.get(usize::from(slot.0)).map_or("", String::as_str)
}

/// The part of a key that is hashed: between the first `{` and the next `}`, if there is anything
/// between them.
fn hash_tag(key: &[u8]) -> &[u8] {
    let Some(open) = key.iter().position(|byte| *byte == b'{') else { return key };
    let Some(inside) = key.get(open.saturating_add(1)..) else { return key };
    match inside.iter().position(|byte| *byte == b'}') {
        None | Some(0) => key,
        Some(close) => inside.get(..close).unwrap_or(key),
    }
}

/// CRC16-XMODEM: polynomial 0x1021, initial value 0, nothing reflected.
fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc, byte| {
        (0..8).fold(crc ^ (u16::from(*byte) << 8), |crc: u16, _| {
            if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ 0x1021 }
        })
    })
}

/// An inclusive range of slots.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SlotRange {
    /// The first slot of the range.
    pub first: Slot,
    /// The last slot of the range, not before the first.
    pub last: Slot,
}

impl fmt::Display for SlotRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.first == self.last {
            self.first.fmt(f)
        } else {
            write!(f, "{}-{}", self.first, self.last)
        }
    }
}

/// A set of slots. Written as ranges with commas, `0-5460,5462`; the empty set is `-`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct SlotSet(Box<[u64; 256]>);

/// A text that is no set of slots.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a set of slots: {0:?}")]
pub struct SlotSetError(String);

impl SlotSet {
    /// No slot.
    #[must_use]
    pub fn empty() -> Self {
        Self(Box::new([0; 256]))
    }

    /// Every slot.
    #[must_use]
    pub fn all() -> Self {
        Self(Box::new([u64::MAX; 256]))
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|word| *word == 0)
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.iter().count()
    }

    /// Whether the slot is among them.
    #[must_use]
    pub fn contains(&self, slot: Slot) -> bool {
        self.0.get(usize::from(slot.0 / 64)).is_some_and(|word| word >> (slot.0 % 64) & 1 == 1)
    }

    /// Adds one.
    pub fn insert(&mut self, slot: Slot) {
        if let Some(word) = self.0.get_mut(usize::from(slot.0 / 64)) {
            *word |= 1 << (slot.0 % 64);
        }
    }

    /// Adds a range.
    pub fn insert_range(&mut self, range: SlotRange) {
        for number in range.first.0..=range.last.0 {
            self.insert(Slot(number));
        }
    }

    /// Those in either.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        self.combine(other, |a, b| a | b)
    }

    /// Those in both.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        self.combine(other, |a, b| a & b)
    }

    /// Those in this one only.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Self {
        self.combine(other, |a, b| a & !b)
    }

    fn combine(&self, other: &Self, with: impl Fn(u64, u64) -> u64) -> Self {
        let mut words = self.0.clone();
        for (word, theirs) in words.iter_mut().zip(other.0.iter()) {
            *word = with(*word, *theirs);
        }
        Self(words)
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = Slot> + '_ {
        (0..SLOTS).map(Slot).filter(|slot| self.contains(*slot))
    }

    /// The fewest ranges that hold exactly these slots, in order.
    #[must_use]
    pub fn ranges(&self) -> Vec<SlotRange> {
        let mut ranges: Vec<SlotRange> = Vec::new();
        for slot in self.iter() {
            match ranges.last_mut() {
                Some(range) if range.last.0.saturating_add(1) == slot.0 => range.last = slot,
                Some(_) | None => ranges.push(SlotRange { first: slot, last: slot }),
            }
        }
        ranges
    }
}

impl fmt::Display for SlotSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ranges = self.ranges();
        if ranges.is_empty() {
            return f.write_str("-");
        }
        for (index, range) in ranges.iter().enumerate() {
            if index > 0 {
                f.write_str(",")?;
            }
            range.fmt(f)?;
        }
        Ok(())
    }
}

impl fmt::Debug for SlotSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for SlotSet {
    type Err = SlotSetError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut set = Self::empty();
        if text == "-" {
            return Ok(set);
        }
        let refuse = || SlotSetError(text.to_owned());
        let slot = |number: &str| number.parse().ok().and_then(Slot::new).ok_or_else(refuse);
        for part in text.split(',') {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let range = SlotRange { first: slot(first)?, last: slot(last)? };
            if range.last < range.first {
                return Err(refuse());
            }
            set.insert_range(range);
        }
        Ok(set)
    }
}

#[cfg(test)]
mod tests;
