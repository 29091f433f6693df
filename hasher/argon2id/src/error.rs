//! What can go wrong before a hash is computed. Nothing here holds a secret.

/// Why parameters, inputs or memory were refused. Nothing was computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// RFC 9106, 3.1 allows 1 to 2^24 - 1 lanes.
    #[error("parallelism {lanes} is outside 1 to 16777215")]
    Lanes {
        /// The number asked for.
        lanes: u32,
    },
    /// RFC 9106, 3.1 asks for at least 8 blocks a lane.
    #[error("memory of {memory_kib} KiB is less than 8 KiB for each of {lanes} lanes")]
    Memory {
        /// The memory asked for, in KiB.
        memory_kib: u32,
        /// The number of lanes it must serve.
        lanes: u32,
    },
    /// RFC 9106, 3.1 asks for at least one pass.
    #[error("no passes were asked for")]
    Passes,
    /// RFC 9106, 3.1 allows tags of 4 to 2^32 - 1 bytes.
    #[error("a tag of {tag_bytes} bytes is shorter than 4")]
    Tag {
        /// The length asked for, in bytes.
        tag_bytes: u32,
    },
    /// The output slice has not the length that the parameters name.
    #[error("the output holds {actual_bytes} bytes, the parameters say {tag_bytes}")]
    Output {
        /// The slice's length in bytes.
        actual_bytes: usize,
        /// The parameters' tag length in bytes.
        tag_bytes: u32,
    },
    /// RFC 9106, 3.1: no input is longer than 2^32 - 1 bytes.
    #[error("the {input} is longer than 4294967295 bytes")]
    InputTooLong {
        /// Which input.
        input: &'static str,
    },
    /// The arena is smaller than the parameters' memory.
    #[error("the arena holds {capacity_kib} KiB, the parameters need {memory_kib}")]
    ArenaTooSmall {
        /// What the arena holds, in KiB.
        capacity_kib: u32,
        /// What the parameters need, in KiB.
        memory_kib: u32,
    },
    /// The path is not for this CPU.
    #[error("this CPU has no {path}")]
    PathUnavailable {
        /// The path asked for.
        path: crate::Path,
    },
    /// A block outside the arena was about to be read. This is a fault in this crate: the hash was
    /// given up, and no memory outside the arena was touched.
    #[error("a reference pointed outside the arena")]
    Reference,
}

/// Why an arena could not be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArenaError {
    /// A capacity that no parameters can use, or that the address space cannot hold.
    #[error("an arena of {capacity_kib} KiB is outside what can be mapped, 8 KiB at least")]
    Capacity {
        /// The capacity asked for, in KiB.
        capacity_kib: u32,
    },
    /// The system refused the memory.
    #[error("the system gave no {capacity_kib} KiB of memory")]
    Map {
        /// The capacity asked for, in KiB.
        capacity_kib: u32,
        /// The system's answer.
        #[source]
        source: std::io::Error,
    },
}
