//! What `up` has to do: nothing, mend, or begin anew. The order of the checks is the order of trust: a
//! record from before a reboot, or of an `up` that did not get through, is worth nothing.

use serde::{Deserialize, Serialize};

use super::sizes::NodeSize;

/// What a lab consists of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shape {
    /// The nodes; none for a control plane alone.
    pub nodes: Vec<NodeSize>,
}

impl Shape {
    /// The API server, its controllers and no node: enough for tests of scale.
    pub const CONTROL_PLANE: Self = Self { nodes: Vec::new() };

    /// `count` nodes of the default size.
    #[must_use]
    pub fn of_nodes(count: u8) -> Self {
        Self { nodes: vec![NodeSize::DEFAULT; usize::from(count)] }
    }
}

/// The lab as it was found.
#[derive(Clone, Debug)]
pub struct Found {
    /// Its shape.
    pub shape: Shape,
    /// The last `up` got to its end.
    pub complete: bool,
    /// It was started since the machine was.
    pub same_boot: bool,
    /// It was started with the tools that are current now.
    pub same_tools: bool,
    /// Components that should run and do not.
    pub dead: Vec<String>,
    /// Faults still in force: links cut, processes stopped.
    pub faults: Vec<String>,
}

/// The next thing for `up` to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// It is up.
    Nothing,
    /// It is up but for some parts; start these and undo the faults.
    Mend,
    /// Clear away whatever is there and begin anew, for the reason given.
    Fresh(&'static str),
}

/// A lab of that name is up and is another one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "this lab is up with {found}, asked for was {wanted}; `lab down` it first or give another --name"
)]
pub struct ShapeError {
    found: String,
    wanted: String,
}

/// Decides what `up` does.
///
/// # Errors
/// When a healthy lab of another shape has the name: it may be in use, so it is not replaced.
pub fn next(found: Option<&Found>, wanted: &Shape) -> Result<Next, ShapeError> {
    let Some(found) = found else { return Ok(Next::Fresh("there is none")) };
    if !found.same_boot {
        return Ok(Next::Fresh("the machine was restarted since"));
    }
    if !found.complete {
        return Ok(Next::Fresh("the last run did not finish"));
    }
    if found.shape != *wanted {
        return Err(ShapeError { found: describe(&found.shape), wanted: describe(wanted) });
    }
    if !found.same_tools {
        return Ok(Next::Fresh("it runs other versions of the tools"));
    }
    if found.dead.is_empty() && found.faults.is_empty() {
        return Ok(Next::Nothing);
    }
    Ok(Next::Mend)
}

/// A shape in words.
#[must_use]
pub fn describe(shape: &Shape) -> String {
    if shape.nodes.is_empty() {
        return "the control plane alone".to_owned();
    }
    let sizes: Vec<String> = shape.nodes.iter().map(ToString::to_string).collect();
    format!("{} nodes ({})", shape.nodes.len(), sizes.join("; "))
}

#[cfg(test)]
mod tests;
