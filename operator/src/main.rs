//! `operator`: parse, start, exit code. Everything else is in the library.

use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;
use authcluster_operator::args::{Args, Command, Plan};
use authcluster_operator::error::chain;
use authcluster_operator::plan::preview;
use authcluster_operator::{api, run};
use clap::Parser as _;

fn main() -> ExitCode {
    match start(Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // The last words of a program that cannot go on; nobody reads them if this fails.
            drop(writeln!(std::io::stderr(), "error: {}", chain(error.as_ref())));
            ExitCode::FAILURE
        }
    }
}

fn start(args: Args) -> anyhow::Result<()> {
    match args.command {
        Command::Run(args) => {
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .enable_all()
                .build()
                .context("cannot start the runtime")?;
            runtime.block_on(run::run(args))?;
            Ok(())
        }
        Command::Crd => print(&api::crd_yaml()?),
        Command::Plan(args) => print(&plan(args)?),
    }
}

fn plan(args: Plan) -> anyhow::Result<String> {
    let file = args.filename.display().to_string();
    let text = read(&args.filename).with_context(|| format!("cannot read {file}"))?;
    preview::preview(&text, &args.images.settings(args.operator_namespace, None)).context(file)
}

fn read(path: &Path) -> std::io::Result<String> {
    if path.as_os_str() == "-" {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text)?;
        return Ok(text);
    }
    std::fs::read_to_string(path)
}

fn print(text: &str) -> anyhow::Result<()> {
    std::io::stdout().write_all(text.as_bytes()).context("cannot write to the standard output")
}
