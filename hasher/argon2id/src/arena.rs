//! The memory a hash is computed in: mapped once, kept as long as its owner wants.
//!
//! Fresh memory for each hash costs more than the hash itself (page faults, and the kernel's
//! zeroing), and 4 KiB pages cost a sixth to a third on top (translation misses). So an arena is
//! mapped once, aligned to 2 MiB, in huge pages where the system offers them, touched once, and
//! locked against swapping where the limit allows. What was had is told, never assumed.
//!
//! # What stays in memory after a hash
//! The blocks of the last pass. With two or more passes, testing a guessed password against them
//! costs at least a whole pass. With one pass the first blocks depend on the password by a handful
//! of compressions, so a copy of the memory is a cheap check of guesses: such costs want
//! [`Wipe::AfterHash`], or a call of [`Arena::wipe`] whenever their owner has nothing to do. Inputs,
//! `H0` and the final block are never in the arena's care: `hash_into` wipes its own copies.

use memmap2::{Advice, MmapMut};

use crate::ArenaError;
use crate::block::Block;

/// What to ask the system for. The default asks for everything and wipes at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ArenaOptions {
    /// Ask for 2 MiB pages.
    pub huge_pages: bool,
    /// Ask that the memory is never swapped out.
    pub lock: bool,
    /// When blocks are wiped.
    pub wipe: Wipe,
}

impl Default for ArenaOptions {
    fn default() -> Self {
        Self { huge_pages: true, lock: true, wipe: Wipe::OnDemand }
    }
}

/// When the blocks of a hash are overwritten with zeros.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Wipe {
    /// When [`Arena::wipe`] is called, and when the arena is dropped. Costs nothing per hash.
    OnDemand,
    /// Also after each hash. Measured: 7 % (64 MiB, 3 passes) to 29 % (46 MiB, 1 pass) of the time.
    AfterHash,
}

/// Whether something that was asked for was granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Grant {
    /// It was not asked for.
    NotAsked,
    /// The system granted it.
    Granted,
    /// The system refused. The arena works, slower or swappable.
    Refused,
}

impl Grant {
    fn of<E>(asked: bool, ask: impl FnOnce() -> Result<(), E>) -> Self {
        match (asked, asked.then(ask)) {
            (true, Some(Ok(()))) => Self::Granted,
            (true, _) => Self::Refused,
            (false, _) => Self::NotAsked,
        }
    }
}

/// Memory for one hash at a time. Never shared: `hash_into` borrows it mutably.
pub struct Arena {
    map: MmapMut,
    /// Where the first block is, in bytes from the start of `map`.
    offset_bytes: usize,
    capacity_kib: u32,
    /// Blocks that may hold something.
    used_blocks: usize,
    wipe: Wipe,
    huge_pages: Grant,
    locked: Grant,
}

/// Bytes of a huge page on x86-64 and, with 4 KiB base pages, on aarch64.
const HUGE_PAGE_BYTES: usize = 2 << 20;

/// Bytes of the smallest page: one write to each makes the kernel provide it.
const PAGE_BYTES: usize = 4 << 10;

/// Bytes of a block.
const BLOCK_BYTES: usize = size_of::<Block>();

/// The least memory any parameters ask for, in KiB.
const CAPACITY_KIB_MIN: u32 = 8;

