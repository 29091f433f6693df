//! The `lab` command: parse, run, exit code. An error is printed once, with its causes.

use std::io::Write;
use std::process::ExitCode;

use authcluster_lab::args::{Environment, LowArgs};
use authcluster_lab::commands;
use clap::Parser;

fn main() -> ExitCode {
    let args = LowArgs::parse();
    match commands::run(args, &Environment::read()) {
        Ok(code) => code,
        Err(error) => {
            let text = format!("lab: {:#}", anyhow::Error::from(error));
            writeln!(std::io::stderr().lock(), "{text}").ok();
            ExitCode::FAILURE
        }
    }
}
