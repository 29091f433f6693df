//! The time that a caller gives a request, in a header.
//!
//! Read strictly: a caller that says something else than it means would have its requests refused, or
//! would wait for answers that it thinks it has given up.

use std::time::Duration;

use authcluster_contract::http::{Code, DEADLINE_HEADER};
use axum::http::HeaderMap;

use crate::error::ApiError;

/// Most digits that are read: a day has eight. More is a mistake.
const DIGITS_MAX: usize = 8;

/// The time, if the caller names one.
///
/// # Errors
/// A header that is there twice, or is no whole number of milliseconds above zero.
pub(super) fn given(headers: &HeaderMap) -> Result<Option<Duration>, ApiError> {
    let mut values = headers.get_all(DEADLINE_HEADER).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let digits = value.as_bytes();
    let is_number = digits.iter().all(u8::is_ascii_digit) && digits.len() <= DIGITS_MAX;
    let ms = if is_number { value.to_str().ok().and_then(|text| text.parse().ok()) } else { None };
    match (ms, values.next()) {
        (Some(ms @ 1..), None) => Ok(Some(Duration::from_millis(ms))),
        _ => Err(ApiError::new(
            Code::MalformedRequest,
            format!("{DEADLINE_HEADER}: send one whole number of milliseconds, at least 1"),
        )),
    }
}

#[cfg(test)]
mod tests {
    //! Headers and what they say.

    use super::*;

    #[test]
    fn only_a_whole_number_of_milliseconds_is_a_time() {
        let check = |values: &[&str], expect: Result<Option<u64>, ()>| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(DEADLINE_HEADER, value.parse().unwrap());
            }
            let said = given(&headers).map_err(|error| assert_eq!(error.code().status(), 400));
            assert_eq!(said, expect.map(|ms| ms.map(Duration::from_millis)), "{values:?}");
        };
        check(&[], Ok(None));
        check(&["1"], Ok(Some(1)));
        check(&["0500"], Ok(Some(500)));
        check(&["99999999"], Ok(Some(99_999_999)));
        for bad in ["", "0", "-1", "+1", "1.5", "1 000", "1s", "0x10", "999999999", "soon"] {
            check(&[bad], Err(()));
        }
        check(&["5", "5"], Err(()));
    }
}
