//! The directives of redis.conf that `spec.redis.config` may set, and what each may say. Pure.
//!
//! A server that cannot read its file does not start, and a pod is started when something has happened to it:
//! a value that makes no sense would be found when it is needed least. So it is refused, by the rules of
//! Redis 7.0 and Valkey 8 (`config.c` of each), or narrower ones where Redis admits what nobody can want.

use std::fmt;
use std::ops::RangeInclusive;

/// What a directive may say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Grammar {
    /// `yes` or `no`.
    Switch,
    /// One of these words.
    Word(&'static [&'static str]),
    /// A whole number.
    Number(RangeInclusive<i64>),
    /// Bytes, at least so many, with or without a unit.
    Size(u64),
    /// For each class of clients, its name, two sizes, and seconds.
    BufferLimits,
    /// Seconds and a number of changes, any number of times, or nothing.
    SavePoints,
}

/// Largest value of Redis' own that is narrower than 64 bits.
const INT_MAX: i64 = i32::MAX as i64;

/// By name. Not among them: what the operator or the agent decides (addresses, users, persistence folders,
/// everything of the cluster), what loads code or files, eviction, which would end sessions at random, and
/// `activedefrag`, with which servers of some images do not start.
pub const REDIS_DIRECTIVES: &[(&str, Grammar)] = &[
    ("appendfsync", Grammar::Word(&["always", "everysec", "no"])),
    ("appendonly", Grammar::Switch),
    ("auto-aof-rewrite-min-size", Grammar::Size(0)),
    ("auto-aof-rewrite-percentage", Grammar::Number(0..=INT_MAX)),
    ("client-output-buffer-limit", Grammar::BufferLimits),
    ("hz", Grammar::Number(1..=500)),
    ("io-threads", Grammar::Number(1..=128)),
    ("latency-monitor-threshold", Grammar::Number(0..=i64::MAX)),
    ("lazyfree-lazy-expire", Grammar::Switch),
    // The level below these two is for those who work on the server itself.
    ("loglevel", Grammar::Word(&["verbose", "notice", "warning"])),
    // Each hasher and each other node has some; without room for them nobody could mend anything.
    ("maxclients", Grammar::Number(100..=1_000_000)),
    ("no-appendfsync-on-rewrite", Grammar::Switch),
    ("repl-backlog-size", Grammar::Size(16 * 1024)),
    ("repl-diskless-sync", Grammar::Switch),
    ("repl-diskless-sync-delay", Grammar::Number(0..=3_600)),
    // Pings come every second; a stalled disk must not break a link.
    ("repl-timeout", Grammar::Number(5..=3_600)),
    ("save", Grammar::SavePoints),
    ("slowlog-log-slower-than", Grammar::Number(-1..=i64::MAX)),
    ("slowlog-max-len", Grammar::Number(0..=i64::MAX)),
    ("tcp-backlog", Grammar::Number(1..=INT_MAX)),
    ("tcp-keepalive", Grammar::Number(0..=INT_MAX)),
    ("timeout", Grammar::Number(0..=INT_MAX)),
];

/// Their names, one after another.
#[must_use]
pub fn directive_names() -> String {
    let names: Vec<&str> = REDIS_DIRECTIVES.iter().map(|(name, _)| *name).collect();
    names.join(", ")
}

/// Classes of clients that have limits of their own.
const CLASSES: &[&str] = &["normal", "replica", "pubsub"];

/// The units of sizes, and their bytes.
const UNITS: &[(&str, u64)] = &[
    ("kb", 1 << 10),
    ("mb", 1 << 20),
    ("gb", 1 << 30),
    ("k", 1_000),
    ("m", 1_000_000),
    ("g", 1_000_000_000),
    ("b", 1),
    ("", 1),
];

impl Grammar {
    /// Whether a directive may say this.
    #[must_use]
    pub fn admits(&self, value: &str) -> bool {
        // Not at a line feed: that would smuggle in another directive. As part of a word it fits nowhere.
        let words: Vec<&str> = value.split([' ', '\t']).filter(|word| !word.is_empty()).collect();
        match (self, words.as_slice()) {
            (Self::Switch, [word]) => is_among(&["yes", "no"], word),
            (Self::Word(among), [word]) => is_among(among, word),
            (Self::Number(range), [word]) => number(word).is_some_and(|it| range.contains(&it)),
            (Self::Size(least), [word]) => bytes(word).is_some_and(|it| it >= *least),
            (Self::BufferLimits, words) => {
                !words.is_empty() && words.chunks(4).all(is_buffer_limit)
            }
            (Self::SavePoints, words) => words.chunks(2).all(is_save_point),
            (Self::Switch | Self::Word(_) | Self::Number(_) | Self::Size(_), _) => false,
        }
    }
}

