//! Which lines there are, and what is said of files without rows.

use super::*;

/// Number, end and text of each line, or why they end.
fn lines(input: &[u8]) -> (Vec<(u64, u64, String)>, String) {
    let mut lines = Lines::new(input);
    let mut found = Vec::new();
    loop {
        match lines.next_row() {
            Ok(Some(Line { text, number, end })) => {
                found.push((number, end, String::from_utf8_lossy(text).into_owned()));
            }
            Ok(None) => {
                let error = lines.ensure_rows(false).unwrap_err();
                return (found, error.to_string());
            }
            Err(error) => return (found, error.to_string()),
        }
    }
}

#[test]
fn lines_are_numbered_and_keep_all_but_their_end() {
    let of = |number, end, text: &str| (number, end, text.to_owned());
    assert_eq!(
        lines(b"a\r\n\r\n \n b \n\nc\xe9").0,
        [of(1, 3, "a"), of(4, 11, " b "), of(6, 14, "c\u{fffd}")]
    );
    assert_eq!(lines(b"\xef\xbb\xbfa\nb").0, [of(1, 5, "a"), of(2, 6, "b")]);
    assert_eq!(lines(b"\xef\xbb\xbf\n{}\n").0, [of(2, 7, "{}")]);
}

#[test]
fn input_without_rows_is_named() {
    let check = |input: &[u8], rows: usize, expect: &str| {
        let (lines, error) = lines(input);
        assert!(error.contains(expect), "{input:?}: {error}");
        assert_eq!(lines.len(), rows, "{input:?}");
    };
    check(b"", 0, "is empty");
    check(b"\n \r\n", 0, "is empty");
    check(b"\xef\xbb\xbf", 0, "is empty");
    check(b"\xff\xfe{\0}\0\n\0", 0, "UTF-16");
    check(b"\xfe\xff\0{\0}\0\n", 0, "UTF-16");
    check(b"{\0}\0\n\0", 0, "UTF-16");
    check(b"\0{\0}\0\n", 0, "UTF-16");
    check(b"\x1f\x8b\x08\0", 0, "gzip");
    check(b"PK\x03\x04\x14", 0, "ZIP");
    check(b"[{},\n{}]\n", 0, "a JSON array");
    check(b"\n\n  [{}]\n", 0, "a JSON array");
    check(b"{\n}\n", 2, "no line is a JSON object");
    check(b"id,encoded\n", 1, "is no JSON");
}

#[test]
fn input_is_refused_as_a_whole_only_for_what_holds_of_every_line() {
    let refused = |input: &[u8], has_row| {
        let mut lines = Lines::new(input);
        while lines.next_row().unwrap().is_some() {}
        lines.ensure_rows(has_row).err().map(|error| error.to_string())
    };
    assert_eq!(refused(b"a\n\xe9\n", true), None);
    assert!(refused(b"\xe9\n\n\xe9a\n", true).unwrap().contains("is not UTF-8"));
    assert!(refused(b"", true).unwrap().contains("is empty"));
}
