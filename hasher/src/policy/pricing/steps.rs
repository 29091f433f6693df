//! The price of functions other than Argon2: counted in steps of their primitive, and told in units
//! of work, which are time.
//!
//! Each step's time was measured once, in turns with Argon2id on the same core, a Xeon with AVX-512 and
//! SHA instructions: what the table holds are ratios, and they move less between machines than times do.
//! Without SHA instructions, SHA-1 and SHA-256 take about three times as long. `examples/
//! price_formats.rs` shows prices next to times. [`units`] is the one place that turns steps into units; a
//! calibration at start can take the table's place there.

use authcluster_contract::cost::{Cost, Units};

/// A step that functions are built of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Primitive {
    /// bcrypt's two key expansions: 1,042 Blowfish encryptions.
    Blowfish,
    /// One block of MD4.
    Md4,
    /// One block of MD5.
    Md5,
    /// One block of SHA-1.
    Sha1,
    /// One block of SHA-224 or SHA-256.
    Sha256,
    /// One block of SHA-384 or SHA-512.
    Sha512,
    /// One permutation of SHA-3.
    Sha3,
    /// DES: 16 rounds.
    Des,
    /// Mixing 128 bytes of scrypt's memory twice: once as it is filled, once as it is read.
    Scrypt,
    /// The same of yescrypt.
    Yescrypt,
}

/// Time of one unit on the core that the table was measured on, in picoseconds: one MiB-pass of
/// Argon2id at 19 MiB.
const UNIT_PS: u64 = 112_000_000;

impl Primitive {
    /// Time of one step on the same core, in picoseconds, as it comes in its function: with the
    /// copying and padding around it.
    const fn step_ps(self) -> u64 {
        match self {
            Self::Blowfish => 53_500_000,
            Self::Md4 => 66_000,
            Self::Md5 => 107_000,
            Self::Sha1 => 58_000,
            Self::Sha256 => 60_000,
            Self::Sha512 => 204_000,
            Self::Sha3 => 430_000,
            Self::Des => 119_000,
            // 165 ns within the cache at N = 2^10, and 300 ns beyond it at 2^17.
            Self::Scrypt => 250_000,
            Self::Yescrypt => 195_000,
        }
    }
}

/// So many steps of one primitive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Steps {
    /// Of which.
    pub of: Primitive,
    /// How many.
    pub count: u64,
}

/// The work of so many steps, rounded up, and never zero.
#[must_use]
pub fn units(steps: Steps) -> Units {
    let ps = u128::from(steps.count) * u128::from(steps.of.step_ps());
    let units = ps.div_ceil(u128::from(UNIT_PS)).max(1);
    Units(u64::try_from(units).unwrap_or(u64::MAX))
}

/// What one computation takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Demand {
    /// Time, as work.
    pub units: Units,
    /// Memory that a lane's arena can lend, in KiB: Argon2's.
    pub arena_kib: u32,
    /// Memory that is made for it and given back, in KiB.
    pub heap_kib: u32,
}

impl Demand {
    /// All of its memory, in KiB.
    #[must_use]
    pub const fn memory_kib(self) -> u32 {
        self.arena_kib.saturating_add(self.heap_kib)
    }

    /// Memory beside an arena of `arena_kib`, in KiB.
    #[must_use]
    pub const fn beside_kib(self, arena_kib: u32) -> u64 {
        let own = if self.arena_kib <= arena_kib { 0 } else { self.arena_kib };
        // Both are 32 bits wide.
        (own as u64).saturating_add(self.heap_kib as u64)
    }
}

impl From<Cost> for Demand {
    fn from(cost: Cost) -> Self {
        Self { units: cost.units(), arena_kib: cost.memory_kib, heap_kib: 0 }
    }
}

#[cfg(test)]
mod tests;
