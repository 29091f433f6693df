//! What this pod is ready to compute for a stored hash.

use authcluster_contract::cost::Units;
use authcluster_contract::formats::{BCRYPT_COST_MAX, Family, Legacy, ROUNDS_MAX};
use authcluster_contract::limits::UNITS_MAX;

use super::FormatError;
use super::pepper::Peppers;

/// What this pod is ready to compute for a stored hash. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Bounds {
    /// Largest memory cost, in KiB: what the pod can find beside its arenas.
    pub memory_kib_max: u32,
    /// Most passes. Old systems ask for up to ten; a thousand leaves room and is still a bound.
    pub iterations_max: u32,
    /// Most lanes of Argon2, scrypt and yescrypt. Of Argon2 they cost memory only, and other systems
    /// have stored up to 16.
    pub parallelism_max: u32,
    /// Highest cost of bcrypt, the exponent of two.
    pub bcrypt_cost_max: u32,
    /// Most rounds of everything that counts them.
    pub rounds_max: u32,
    /// Most work of one computation. A request's deadline is shorter; this holds where there is none.
    pub units_max: Units,
    /// The families that are verified.
    pub accept: Accept,
    /// The peppers that are here.
    pub peppers: Peppers,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            memory_kib_max: Legacy::default().memory_kib_max(),
            iterations_max: 1024,
            parallelism_max: 64,
            bcrypt_cost_max: BCRYPT_COST_MAX,
            rounds_max: ROUNDS_MAX,
            units_max: Units(UNITS_MAX.into()),
            accept: Accept::ALL,
            peppers: Peppers::default(),
        }
    }
}

impl Bounds {
    /// What the hasher's file says, with the rest by default.
    #[must_use]
    pub fn of(legacy: &Legacy) -> Self {
        Self {
            memory_kib_max: legacy.memory_kib_max(),
            bcrypt_cost_max: legacy.bcrypt_cost_max,
            rounds_max: legacy.rounds_max,
            accept: Accept::of(&legacy.accept),
            ..Self::default()
        }
    }

    /// A number of rounds.
    pub(super) fn rounds(&self, value: u64, min: u64) -> Result<u32, FormatError> {
        within("rounds", value, min, u64::from(self.rounds_max))
    }

    /// Memory, counted in bytes, in KiB rounded up.
    pub(super) fn memory(&self, bytes: u128) -> Result<u32, FormatError> {
        let kib = u64::try_from(bytes.div_ceil(1024)).unwrap_or(u64::MAX);
        within("memory in KiB", kib, 0, u64::from(self.memory_kib_max))
    }
}

/// A value between its bounds.
pub(super) fn within(
    parameter: &'static str,
    value: u64,
    min: u64,
    max: u64,
) -> Result<u32, FormatError> {
    match u32::try_from(value) {
        Ok(small) if (min..=max).contains(&value) => Ok(small),
        Ok(_) | Err(_) => Err(FormatError::CostOutOfBounds { parameter, value, min, max }),
    }
}

/// A set of families.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accept(u32);

impl Accept {
    /// Every family.
    pub const ALL: Self = Self(u32::MAX);

    /// These; every family, when there are none.
    #[must_use]
    pub fn of(families: &[Family]) -> Self {
        if families.is_empty() {
            return Self::ALL;
        }
        Self(families.iter().fold(0, |set, family| set | Self::bit(*family)))
    }

    /// Whether it has the family.
    #[must_use]
    pub fn has(self, family: Family) -> bool {
        self.0 & Self::bit(family) != 0
    }

    fn bit(family: Family) -> u32 {
        let place = Family::ALL.iter().position(|other| *other == family).unwrap_or_default();
        1u32.checked_shl(u32::try_from(place).unwrap_or(u32::MAX)).unwrap_or_default()
    }
}
