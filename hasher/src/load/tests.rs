//! What is sent when, what is counted, and whom nobody may be sent to.

use std::collections::BTreeMap;

use clap::Parser as _;

use super::client::{Answer, url_of, urls};
use super::schedule::Call;
use super::*;
use crate::args::{Cli, Command};

fn args(more: &str) -> LoadArgs {
    let words = format!("hasher load http://127.0.0.1:1 {more}");
    let Command::Load(args) = Cli::parse_from(words.split_whitespace()).command else {
        panic!("another command");
    };
    *args
}

fn arrivals(more: &str) -> Vec<Arrival> {
    Schedule::new(&args(more)).unwrap().collect()
}

#[test]
fn arrivals_come_at_the_rate_and_do_not_depend_on_answers() {
    let all = arrivals("--rate 1000 --duration-seconds 20");
    // Poisson: the standard deviation is 141.
    assert!((19_300..20_700).contains(&all.len()), "{}", all.len());
    assert!(all.iter().zip(all.iter().skip(1)).all(|(a, b)| a.after <= b.after));
    assert!(all.iter().all(|arrival| arrival.after < Duration::from_secs(20)));
    assert_eq!(all, arrivals("--rate 1000 --duration-seconds 20"));
    assert_ne!(all, arrivals("--rate 1000 --duration-seconds 20 --seed 2"));
}

#[test]
fn users_and_calls_come_as_often_as_said() {
    let mut calls: BTreeMap<Call, u32> = BTreeMap::new();
    for arrival in arrivals("--rate 1000 --duration-seconds 10 --login 6 --verify 3 --hash 1") {
        *calls.entry(arrival.call).or_default() += 1;
    }
    let share = |call| f64::from(calls[&call]) / 10_000.0;
    assert!((share(Call::Login) - 0.6).abs() < 0.04, "{calls:?}");
    assert!((share(Call::Hash) - 0.1).abs() < 0.02, "{calls:?}");
    let often = |zipf: &str| {
        let all = arrivals(&format!("--rate 1000 --duration-seconds 10 --users 100 --zipf {zipf}"));
        assert!(all.iter().all(|arrival| arrival.user < 100));
        all.iter().filter(|arrival| arrival.user == 0).count()
    };
    // The first of a hundred: a hundredth, or one in the hundredth harmonic number.
    assert!((60..150).contains(&often("0")), "{}", often("0"));
    assert!((1_750..2_150).contains(&often("1")), "{}", often("1"));
    assert!(Schedule::new(&args("--login 0")).is_err());
}

#[test]
fn other_machines_are_left_alone_unless_they_are_ones_own() {
    let check = |url: &str, owned: bool, expect: bool| {
        assert_eq!(urls(&[url.to_owned()], owned).is_ok(), expect, "{url} {owned}");
    };
    for loopback in
        ["http://127.0.0.1:8080", "https://localhost", "http://[::1]:1", "http://127.9.9.9"]
    {
        check(loopback, false, true);
    }
    for other in [
        "http://192.0.2.1",
        "http://localhost.example",
        "http://127.0.0.1.example",
        "http://127.0.0.1@192.0.2.1/",
        "http://[2001:db8::1]/",
        "http://0.0.0.0:80",
    ] {
        check(other, false, false);
        check(other, true, true);
    }
    check("ftp://127.0.0.1", true, false);
    check("127.0.0.1:80", true, false);
    check("http://127.0.0.1/prefix/", true, true);
    check("http://127.0.0.1/?a=b", true, false);
    check("http://127.0.0.1/#a", true, false);
}

#[test]
fn the_path_of_a_target_comes_before_that_of_a_call() {
    let check = |target: &str, expect: &str| {
        assert_eq!(url_of(&target.parse().unwrap(), "v1/login").as_str(), expect);
    };
    check("http://127.0.0.1:8080", "http://127.0.0.1:8080/v1/login");
    check("http://127.0.0.1:8080/", "http://127.0.0.1:8080/v1/login");
    check("http://127.0.0.1:8080/auth", "http://127.0.0.1:8080/auth/v1/login");
    check("http://127.0.0.1:8080/a%20b/c/", "http://127.0.0.1:8080/a%20b/c/v1/login");
}

#[test]
fn answers_are_counted_by_how_they_ended() {
    let tally = Tally::new().unwrap();
    for _ in 0..4 {
        tally.sent(Duration::from_micros(100));
    }
    let busy = Answer::Status(503, Some("overloaded".to_owned()));
    tally.answered(&Answer::Status(200, None), Duration::from_millis(20));
    tally.answered(&Answer::Status(200, None), Duration::from_millis(40));
    tally.answered(&busy, Duration::from_millis(2));
    assert_eq!(tally.open(), 1);
    let sending =
        Sending { time: Duration::from_secs(2), good: tally.good(), cpu: Duration::from_secs(1) };
    // It was sent in time, and makes the server no quicker.
    tally.sent(Duration::ZERO);
    tally.answered(&Answer::Status(200, None), Duration::from_millis(30));
    tally.answered(&Answer::None("gave up"), Duration::from_secs(10));
    assert_eq!(tally.open(), 0);
    let line = tally.line();
    assert!(line.starts_with("sent      5  ok      3  refused      1  failed      1"), "{line}");
    let report = tally.report(sending);
    assert!((report.goodput_per_second - 1.0).abs() < 1e-9);
    assert!((report.generator_cpus - 0.5).abs() < 1e-9);
    let ended: Vec<_> = report
        .outcomes
        .iter()
        .map(|outcome| format!("{} {} {}", outcome.status, outcome.code, outcome.count))
        .collect();
    assert_eq!(ended, ["200 ok 3", "503 overloaded 1", "0 gave up 1"]);
    assert!((report.ok_latency_ms.max - 40.0).abs() < 0.1, "{:?}", report.ok_latency_ms);
    let table = report.table().unwrap();
    assert!(table.contains("503    overloaded                     1"), "{table}");
    serde_json::to_string(&report).unwrap();
}
