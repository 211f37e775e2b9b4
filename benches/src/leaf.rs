//! Packages that are written and built here, outside of the workspace.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::Result;

/// Writes a program with these dependencies. It has the versions that the workspace has.
pub(crate) fn write(directory: &Path, dependencies: &str, profile: &str, source: &str) -> Result<()> {
    fs::create_dir_all(directory.join("src"))?;
    let manifest = format!(
        "[package]\nname = \"leaf\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[workspace]\n\n[dependencies]\n{dependencies}\n\n\
         [profile.release]\n{profile}\n"
    );
    fs::write(directory.join("Cargo.toml"), manifest)?;
    let lock = Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.lock");
    if !directory.join("Cargo.lock").exists() {
        fs::copy(lock, directory.join("Cargo.lock"))?;
    }
    fs::write(directory.join("src/main.rs"), source)?;
    Ok(())
}

/// Runs cargo there; returns what it prints.
pub(crate) fn cargo(directory: &Path, args: &[&str]) -> Result<String> {
    let output = Command::new(env!("CARGO"))
        .current_dir(directory)
        .env("CARGO_TARGET_DIR", directory.join("target"))
        .args(args)
        .stdin(Stdio::null())
        .output()?;
    if output.status.success() {
        return Ok(String::from_utf8(output.stdout)?);
    }
    Err(format!("cargo {args:?} in {}: {}", directory.display(), String::from_utf8_lossy(&output.stderr)).into())
}
