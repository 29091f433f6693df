//! The command line as people type it.

use clap::{CommandFactory as _, Parser as _};

use super::{Args, Command};

#[test]
fn the_command_line_is_consistent() {
    Args::command().debug_assert();
}

#[test]
fn run_needs_nothing_and_listens_for_probes() {
    let args = Args::parse_from(["operator", "run", "--pod-ip", "fd00::7"]);
    let Command::Run(run) = args.command else { panic!("not run") };
    assert_eq!(run.listen.port(), 8080);
    assert!(run.images.settings("here".to_owned(), run.pod_ip).ipv6);
}

#[test]
fn mistakes_name_the_argument() {
    let check = |line: &[&str], expect: &str| {
        let error = Args::try_parse_from(line).unwrap_err().to_string();
        assert!(error.contains(expect), "{line:?}: {error}");
    };
    check(&["operator", "run", "--listen", "8080"], "--listen");
    check(&["operator", "plan"], "--filename");
    check(&["operator", "fly"], "fly");
}
