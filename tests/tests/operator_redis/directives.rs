//! Servers start with whatever `spec.redis.config` admits.

use std::path::Path;

use authcluster_operator::api::spec::{Grammar, REDIS_DIRECTIVES};
use authcluster_tests::redis::pods::{PodOptions, RedisPod};

use crate::cluster::AGENT;

/// The values at the ends of what is admitted, or all of them where they are few.
fn ends(grammar: &Grammar) -> Vec<String> {
    let words = |words: &[&str]| words.iter().map(ToString::to_string).collect();
    match grammar {
        Grammar::Switch => words(&["yes", "no"]),
        Grammar::Word(among) => words(among),
        Grammar::Number(range) => vec![range.start().to_string(), range.end().to_string()],
        Grammar::Size(least) => vec![least.to_string(), "8191gb".to_owned()],
        Grammar::BufferLimits => words(&["normal 0 0 0", "replica 256MB 64mb 60 pubsub 1g 1 1"]),
        Grammar::SavePoints => words(&["\"\"", "3600 1 300 0"]),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_start_with_whatever_is_admitted() -> anyhow::Result<()> {
    // The first server has the first value of every directive, and so on; short lists start again.
    for turn in 0..4 {
        let mut options = PodOptions::of(Path::new(AGENT));
        for (name, grammar) in REDIS_DIRECTIVES {
            let ends = ends(grammar);
            let value = ends.iter().cycle().nth(turn).map_or("", String::as_str);
            assert!(grammar.admits(value.trim_matches('"')), "{name} {value}");
            options.config.push_str(&format!("{name} {value}\n"));
        }
        let mut pod = RedisPod::new(&options)?;
        pod.started().await?;
    }
    Ok(())
}
