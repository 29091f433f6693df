//! A process is itself only with its start time; a zombie is dead.

use super::*;

#[test]
fn a_name_with_brackets_does_not_confuse() {
    let text = "42 (a) R b)) S 1 42 42 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 987654 2 3";
    let stat = parse_stat(text).unwrap();
    assert_eq!((stat.state, stat.start_ticks), ('S', 987_654));
}

#[test]
fn this_process_runs_and_its_number_alone_is_not_enough() {
    let pid = i32::try_from(std::process::id()).unwrap();
    let start_ticks = read_stat(pid).unwrap().start_ticks;
    assert_eq!(life(Identity { pid, start_ticks }), Life::Runs);
    assert_eq!(life(Identity { pid, start_ticks: start_ticks + 1 }), Life::Dead);
}

#[test]
fn records_parse_or_count_as_none() {
    for (text, good) in [("12 34", true), ("12 34\n", true), ("", false), ("12", false)] {
        assert_eq!(parse_record(text).is_some(), good, "{text:?}");
    }
}
