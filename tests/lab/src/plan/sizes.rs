//! How large a node is. Kubernetes sees the whole machine in every node; `systemReserved` takes away what
//! the node should not have, so that *allocatable* is what was asked for. The nodes together may have
//! more than the machine, one node may not.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Memory at which kubelet begins to evict pods. It is part of what is not allocatable.
pub const EVICTION_KIB: u64 = 100 * 1024;

/// Memory of a node when nothing is asked for: room for a Redis shard and a few hashers.
const MEMORY_DEFAULT_KIB: u64 = 4 * 1024 * 1024;

/// What a node offers to pods.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeSize {
    /// Thousandths of a core, or the whole machine's.
    pub cpu_milli: Option<u64>,
    /// Memory, or 4 GiB (less on a smaller machine).
    pub memory_kib: Option<u64>,
}

/// What the machine has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Machine {
    /// Thousandths of a core.
    pub cpu_milli: u64,
    /// `MemTotal`.
    pub memory_kib: u64,
}

/// What `systemReserved` must hold back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reserved {
    /// Thousandths of a core.
    pub cpu_milli: u64,
    /// Memory.
    pub memory_kib: u64,
}

/// A size that cannot be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SizeError {
    /// Not in the form `cpu=500m,memory=1Gi`.
    #[error("node size {0:?} is not in the form cpu=500m,memory=1Gi (either part may be left out)")]
    Form(String),
    /// More CPU than there is.
    #[error(
        "a node of {asked_milli}m CPU was asked for, this machine has {has_milli}m: Kubernetes \
         cannot offer more in one node than the machine has (several nodes together may)"
    )]
    Cpu {
        /// Thousandths of a core asked for.
        asked_milli: u64,
        /// Thousandths of a core there.
        has_milli: u64,
    },
    /// More memory than there is.
    #[error(
        "a node of {asked_kib} KiB was asked for, this machine has {has_kib} KiB to offer in one node"
    )]
    Memory {
        /// KiB asked for.
        asked_kib: u64,
        /// KiB there, without the eviction threshold.
        has_kib: u64,
    },
}

impl NodeSize {
    /// A node of the machine's CPU and the default memory.
    pub const DEFAULT: Self = Self { cpu_milli: None, memory_kib: None };

    /// A node of the given size.
    #[must_use]
    pub const fn new(cpu_milli: u64, memory_kib: u64) -> Self {
        Self { cpu_milli: Some(cpu_milli), memory_kib: Some(memory_kib) }
    }

    /// What to reserve on `machine` so that this much is left.
    ///
    /// # Errors
    /// When the machine has less.
    pub fn reserved(&self, machine: Machine) -> Result<Reserved, SizeError> {
        let cpu_asked = self.cpu_milli.unwrap_or(machine.cpu_milli);
        let memory_has = machine.memory_kib.saturating_sub(EVICTION_KIB);
        let memory_asked = self.memory_kib.unwrap_or(memory_has.min(MEMORY_DEFAULT_KIB));
        let cpu_milli = machine
            .cpu_milli
            .checked_sub(cpu_asked)
            .ok_or(SizeError::Cpu { asked_milli: cpu_asked, has_milli: machine.cpu_milli })?;
        let memory_kib = memory_has
            .checked_sub(memory_asked)
            .ok_or(SizeError::Memory { asked_kib: memory_asked, has_kib: memory_has })?;
        Ok(Reserved { cpu_milli, memory_kib })
    }
}

impl fmt::Display for NodeSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.cpu_milli {
            Some(milli) => write!(f, "cpu={milli}m,")?,
            None => write!(f, "cpu=all,")?,
        }
        write!(f, "memory={}Mi", self.memory_kib.unwrap_or(MEMORY_DEFAULT_KIB) / 1024)
    }
}

impl FromStr for NodeSize {
    type Err = SizeError;

    fn from_str(text: &str) -> Result<Self, SizeError> {
        let form = || SizeError::Form(text.to_owned());
        let mut size = Self::DEFAULT;
        for part in text.split(',').filter(|part| !part.is_empty()) {
            let slot = match part.split_once('=') {
                Some(("cpu", value)) => (&mut size.cpu_milli, parse_cpu_milli(value)),
                Some(("memory", value)) => (&mut size.memory_kib, parse_memory_kib(value)),
                _ => return Err(form()),
            };
            // Naming a resource twice is a slip, not a wish.
            if slot.0.is_some() {
                return Err(form());
            }
            *slot.0 = Some(slot.1.filter(|amount| *amount > 0).ok_or_else(form)?);
        }
        Ok(size)
    }
}

/// `500m`, `2` or `1.5`, in thousandths.
fn parse_cpu_milli(text: &str) -> Option<u64> {
    if let Some(milli) = text.strip_suffix('m') {
        return milli.parse().ok();
    }
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    if fraction.is_empty() || fraction.len() > 3 || !fraction.chars().all(|c| c.is_ascii_digit()) {
        return None;
    }
    let thousandths: u64 = format!("{fraction:0<3}").parse().ok()?;
    whole.parse::<u64>().ok()?.checked_mul(1000)?.checked_add(thousandths)
}

/// `512Mi`, `2Gi` or `1048576Ki`.
fn parse_memory_kib(text: &str) -> Option<u64> {
    let (number, kib) = [("Ki", 1), ("Mi", 1024), ("Gi", 1024 * 1024)]
        .iter()
        .find_map(|(suffix, kib)| Some((text.strip_suffix(suffix)?, *kib)))?;
    number.parse::<u64>().ok()?.checked_mul(kib)
}

#[cfg(test)]
mod tests;
