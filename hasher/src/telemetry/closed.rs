//! Closed lists of the values of a label: each with its meaning, which is its comment in the code and its line
//! in `hasher/REFERENCE.md`.

/// An enum without values that knows all its variants, how they are spelled and what they mean.
macro_rules! closed {
    (
        $(#[doc = $about:literal])+
        pub enum $list:ident {
            $($(#[doc = $line:literal])+ $value:ident = $label:literal,)+
        }
    ) => {
        $(#[doc = $about])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $list {
            $($(#[doc = $line])+ $value,)+
        }

        impl $list {
            /// All that there are.
            pub const ALL: &'static [Self] = &[$(Self::$value),+];

            /// As it is spelled in labels.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$value => $label,)+
                }
            }

            /// What it means.
            #[must_use]
            pub fn meaning(self) -> &'static str {
                match self {
                    $(Self::$value => concat!($($line),+).trim_start(),)+
                }
            }
        }
    };
}

pub(super) use closed;
