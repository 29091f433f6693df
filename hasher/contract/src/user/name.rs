//! The rules for usernames and user ids, and the canonical form of a username.

use icu_properties::props::{DefaultIgnorableCodePoint, GeneralCategory};
use icu_properties::{CodePointMapData, CodePointSetData};
use unicode_normalization::UnicodeNormalization;

use super::UsernameCase;
use crate::limits::{USER_ID_BYTES_MAX, USERNAME_BYTES_MAX};

/// Why a username cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UsernameError {
    /// Nothing is left of it.
    #[error("the username is empty")]
    Empty,
    /// Longer than [`USERNAME_BYTES_MAX`].
    #[error("the username is longer than {USERNAME_BYTES_MAX} bytes")]
    TooLong,
    /// Holds a control character, which no display shows.
    #[error("the username holds a control character")]
    ControlCharacter,
    /// Holds a character of the general category Cf or with the property `Default_Ignorable_Code_Point` (Unicode
    /// Standard Annex 44): two names that differ by it look the same.
    #[error(
        "the username holds a format character or another one that is not displayed, such as U+200B: \
         leave such characters out, for every name alike, and name a user that has a row by `user_id`"
    )]
    FormatCharacter,
}

/// Why a user id cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UserIdError {
    /// An empty one would be the id of every user whose id the caller did not find.
    #[error("the user_id is empty: leave the field out if no row was found")]
    Empty,
    /// Longer than [`USER_ID_BYTES_MAX`].
    #[error("the user_id is longer than {USER_ID_BYTES_MAX} bytes")]
    TooLong,
    /// Holds a control character.
    #[error("the user_id holds a control character")]
    ControlCharacter,
}

/// The one form of a username: NFC, surrounding white space removed, lower case where case means
/// nothing.
///
/// # Errors
/// See [`UsernameError`].
pub fn canonical(username: &str, case: UsernameCase) -> Result<String, UsernameError> {
    if username.len() > USERNAME_BYTES_MAX {
        return Err(UsernameError::TooLong);
    }
    let composed: String = username.trim().nfc().collect();
    if composed.is_empty() {
        return Err(UsernameError::Empty);
    }
    if composed.chars().any(char::is_control) {
        return Err(UsernameError::ControlCharacter);
    }
    if composed.chars().any(is_not_displayed) {
        return Err(UsernameError::FormatCharacter);
    }
    Ok(match case {
        UsernameCase::Sensitive => composed,
        // Lower-casing can decompose (U+0130), so compose again.
        UsernameCase::Insensitive => composed.to_lowercase().nfc().collect(),
    })
}

/// Format characters (general category Cf) and those that a display ignores by default.
fn is_not_displayed(character: char) -> bool {
    CodePointMapData::<GeneralCategory>::new().get(character) == GeneralCategory::Format
        || CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(character)
}

/// Whether a user id can be used. It is never changed: it is compared byte for byte.
pub(super) fn check_user_id(user_id: &str) -> Result<(), UserIdError> {
    if user_id.is_empty() {
        return Err(UserIdError::Empty);
    }
    if user_id.len() > USER_ID_BYTES_MAX {
        return Err(UserIdError::TooLong);
    }
    if user_id.chars().any(char::is_control) {
        return Err(UserIdError::ControlCharacter);
    }
    Ok(())
}
