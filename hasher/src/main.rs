//! Parse, start, exit code. Nothing else.

fn main() {}
