//! Which code fills the blocks on this CPU.

use core::fmt;

/// A way to fill blocks. All give the same tags.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Path {
    /// A block in sixteen 512-bit registers. Needs AVX-512F.
    Avx512,
    /// A block in thirty-two 256-bit words, half a register file at a time. Needs AVX2.
    Avx2,
    /// Plain code for any CPU.
    Portable,
}

impl Path {
    /// Every path, fastest first.
    pub const ALL: [Self; 3] = [Self::Avx512, Self::Avx2, Self::Portable];

    /// The fastest path of this CPU. The CPU is asked once; later calls read the answer.
    pub fn detect() -> Self {
        Self::ALL.into_iter().find(|path| path.is_available()).unwrap_or(Self::Portable)
    }

    /// Whether this CPU and operating system have what the path needs.
    #[cfg(target_arch = "x86_64")]
    pub fn is_available(self) -> bool {
        match self {
            Self::Avx512 => !cfg!(miri) && std::arch::is_x86_feature_detected!("avx512f"),
            Self::Avx2 => !cfg!(miri) && std::arch::is_x86_feature_detected!("avx2"),
            Self::Portable => true,
        }
    }

    /// Whether this CPU and operating system have what the path needs.
    #[cfg(not(target_arch = "x86_64"))]
    pub fn is_available(self) -> bool {
        self == Self::Portable
    }

    /// The name for logs, metrics and tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Avx512 => "avx512",
            Self::Avx2 => "avx2",
            Self::Portable => "portable",
        }
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
