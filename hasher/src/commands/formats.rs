//! `hasher formats`: the registry, as a table, as JSON, or as the page of the documentation.

use std::io::Write as _;

use serde_json::json;

use super::output;
use crate::args::FormatsArgs;
use crate::formats::{Format, page, registry};

/// `hasher formats`.
///
/// # Errors
/// Standard output is gone.
pub fn formats(args: &FormatsArgs) -> anyhow::Result<()> {
    let mut out = output::stdout();
    if args.markdown {
        write!(out, "{}", page::markdown())?;
    } else if args.json {
        let list: Vec<_> = registry::all()
            .map(|format| {
                let Format { name, families, shape, about, .. } = format;
                json!({ "name": name, "families": families, "shape": shape, "about": about })
            })
            .collect();
        writeln!(out, "{}", serde_json::to_string_pretty(&list)?)?;
    } else {
        writeln!(out, "{:24}{:16}SHAPE", "NAME", "FAMILY")?;
        for Format { name, families, shape, .. } in registry::all() {
            let family = match families {
                [] => "(always)",
                [one] => one.as_str(),
                [first, ..] => &format!("{}, ...", first.as_str()),
            };
            writeln!(out, "{name:24}{family:16}{shape}")?;
        }
    }
    Ok(())
}
