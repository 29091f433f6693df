//! The lines of a file of rows: their numbers, a byte order mark skipped, and files without lines of text
//! refused with their kind.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use anyhow::Context as _;
use zeroize::Zeroizing;

/// U+FEFF in UTF-8, which Excel and PowerShell write at the start of a file.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// First bytes of files without lines of UTF-8, and the kind of such a file.
const NOT_LINES: [(&[u8], &str); 8] = [
    (b"\xff\xfe", "UTF-16 text: convert it to UTF-8"),
    (b"\xfe\xff", "UTF-16 text: convert it to UTF-8"),
    (b"\x1f\x8b", "compressed by gzip: pipe it through `gzip -dc`"),
    (b"\x28\xb5\x2f\xfd", "compressed by zstd: pipe it through `zstd -dc`"),
    (b"\xfd7zXZ\0", "compressed by xz: pipe it through `xz -dc`"),
    (b"BZh91AY&SY", "compressed by bzip2: pipe it through `bzip2 -dc`"),
    (b"PK\x03\x04", "a ZIP archive or a spreadsheet: export it as JSON lines"),
    (b"SQLite format 3\0", "a SQLite database: export it as JSON lines"),
];

const ARRAY: &str = "a JSON array, and rows are one object a line: `jq -c '.[]'` writes them";

/// Why a file could not be read as rows.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReadRowsError {
    /// Known from the first bytes, before any row is answered.
    #[error("no row could be read: the input is {0}")]
    NotLines(&'static str),
    /// Known at the end.
    #[error("no row could be read: {0}")]
    NoRow(&'static str),
    #[error("the input cannot be read")]
    Input(#[from] std::io::Error),
}

/// Opens a file of rows; `-` is standard input.
pub(super) fn open(path: &Path) -> anyhow::Result<Box<dyn BufRead>> {
    if path == Path::new("-") {
        return Ok(Box::new(std::io::stdin().lock()));
    }
    Ok(Box::new(BufReader::new(File::open(path).with_context(|| path.display().to_string())?)))
}

/// The lines of a file that are not blank, with their numbers.
pub(super) struct Lines<R> {
    input: R,
    line: Zeroizing<Vec<u8>>,
    number: u64,
    end: u64,
    /// First byte of the first line that is not blank.
    first: Option<u8>,
    /// At least one line that is not blank was UTF-8.
    has_utf8: bool,
}

/// One of them.
#[derive(Clone, Copy)]
pub(super) struct Line<'a> {
    /// The text of the line, without LF or CRLF. May be no UTF-8.
    pub(super) text: &'a [u8],
    /// Number of the line in the file, counted from one.
    pub(super) number: u64,
    /// Bytes of the file up to the end of the line.
    pub(super) end: u64,
}

impl<R: BufRead> Lines<R> {
    pub(super) fn new(input: R) -> Self {
        Self {
            input,
            line: Zeroizing::new(Vec::new()),
            number: 0,
            end: 0,
            first: None,
            has_utf8: false,
        }
    }

    /// The next line; `None` at the end.
    pub(super) fn next_row(&mut self) -> Result<Option<Line<'_>>, ReadRowsError> {
        loop {
            self.line.clear();
            let bytes = self.input.read_until(b'\n', &mut self.line)?;
            if bytes == 0 {
                return Ok(None);
            }
            self.number += 1;
            self.end = self.end.saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX));
            if self.number == 1 {
                self.begin()?;
            }
            let first = self.line.iter().find(|byte| !byte.is_ascii_whitespace());
            if let Some(first) = first.copied() {
                if *self.first.get_or_insert(first) == b'[' {
                    return Err(ReadRowsError::NotLines(ARRAY));
                }
                self.has_utf8 |= std::str::from_utf8(&self.line).is_ok();
                break;
            }
        }
        let text = self.line.strip_suffix(b"\n").unwrap_or(&self.line);
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        Ok(Some(Line { text, number: self.number, end: self.end }))
    }

    /// Looks at the first line: skips a byte order mark, and refuses a file that cannot hold rows.
    fn begin(&mut self) -> Result<(), ReadRowsError> {
        if let Some((_, what)) = NOT_LINES.iter().find(|(bytes, _)| self.line.starts_with(bytes)) {
            return Err(ReadRowsError::NotLines(what));
        }
        // UTF-16 without a mark: every other byte of ASCII text is zero.
        if self.line.iter().take(2).any(|byte| *byte == 0) {
            return Err(ReadRowsError::NotLines("UTF-16 text or binary data"));
        }
        if self.line.starts_with(BYTE_ORDER_MARK) {
            self.line.drain(..BYTE_ORDER_MARK.len());
        }
        Ok(())
    }

    /// Refuses the input as a whole, after its last line, when no line was a row of JSON with `encoded`, or no line was
    /// UTF-8. Other faults are those of single rows.
    pub(super) fn ensure_rows(&self, has_row: bool) -> Result<(), ReadRowsError> {
        Err(ReadRowsError::NoRow(match self.first {
            None => "the input is empty",
            Some(_) if !self.has_utf8 => "the input is not UTF-8: Latin-1, perhaps",
            Some(_) if has_row => return Ok(()),
            Some(b'{') => {
                "no line is a JSON object with one text `encoded` (`jq -c .` writes one object a line)"
            }
            Some(_) => "the input is no JSON: CSV, perhaps. Rows are one JSON object a line",
        }))
    }
}

#[cfg(test)]
mod tests;