impl Arena {
    /// Maps `capacity_kib` KiB, at least 8, and touches every page, so that no hash meets a fault.
    ///
    /// # Errors
    /// [`ArenaError`] when the capacity cannot be mapped. Huge pages and locking are best effort:
    /// see [`Arena::huge_pages`] and [`Arena::locked`]. A memory limit of a control group is not an
    /// error here: the kernel ends the process, so count capacities against the limit beforehand.
    pub fn new(capacity_kib: u32, options: ArenaOptions) -> Result<Self, ArenaError> {
        let too_large = || ArenaError::Capacity { capacity_kib };
        let bytes = usize::try_from(capacity_kib)
            .ok()
            .filter(|_| capacity_kib >= CAPACITY_KIB_MIN)
            .and_then(|kib| kib.checked_mul(BLOCK_BYTES))
            .ok_or_else(too_large)?;
        // Only whole huge pages: the tail of a mapping that is no multiple would get small ones.
        let unit = if options.huge_pages { HUGE_PAGE_BYTES } else { PAGE_BYTES };
        let mapped = bytes
            .checked_next_multiple_of(unit)
            .and_then(|length| length.checked_add(unit))
            .filter(|&length| isize::try_from(length).is_ok())
            .ok_or_else(too_large)?;
        let mut map =
            MmapMut::map_anon(mapped).map_err(|source| ArenaError::Map { capacity_kib, source })?;
        let offset_bytes = map.as_ptr().align_offset(unit).min(unit);
        let huge_pages = Grant::of(options.huge_pages, || advise_huge(&map, offset_bytes));
        let locked = Grant::of(options.lock, || map.lock());
        for page in map.chunks_mut(PAGE_BYTES).skip(offset_bytes / PAGE_BYTES) {
            // A volatile write is not needed: the map outlives this function.
            page.fill(0);
        }
        let used_blocks = 0;
        let wipe = options.wipe;
        Ok(Self { map, offset_bytes, capacity_kib, used_blocks, wipe, huge_pages, locked })
    }

    /// What the arena holds, in KiB.
    pub fn capacity_kib(&self) -> u32 {
        self.capacity_kib
    }

    /// Whether the system agreed to use 2 MiB pages. It may still lack free ones.
    pub fn huge_pages(&self) -> Grant {
        self.huge_pages
    }

    /// Whether the memory is kept from being swapped out.
    pub fn locked(&self) -> Grant {
        self.locked
    }

    /// Overwrites what hashes have left, with zeros. Does nothing when nothing was left.
    pub fn wipe(&mut self) {
        let used_blocks = core::mem::take(&mut self.used_blocks);
        self.bytes_mut(used_blocks).fill(0);
        // The compiler must believe that somebody reads the zeros.
        core::hint::black_box(&mut self.map);
    }

    /// The first `blocks` blocks, which from now on count as used; `None` beyond the capacity.
    pub(crate) fn blocks_mut(&mut self, blocks: usize) -> Option<&mut [Block]> {
        if blocks > self.capacity_kib as usize {
            return None;
        }
        self.used_blocks = self.used_blocks.max(blocks);
        let bytes = self.bytes_mut(blocks);
        // The offset is aligned to a page, and the length a multiple of a block: nothing is cut off.
        let blocks = as_blocks_mut(bytes);
        Some(blocks)
    }

    /// What [`ArenaOptions::wipe`] said.
    pub(crate) fn is_wiped_after_hash(&self) -> bool {
        self.wipe == Wipe::AfterHash
    }

    fn bytes_mut(&mut self, blocks: usize) -> &mut [u8] {
        let bytes = self.offset_bytes..self.offset_bytes + blocks * BLOCK_BYTES;
        self.map.get_mut(bytes).unwrap_or_default()
    }
}

impl Drop for Arena {
    fn drop(&mut self) {
        self.wipe();
    }
}

impl core::fmt::Debug for Arena {
    /// Never what is in it.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Arena")
            .field("capacity_kib", &self.capacity_kib)
            .field("wipe", &self.wipe)
            .field("huge_pages", &self.huge_pages)
            .field("locked", &self.locked)
            .finish_non_exhaustive()
    }
}

#[cfg(target_os = "linux")]
fn advise_huge(map: &MmapMut, offset_bytes: usize) -> std::io::Result<()> {
    // The advice is for the aligned part only.
    map.advise_range(Advice::HugePage, offset_bytes, map.len() - offset_bytes)
}

#[cfg(not(target_os = "linux"))]
fn advise_huge(_map: &MmapMut, _offset_bytes: usize) -> std::io::Result<()> {
    Err(std::io::ErrorKind::Unsupported.into())
}

/// The blocks in `bytes`: all of it when it is aligned to a cache line, as the arena's bytes are.
fn as_blocks_mut(bytes: &mut [u8]) -> &mut [Block] {
    // SAFETY: a Block is an array of integers without padding, for which every bit pattern is
    // valid; `align_to_mut` itself keeps to aligned, whole blocks within `bytes`.
    #[expect(unsafe_code, reason = "no safe cast from bytes to blocks without another dependency")]
    let (_, blocks, _) = unsafe { bytes.align_to_mut::<Block>() };
    blocks
}

#[cfg(test)]
mod tests;
