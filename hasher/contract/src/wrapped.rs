//! A wrapped hash: Argon2id over the digest of an older function, made without anyone's password.
//!
//! `$authcluster-wrap$v=1$argon2id$v=19$m=...,t=...,p=...[,keyid=...]$<salt>$<output>$<setting>`: a PHC string
//! as it is, and then, up to the end, the older hash with the place of its digest filled with one character. So
//! its function, parameters and salt are there, and its digest is nowhere. The digest that they give for the
//! password that is tried, in the bytes or the letters that the format compares, is the password of Argon2id.
//!
//! Versioned, and of depth one: the setting is never wrapped itself. Both programs and whoever reads the user
//! table may take strings apart with [`split`].

/// What every wrapped hash begins with, in any version.
pub const NAME: &str = "$authcluster-wrap$";

/// What one of this version begins with.
const PREFIX: &str = "$authcluster-wrap$v=1";

/// Fields of the PHC string: function, version, parameters, salt and output.
const PHC_FIELDS: usize = 5;

/// Bytes that wrapping adds to the longest setting, and then some.
pub const WRAPPING_BYTES_MAX: usize = 256;

/// The string of these two parts.
#[must_use]
pub fn join(argon2id: &str, setting: &str) -> String {
    format!("{PREFIX}{argon2id}${setting}")
}

/// The PHC string and the setting; `None` when this is no wrapped hash of this version.
#[must_use]
pub fn split(encoded: &str) -> Option<(&str, &str)> {
    let rest = encoded.strip_prefix(PREFIX)?;
    let (end, _) = rest.match_indices('$').nth(PHC_FIELDS)?;
    let (argon2id, setting) = rest.split_at_checked(end)?;
    argon2id.starts_with("$argon2id$").then_some((argon2id, setting.strip_prefix('$')?))
}

#[cfg(test)]
mod tests {
    //! What is put together comes apart again, and nothing else does.

    use super::*;

    #[test]
    fn the_parts_are_those_that_were_put_in() {
        let argon2id = "$argon2id$v=19$m=7168,t=1,p=1$c2FsdA$b3V0cHV0";
        for setting in ["", "0000", "$1$salt$......", "{\"secretData\":{}}"] {
            let whole = join(argon2id, setting);
            assert_eq!(split(&whole), Some((argon2id, setting)), "{whole}");
        }
        let whole = join(argon2id, "0000");
        for none in [
            argon2id,
            &whole.replace("wrap$v=1", "wrap$v=2"),
            &whole.replace("wrap$v=1", "wrap"),
            &whole.replace("$argon2id$", "$argon2i$"),
            &whole.replace("$0000", ""),
        ] {
            assert_eq!(split(none), None, "{none}");
        }
    }
}
