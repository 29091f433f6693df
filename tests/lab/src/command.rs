//! Programs that are run to their end: started with no standard input unless given one, their errors
//! kept for the message.

use std::io::Write;
use std::process::{Command, Output, Stdio};

use crate::error::{Error, Result};

/// How much of a failed program's errors is shown: enough for a Go stack's first lines.
const OUTPUT_LINES_MAX: usize = 15;

/// Runs a program and returns what it wrote to standard output.
pub(crate) fn run(command: &mut Command) -> Result<String> {
    let output = capture(command)?;
    checked(command, &output)
}

/// Runs a program that gets `input` as its standard input.
pub(crate) fn run_with_input(command: &mut Command, input: &str) -> Result<String> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(start_error(command))?;
    // A program that ends early closes its input; its exit code says more than the broken pipe.
    if let Some(mut stdin) = child.stdin.take() {
        let written = stdin.write_all(input.as_bytes());
        drop(written);
    }
    let output = child.wait_with_output().map_err(start_error(command))?;
    checked(command, &output)
}

/// Runs a program whose failure is an answer, not an error.
pub(crate) fn capture(command: &mut Command) -> Result<Output> {
    command.stdin(Stdio::null()).output().map_err(start_error(command))
}

/// A command of a name and its arguments.
pub(crate) fn program(name: &str, args: &[&str]) -> Command {
    let mut command = Command::new(name);
    command.args(args);
    command
}

/// The end of a text, for an error message.
pub(crate) fn tail(text: &str, lines_max: usize) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines.get(lines.len().saturating_sub(lines_max)..).unwrap_or_default().join("\n")
}

/// Turns a finished program into its output or an error.
pub(crate) fn checked(command: &Command, output: &Output) -> Result<String> {
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let errors = String::from_utf8_lossy(&output.stderr);
    Err(Error::Failed {
        command: describe(command),
        status: output.status.to_string(),
        output: tail(errors.trim(), OUTPUT_LINES_MAX),
    })
}

/// A closure for `map_err` on spawning.
pub(crate) fn start_error(command: &Command) -> impl FnOnce(std::io::Error) -> Error + use<> {
    let program = command.get_program().to_string_lossy().into_owned();
    move |source| Error::Start { program, source }
}

fn describe(command: &Command) -> String {
    let args = command.get_args().map(|arg| arg.to_string_lossy());
    let mut words = vec![command.get_program().to_string_lossy()];
    words.extend(args);
    words.join(" ")
}
