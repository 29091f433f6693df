//! What is to be computed: variant, version, cost, tag length, and the inputs.
//!
//! A `Params` that exists is within RFC 9106, 3.1. Whether it is within what a service wants to pay
//! is the caller's decision, to be taken before an arena is chosen.

use crate::Error;

/// Which blocks a new block may depend on. RFC 9106, 3.1, "type y".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Variant {
    /// Argon2d: references depend on the password throughout.
    D,
    /// Argon2i: references never depend on the password.
    I,
    /// Argon2id: references are independent of the password in the first half of the first pass.
    Id,
}

impl Variant {
    /// The number that goes into the hash.
    pub(crate) fn code(self) -> u32 {
        match self {
            Self::D => 0,
            Self::I => 1,
            Self::Id => 2,
        }
    }
}

/// The version of the algorithm. A stored hash without `v=` is [`Version::V0x10`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Version {
    /// 16: later passes overwrite.
    V0x10,
    /// 19, RFC 9106: later passes XOR into what was there.
    V0x13,
}

impl Version {
    /// The number that goes into the hash, and into `v=`.
    pub fn code(self) -> u32 {
        match self {
            Self::V0x10 => 0x10,
            Self::V0x13 => 0x13,
        }
    }
}

/// What a hash costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Cost {
    /// Memory in KiB (`m`). At least eight times `lanes`.
    pub memory_kib: u32,
    /// Passes over the memory (`t`). At least 1.
    pub passes: u32,
    /// Lanes (`p`), 1 to 2^24 - 1. Computed in turn on the calling thread.
    pub lanes: u32,
}

/// Everything but the inputs, within the bounds of RFC 9106, 3.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Params {
    variant: Variant,
    version: Version,
    cost: Cost,
    tag_bytes: u32,
}

impl Params {
    /// Checks `cost` and `tag_bytes` (4 to 2^32 - 1) against RFC 9106, 3.1.
    ///
    /// # Errors
    /// [`Error::Lanes`], [`Error::Memory`], [`Error::Passes`] or [`Error::Tag`].
    pub const fn new(
        variant: Variant,
        version: Version,
        cost: Cost,
        tag_bytes: u32,
    ) -> Result<Self, Error> {
        let Cost { memory_kib, passes, lanes } = cost;
        if lanes < 1 || lanes > LANES_MAX {
            return Err(Error::Lanes { lanes });
        }
        if memory_kib / lanes < BLOCKS_PER_LANE_MIN {
            return Err(Error::Memory { memory_kib, lanes });
        }
        if passes < 1 {
            return Err(Error::Passes);
        }
        if tag_bytes < TAG_BYTES_MIN {
            return Err(Error::Tag { tag_bytes });
        }
        Ok(Self { variant, version, cost, tag_bytes })
    }

    /// Which blocks a new block may depend on.
    pub const fn variant(&self) -> Variant {
        self.variant
    }

    /// The version of the algorithm.
    pub const fn version(&self) -> Version {
        self.version
    }

    /// What a hash costs.
    pub const fn cost(&self) -> Cost {
        self.cost
    }

    /// The length of the tag in bytes.
    pub const fn tag_bytes(&self) -> u32 {
        self.tag_bytes
    }
}

/// RFC 9106, 3.1, "degree of parallelism".
const LANES_MAX: u32 = (1 << 24) - 1;

/// RFC 9106, 3.1: four slices of at least two blocks.
const BLOCKS_PER_LANE_MIN: u32 = 8;

/// RFC 9106, 3.1, "tag length".
const TAG_BYTES_MIN: u32 = 4;

/// What is hashed. Each is at most 2^32 - 1 bytes; RFC 9106 asks for no least length. There is no
/// `Debug`: a password must not reach a log.
#[derive(Clone, Copy)]
pub struct Input<'a> {
    /// The password (`P`).
    pub password: &'a [u8],
    /// The salt (`S`), 16 bytes by custom.
    pub salt: &'a [u8],
    /// The secret (`K`), also called pepper. Empty when there is none.
    pub secret: &'a [u8],
    /// The associated data (`X`). Empty when there is none.
    pub associated_data: &'a [u8],
}

impl<'a> Input<'a> {
    /// A password and its salt, with neither secret nor associated data.
    pub const fn new(password: &'a [u8], salt: &'a [u8]) -> Self {
        Self { password, salt, secret: &[], associated_data: &[] }
    }
}

#[cfg(test)]
mod tests;