impl fmt::Display for Grammar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Switch => f.write_str("yes or no"),
            Self::Word(among) => write!(f, "one of {}", among.join(", ")),
            Self::Number(range) if *range.end() == i64::MAX => {
                write!(f, "a whole number from {}", range.start())
            }
            Self::Number(range) => {
                write!(f, "a whole number from {} to {}", range.start(), range.end())
            }
            Self::Size(least) => write!(f, "bytes, such as 64mb, and at least {least}"),
            Self::BufferLimits => write!(
                f,
                "a class ({}), two sizes and seconds, such as replica 256mb 64mb 60",
                CLASSES.join(", ")
            ),
            Self::SavePoints => {
                f.write_str("empty, or seconds and a number of changes, such as 3600 1")
            }
        }
    }
}

fn is_among(words: &[&str], word: &str) -> bool {
    words.iter().any(|it| it.eq_ignore_ascii_case(word))
}

/// Digits, as Redis wants them: no plus sign, no zero in front.
fn number(word: &str) -> Option<i64> {
    word.parse().ok().filter(|number: &i64| number.to_string() == word)
}

/// Redis' `k` is 1000 and its `kb` 1024.
fn bytes(word: &str) -> Option<u64> {
    let digits = word.len() - word.trim_start_matches(|it: char| it.is_ascii_digit()).len();
    let (amount, unit) = word.split_at_checked(digits)?;
    let (_, factor) = UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit))?;
    let bytes = amount.parse::<u64>().ok()?.checked_mul(*factor)?;
    i64::try_from(bytes).is_ok().then_some(bytes)
}

fn is_buffer_limit(group: &[&str]) -> bool {
    let [class, hard, soft, seconds] = group else { return false };
    is_among(CLASSES, class)
        && bytes(hard).is_some()
        && bytes(soft).is_some()
        && number(seconds).is_some_and(|it| (0..=INT_MAX).contains(&it))
}

fn is_save_point(pair: &[&str]) -> bool {
    let [seconds, changes] = pair else { return false };
    number(seconds).is_some_and(|it| (1..=INT_MAX).contains(&it))
        && number(changes).is_some_and(|it| (0..=INT_MAX).contains(&it))
}

#[cfg(test)]
mod tests {
    //! What is admitted and what is not. That servers start with it is shown on real ones.

    use super::{Grammar, REDIS_DIRECTIVES};

    fn grammar(name: &str) -> &'static Grammar {
        let found = REDIS_DIRECTIVES.iter().find(|(known, _)| *known == name);
        &found.unwrap().1
    }

    #[test]
    fn only_what_a_server_can_read_is_admitted() {
        let sound = [
            ("lazyfree-lazy-expire", "no"),
            ("appendonly", "YES"),
            ("appendfsync", "everysec"),
            ("hz", "500"),
            ("slowlog-log-slower-than", "-1"),
            ("repl-backlog-size", "16kb"),
            ("repl-backlog-size", "1G"),
            ("auto-aof-rewrite-min-size", "0"),
            ("client-output-buffer-limit", "replica 256mb 64mb 60 normal 0 0 0"),
            ("save", ""),
            ("save", "3600 1 300 100"),
        ];
        for (name, value) in sound {
            assert!(grammar(name).admits(value), "{name} {value:?}");
        }
        let broken = [
            ("lazyfree-lazy-expire", "on"),
            ("appendonly", "yes no"),
            ("appendfsync", ""),
            ("hz", "501"),
            ("hz", "0"),
            ("hz", "+10"),
            ("hz", "010"),
            ("hz", "ten"),
            ("repl-timeout", "abc"),
            ("repl-timeout", "4"),
            ("slowlog-log-slower-than", "-2"),
            ("slowlog-max-len", "9223372036854775808"),
            ("repl-backlog-size", "16k"),
            ("repl-backlog-size", "16tb"),
            ("repl-backlog-size", "mb"),
            ("repl-backlog-size", "16 mb"),
            ("repl-backlog-size", "99999999999gb"),
            ("repl-backlog-size", "1é"),
            ("client-output-buffer-limit", ""),
            ("client-output-buffer-limit", "replica 256mb 64mb"),
            ("client-output-buffer-limit", "master 0 0 0"),
            ("save", "3600"),
            ("save", "0 1"),
            ("save", "3600\n1"),
            ("save", "3600 1\r"),
            ("appendonly", "yes\n"),
            ("client-output-buffer-limit", "normal 0 0\n0"),
        ];
        for (name, value) in broken {
            assert!(!grammar(name).admits(value), "{name} {value:?}");
        }
    }
}
