//! Which bytes of standard input are the password.

use super::*;

/// The password, or why there is none.
fn read(input: &[u8]) -> Result<Vec<u8>, String> {
    let password = password_line(input).map_err(|error| error.to_string())?;
    Ok(password.expose().to_vec())
}

#[test]
fn the_password_is_the_first_line_without_its_end() {
    let check = |input: &[u8], expect: &[u8]| assert_eq!(read(input).unwrap(), expect, "{input:?}");
    check(b"password", b"password");
    check(b"password\n", b"password");
    check(b"password\r\n", b"password");
    check(b"password\r", b"password");
    check(b"password \nsecond\n", b"password ");
    // Only the CR right before the end of the line belongs to that end.
    check(b"pass\rword\n", b"pass\rword");
    check(b"password\r\r\n", b"password\r");
    check(b"\n", b"");
    check(b"\r\n", b"");
    // A byte that is not UTF-8 is hashed as it is.
    check(b"caf\xe9\n", b"caf\xe9");
}

#[test]
fn a_byte_order_mark_does_not_belong_to_the_password() {
    assert_eq!(read(b"\xef\xbb\xbfpassword\r\n").unwrap(), b"password");
    assert_eq!(read(b"password\xef\xbb\xbf\n").unwrap(), b"password\xef\xbb\xbf");
    for (line, expect) in [
        (b"\xff\xfep\0w\0\n\0" as &[u8], true),
        (b"\xfe\xff\0p\0w\0\n", true),
        (b"password\n", false),
    ] {
        assert_eq!(is_utf16(&password_line(line).unwrap()), expect, "{line:?}");
    }
}

#[test]
fn no_password_is_an_error_and_an_empty_line_is_a_password() {
    assert_eq!(read(b"").unwrap_err(), "there is no password on standard input");
    assert_eq!(read(b"\xef\xbb\xbf\n").unwrap(), b"");
}

#[test]
fn a_password_over_the_limit_is_refused_and_never_cut() {
    let longest = vec![b'a'; PASSWORD_BYTES_MAX];
    for end in ["", "\n", "\r\n", "\r"] {
        for mark in [b"" as &[u8], BYTE_ORDER_MARK] {
            let line = [mark, &longest, end.as_bytes()].concat();
            assert_eq!(read(&line).unwrap(), longest, "{end:?} {mark:?}");
        }
    }
    let tails: [&[u8]; 9] = [
        b"b",
        b"b\n",
        b"\rbcdef\n",
        b"\r\rb\n",
        b"\r\r",
        b"\r\r\n",
        b"bcd\r\n",
        b"bcdef",
        b"bcdefgh\n",
    ];
    for tail in tails {
        for mark in [b"" as &[u8], BYTE_ORDER_MARK] {
            let error = read(&[mark, &longest, tail].concat()).unwrap_err();
            assert!(error.contains("longer than 1024 bytes"), "{tail:?} {mark:?}: {error}");
        }
    }
}
