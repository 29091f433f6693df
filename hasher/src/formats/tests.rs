//! Strings that are read, and strings that are refused.
