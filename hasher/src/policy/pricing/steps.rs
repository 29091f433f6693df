//! What a computation consists of: passes of Argon2 over memory, and steps of the primitives that every
//! other function is built of. Known before any work, from parameters alone; how long it takes on this
//! machine is for [`super::rates`] to say.

use authcluster_contract::cost::Cost;

/// A step that functions are built of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
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

impl Primitive {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Blowfish,
        Self::Md4,
        Self::Md5,
        Self::Sha1,
        Self::Sha256,
        Self::Sha512,
        Self::Sha3,
        Self::Des,
        Self::Scrypt,
        Self::Yescrypt,
    ];

    /// Its name in logs and metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Blowfish => "bcrypt",
            Self::Md4 => "md4",
            Self::Md5 => "md5",
            Self::Sha1 => "sha1",
            Self::Sha256 => "sha256",
            Self::Sha512 => "sha512",
            Self::Sha3 => "sha3",
            Self::Des => "des",
            Self::Scrypt => "scrypt",
            Self::Yescrypt => "yescrypt",
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

/// What one computation takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Demand {
    /// Argon2 in it, in memory that a lane's arena can lend.
    pub argon2: Option<Cost>,
    /// Steps of another function in it.
    pub steps: Option<Steps>,
    /// Memory that is made for those steps and given back, in KiB.
    pub heap_kib: u32,
}

impl Demand {
    /// Memory that a lane's arena can lend, in KiB.
    #[must_use]
    pub fn arena_kib(self) -> u32 {
        self.argon2.map_or(0, |cost| cost.memory_kib)
    }

    /// All of its memory, in KiB.
    #[must_use]
    pub fn memory_kib(self) -> u32 {
        self.arena_kib().saturating_add(self.heap_kib)
    }

    /// Memory beside an arena of `arena_kib`, in KiB.
    #[must_use]
    pub fn beside_kib(self, arena_kib: u32) -> u64 {
        let own = if self.arena_kib() <= arena_kib { 0 } else { self.arena_kib() };
        u64::from(own).saturating_add(self.heap_kib.into())
    }
}

impl From<Cost> for Demand {
    fn from(cost: Cost) -> Self {
        Self { argon2: Some(cost), ..Self::default() }
    }
}

#[cfg(test)]
mod tests {
    //! Memory is counted once.

    use super::*;

    #[test]
    fn memory_that_the_arena_lends_is_not_taken_beside_it() {
        let cost = Cost { memory_kib: 1024, iterations: 2, parallelism: 1 };
        let argon2 = Demand::from(cost);
        assert_eq!((argon2.beside_kib(1024), argon2.beside_kib(1023)), (0, 1024));
        let steps = Some(Steps { of: Primitive::Scrypt, count: 1 });
        let scrypt = Demand { steps, heap_kib: 16, ..Demand::default() };
        assert_eq!((scrypt.beside_kib(1024), scrypt.memory_kib()), (16, 16));
        // A hash of another function that is wrapped in Argon2.
        let both = Demand { heap_kib: 16, ..argon2 };
        assert_eq!(
            (both.beside_kib(1024), both.beside_kib(1), both.memory_kib()),
            (16, 1040, 1040)
        );
    }
}
