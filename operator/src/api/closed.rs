//! Closed lists of words: each word with its meaning, which is its comment in the code and its line in
//! `operator/STATUS.md`.

/// An enum without values that knows all its variants, their names and what they mean.
macro_rules! closed {
    (
        $(#[doc = $about:literal])+
        pub enum $list:ident {
            $($(#[doc = $line:literal])+ $word:ident,)+
        }
    ) => {
        $(#[doc = $about])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum $list {
            $($(#[doc = $line])+ $word,)+
        }

        impl $list {
            /// All of them, in the order in which they are shown.
            pub const ALL: &'static [Self] = &[$(Self::$word),+];

            /// The word.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$word => stringify!($word),)+
                }
            }

            /// What it means.
            #[must_use]
            pub fn meaning(self) -> &'static str {
                match self {
                    $(Self::$word => concat!($($line),+).trim_start(),)+
                }
            }
        }

        impl std::fmt::Display for $list {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.name())
            }
        }
    };
}

pub(super) use closed;
