//! `install`: copies the agent itself to where the Redis container finds it.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

/// Copies this program to `path`, executable for all. An older copy is replaced in one step.
///
/// # Errors
/// What the file system says.
pub fn install(path: &Path) -> io::Result<()> {
    let new = path.with_extension("new");
    fs::copy(std::env::current_exe()?, &new)?;
    fs::set_permissions(&new, fs::Permissions::from_mode(0o755))?;
    fs::rename(new, path)
}
