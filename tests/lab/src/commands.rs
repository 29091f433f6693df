//! The command line's verbs, each a few calls of the library and what is printed about it.

use std::fs;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

use crate::args::{BuildPart, Environment, LowArgs, Rest, UpArgs, Verb};
use crate::command::tail;
use crate::doctor;
use crate::error::{Error, Result};
use crate::forward::Forward;
use crate::images;
use crate::lab::Lab;
use crate::plan::images::ImageName;
use crate::plan::names::LabName;
use crate::report::{Report, answer};
use crate::site::Site;
use crate::tools::Tools;

/// Lines of a log that are shown.
const LOG_LINES: usize = 50;

/// Does what the command line asks for.
///
/// # Errors
/// Whatever the verb fails with.
pub fn run(args: LowArgs, environment: &Environment) -> Result<ExitCode> {
    let (site, report) = (Site::new(&environment.cache), Report::start());
    let LowArgs { name, verb } = args;
    match verb {
        Verb::Doctor { install } => return doctor(install, environment, report),
        Verb::Build { only } => build(&site, only, report)?,
        Verb::Up(up_args) => up(&site, &name, &up_args, report)?,
        Verb::Down => {
            Lab::down_named(&site, &name)?;
            report.line(&format!(
                "lab {name} is down; its logs stay in {}",
                site.logs(&name).display()
            ));
        }
        Verb::Status => return status(&Lab::find(&site, &name)?),
        Verb::List => list(&site)?,
        Verb::Kubectl(Rest { args }) => {
            return replace(Lab::find(&site, &name)?.kubectl_command().args(args));
        }
        Verb::Helm(Rest { args }) => {
            return replace(Lab::find(&site, &name)?.helm_command().args(args));
        }
        Verb::Exec(Rest { args }) => {
            let (program, args) = split(&args)?;
            let lab = Lab::find(&site, &name)?;
            return replace(lab.outside_command(program, &environment.path).args(args));
        }
        Verb::Enter(Rest { args }) => {
            let (program, args) = split(&args)?;
            return replace(Lab::find(&site, &name)?.enter_command(program).args(args));
        }
        Verb::Kubeconfig => answer(&Lab::find(&site, &name)?.kubeconfig().display().to_string()),
        Verb::Image { image, entrypoint, files } => {
            let archive = images::pack_programs(&site, &image, &[&entrypoint], &files)?;
            answer(&format!("{image} sha256:{} {}", archive.digest, archive.path.display()));
        }
        Verb::Load { images } => load(&Lab::find(&site, &name)?, &images, report)?,
        Verb::Fault { kind, node } => {
            let lab = Lab::find(&site, &name)?;
            lab.fault(kind.into(), &node)?;
            report.line(&format!("{node}: {}", crate::faults::Fault::from(kind)));
        }
        Verb::Logs { component } => logs(&site, &name, component.as_deref())?,
        Verb::ForwardPort { netns, to, port, port_file } => {
            Forward { netns, to, port, port_file }.run()?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn doctor(install: bool, environment: &Environment, report: Report) -> Result<ExitCode> {
    let missing = match install {
        true => doctor::install(&environment.path, report)?,
        false => doctor::examine(&environment.path),
    };
    missing.iter().for_each(|missing| answer(&missing.describe()));
    if missing.is_empty() {
        answer("nothing is missing");
        return Ok(ExitCode::SUCCESS);
    }
    Ok(ExitCode::FAILURE)
}

fn build(site: &Site, only: Option<BuildPart>, report: Report) -> Result<()> {
    if only != Some(BuildPart::Images) {
        Tools::build(site, report)?.keep_own_program()?;
    }
    if only != Some(BuildPart::Tools) {
        images::build_bases(site, report)?;
    }
    Ok(())
}

fn up(site: &Site, name: &LabName, up_args: &UpArgs, report: Report) -> Result<()> {
    let lab = Lab::ensure(site, name, &up_args.shape(), report)?;
    answer(&format!("export KUBECONFIG={}", lab.kubeconfig().display()));
    Ok(())
}

fn load(lab: &Lab, images: &[ImageName], report: Report) -> Result<()> {
    for image in images {
        let nodes = lab.load_image(image)?;
        report.line(&format!("{image}: loaded into {nodes} nodes"));
    }
    Ok(())
}

/// Fails when something of the lab does not work, so that a script can ask.
fn status(lab: &Lab) -> Result<ExitCode> {
    answer(&format!("lab {}: {}", lab.name(), lab.describe()));
    answer(&format!("kubeconfig: {}", lab.kubeconfig().display()));
    answer(&format!("logs: {}", lab.logs().display()));
    let mut works = true;
    for (component, pid) in lab.components()? {
        works &= pid.is_some();
        let pid = pid.map_or("dead".to_owned(), |pid| format!("process {pid}"));
        answer(&format!("  {component:<22}{pid}"));
    }
    let faults = lab.faults()?;
    faults.iter().for_each(|fault| answer(&format!("fault: {fault}")));
    let ready = lab.ready_nodes()?;
    answer(&format!(
        "nodes Ready: {}",
        if ready.is_empty() { "none".into() } else { ready.join(", ") }
    ));
    works &= faults.is_empty();
    Ok(if works { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn list(site: &Site) -> Result<()> {
    for name in site.names()? {
        match Lab::find(site, &name) {
            Ok(lab) => answer(&format!("{name}: {}", lab.describe())),
            Err(_) => {
                answer(&format!("{name}: the remains of a crashed run; lab down --name {name}"))
            }
        }
    }
    Ok(())
}

fn logs(site: &Site, name: &LabName, component: Option<&str>) -> Result<()> {
    let folder = site.logs(name);
    let entries = fs::read_dir(&folder).map_err(Error::file("read", &folder))?;
    let mut names: Vec<String> = entries
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().trim_end_matches(".log").to_owned())
        .collect();
    names.sort();
    let Some(component) = component else {
        answer(&folder.display().to_string());
        names.iter().for_each(|name| answer(&format!("  {name}")));
        return Ok(());
    };
    if !names.iter().any(|name| name == component) {
        let known = names.join(", ");
        return Err(Error::Unknown { kind: "log", name: component.to_owned(), known });
    }
    let path = folder.join(format!("{component}.log"));
    let bytes = fs::read(&path).map_err(Error::file("read", &path))?;
    answer(&tail(&String::from_utf8_lossy(&bytes), LOG_LINES));
    Ok(())
}

fn split(args: &[String]) -> Result<(&str, &[String])> {
    let nothing = || Error::Machine("give the command to run after --".to_owned());
    let (program, args) = args.split_first().ok_or_else(nothing)?;
    Ok((program, args))
}

/// Becomes the command, so that signals and the exit code are its own.
fn replace(command: &mut Command) -> Result<ExitCode> {
    let program = command.get_program().to_string_lossy().into_owned();
    let source = command.exec();
    Err(Error::Start { program, source })
}
