//! `make demo`: a lab, the operator in it by its chart, the sample, and a login. What it does is in the
//! library; this is the start and the exit code.

use std::process::ExitCode;

use authcluster_lab::report::{Report, answer};
use authcluster_tests::demo;

#[tokio::main]
async fn main() -> ExitCode {
    let lab = std::env::args().nth(1).unwrap_or_else(|| "demo".to_owned());
    match demo::run(&lab, Report::start()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            answer(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}
