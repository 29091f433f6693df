//! `hasher/REFERENCE.md`: its tables of metrics, error codes and flags, written by a test from the code. `make
//! golden` writes them again.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::time::Duration;

use authcluster_contract::http::Code;
use clap::CommandFactory as _;
use expect_test::expect_file;
use prometheus_client::encoding::text;

use super::{
    ConnectionEnd, LimitScope, LoginResult, Metrics, MigrationEvent, PeerOutcome, SessionEvent,
    StoreFailure,
};
use crate::args::Cli;
use crate::policy::pricing::rates::Rates;

/// Every metric with every value of its labels, but for routes and codes: a metric without a value is not
/// written at all.
fn all() -> Metrics {
    let metrics = Metrics::new();
    metrics.answered("/v1/hash", None, Duration::ZERO);
    LoginResult::ALL.iter().for_each(|it| metrics.logged_in(*it));
    ConnectionEnd::ALL.iter().for_each(|it| metrics.connection_closed(*it));
    PeerOutcome::ALL.iter().for_each(|it| metrics.forwarded(*it));
    PeerOutcome::ALL.iter().for_each(|it| metrics.peer_asked(*it));
    StoreFailure::ALL.iter().for_each(|it| metrics.store_failed(*it));
    SessionEvent::ALL.iter().for_each(|it| metrics.session(*it));
    MigrationEvent::ALL.iter().for_each(|it| metrics.migration(*it));
    for scope in LimitScope::ALL {
        metrics.limited(*scope, true);
        metrics.limited(*scope, false);
    }
    metrics.lane_times.measured(Rates::nominal());
    metrics
}

/// The names of the labels of `metric` in the order in which they are written, and the values of each.
fn labels<'a>(text: &'a str, metric: &str) -> Vec<(&'a str, BTreeSet<&'a str>)> {
    let mut order = Vec::new();
    let mut values: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for line in text.lines().filter_map(|line| line.strip_prefix(metric)?.split_once('{')) {
        if !["", "_total", "_bucket"].contains(&line.0) {
            continue;
        }
        let pairs = line.1.split_once('}').map_or("", |(pairs, _)| pairs);
        for (label, value) in pairs.split(',').filter_map(|pair| pair.split_once('=')) {
            if label != "le" && !order.contains(&label) {
                order.push(label);
            }
            values.entry(label).or_default().insert(value.trim_matches('"'));
        }
    }
    order.into_iter().map(|label| (label, values.remove(label).unwrap_or_default())).collect()
}

fn metrics() -> String {
    let metrics = all();
    let mut encoded = String::new();
    text::encode(&mut encoded, &metrics.registry).unwrap();
    let mut page = "| metric | type | labels | what |\n|---|---|---|---|\n".to_owned();
    let mut rows = 0;
    for help in encoded.lines().filter_map(|line| line.strip_prefix("# HELP ")) {
        let (name, help) = help.split_once(' ').unwrap();
        let kind = encoded.lines().find_map(|line| line.strip_prefix(&format!("# TYPE {name} ")));
        let kind = kind.unwrap();
        let total = if kind == "counter" { "_total" } else { "" };
        let labels = labels(&encoded, name);
        let labels: Vec<String> = labels.iter().map(|(label, _)| format!("`{label}`")).collect();
        writeln!(page, "| `{name}{total}` | {kind} | {} | {help} |", labels.join(", ")).unwrap();
        rows += 1;
    }
    // The registry leaves out what has no value yet, and shows what it has in no other way.
    let registered = format!("{:?}", metrics.registry).matches("Descriptor {").count();
    assert_eq!(rows, registered, "`all` leaves out a metric: give it values");
    page.push_str(&values(&encoded));
    page
}

/// Each value of a label, and what it means.
type Values = Vec<(&'static str, &'static str)>;

/// What the labels that are closed lists say. Held to what was written, so that none is left out.
fn values(encoded: &str) -> String {
    macro_rules! closed {
        ($list:ty) => {
            <$list>::ALL.iter().map(|it| (it.as_str(), it.meaning())).collect()
        };
    }
    let decisions = vec![("admitted", "It was let through."), ("denied", "It was answered 429.")];
    let lists: [(&[&str], &str, Values); 8] = [
        (&["logins"], "result", closed!(LoginResult)),
        (&["closed_connections"], "reason", closed!(ConnectionEnd)),
        (&["forwarded", "peer_jobs"], "outcome", closed!(PeerOutcome)),
        (&["store_failures"], "kind", closed!(StoreFailure)),
        (&["sessions"], "event", closed!(SessionEvent)),
        (&["limit_decisions"], "scope", closed!(LimitScope)),
        (&["limit_decisions"], "outcome", decisions),
        (&["migrations"], "event", closed!(MigrationEvent)),
    ];
    let mut page = "\n| of | label | value | meaning |\n|---|---|---|---|\n".to_owned();
    for (of, label, rows) in lists {
        for metric in of {
            let found = labels(encoded, &format!("authcluster_hasher_{metric}"));
            let (_, found) = found.into_iter().find(|(it, _)| *it == label).unwrap();
            let expect = rows.iter().map(|(value, _)| *value).collect();
            assert_eq!(found, expect, "{metric} {label}");
        }
        let of: Vec<String> = of.iter().map(|metric| format!("`{metric}`")).collect();
        for (value, meaning) in rows {
            writeln!(page, "| {} | `{label}` | `{value}` | {meaning} |", of.join(", ")).unwrap();
        }
    }
    let steps: BTreeSet<&str> = Rates::nominal().rows().iter().map(|row| row.step).collect();
    let steps: Vec<String> = steps.into_iter().map(|step| format!("`{step}`")).collect();
    writeln!(page, "\n`step` is one of {}.", steps.join(", ")).unwrap();
    page
}

fn codes() -> String {
    let mut page = "| status | code | meaning | what to do |\n|---|---|---|---|\n".to_owned();
    for code in Code::ALL {
        let (status, name) = (code.status(), code.as_str());
        writeln!(page, "| {status} | `{name}` | {} | {} |", code.meaning(), code.remedy()).unwrap();
    }
    page
}

fn flags() -> String {
    let mut page = "| flag | environment | what |\n|---|---|---|\n".to_owned();
    let cli = Cli::command();
    let serve = cli.find_subcommand("serve").unwrap();
    for (arg, long) in serve.get_arguments().filter_map(|arg| Some((arg, arg.get_long()?))) {
        let env = arg.get_env().map_or_else(String::new, |env| format!("`{}`", env.display()));
        let help = arg.get_help().unwrap().to_string();
        let mut default = String::new();
        if let Some(value) = arg.get_default_values().first().filter(|value| *value != "false") {
            write!(default, " [default: {}]", value.display()).unwrap();
        }
        writeln!(page, "| `--{long}` | {env} | {help}{default} |").unwrap();
    }
    page
}

/// The page with another text between the two marks of `name`.
fn with(page: &str, name: &str, table: &str) -> String {
    let begin = format!("<!-- {name}: written by make golden -->\n");
    let end = format!("<!-- end of {name} -->\n");
    let (before, rest) = page.split_once(&begin).expect("the page has the mark of its beginning");
    let (_, after) = rest.split_once(&end).expect("the page has the mark of its end");
    format!("{before}{begin}{table}{end}{after}")
}

#[test]
fn the_page_says_what_the_code_says() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/REFERENCE.md");
    let mut page = std::fs::read_to_string(path).unwrap();
    for (name, table) in [("metrics", metrics()), ("codes", codes()), ("flags", flags())] {
        page = with(&page, name, &table);
    }
    expect_file![path].assert_eq(&page);
}
