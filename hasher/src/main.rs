//! Parse, start, exit code. Nothing else.

use std::process::ExitCode;

use authcluster_hasher::args::{Cli, Command};
use authcluster_hasher::commands;
use authcluster_hasher::load::load;
use clap::Parser as _;

/// Exit code of a command whose reader closed standard output, as `| head` does: a shell shows the same code for a
/// program that SIGPIPE ended. The command prints no error, because the reader has what it wanted.
const READER_LEFT: u8 = 128 + 13;

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Serve(args) => commands::serve(&args).map(|()| true),
        Command::Hash(args) => commands::hash(&args).map(|()| true),
        Command::Verify(args) => commands::verify(&args),
        Command::Inspect(args) => commands::inspect(&args),
        Command::Wrap(args) => commands::wrap(&args).map(|()| true),
        Command::Formats(args) => commands::formats(&args).map(|()| true),
        Command::Bench(args) => commands::bench(&args).map(|()| true),
        Command::Calibrate(args) => commands::calibrate(&args).map(|()| true),
        Command::Load(args) => load(&args).map(|()| true),
        Command::Key(args) => commands::key(&args).map(|()| true),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) if commands::reader_left(&error) => ExitCode::from(READER_LEFT),
        Err(error) => {
            use std::io::Write as _;
            // Nobody is left to tell when standard error is gone.
            drop(writeln!(std::io::stderr().lock(), "hasher: {error:#}"));
            ExitCode::from(2)
        }
    }
}
