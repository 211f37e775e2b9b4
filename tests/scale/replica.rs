//! Replicas: processes with one shared `MCP_STATE_KEY`, and nothing else that they share.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU16, Ordering};

use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStderr, Command};

/// A process that serves at an address which stays the same when it is started again.
#[derive(Debug)]
pub(crate) struct Replica {
    pub(crate) address: SocketAddr,
    world: PathBuf,
    child: Child,
    _stderr: Lines<BufReader<ChildStderr>>,
}

impl Replica {
    /// Starts one whose tools act on this world.
    pub(crate) async fn start(world: &Path) -> Self {
        loop {
            let address = free_address();
            if let Some((child, stderr)) = spawn(address, world).await {
                return Self { address, world: world.to_owned(), child, _stderr: stderr };
            }
        }
    }

    /// Kills it without a word, and starts it again.
    pub(crate) async fn kill(&mut self) {
        self.child.kill().await.expect("it can be killed");
        self.start_again().await;
    }

    /// Asks it to end; says how it did.
    pub(crate) async fn terminate(&mut self) -> ExitStatus {
        let id = self.child.id().expect("it runs").to_string();
        let told = Command::new("kill").args(["-TERM", &id]).status().await.expect("kill runs");
        assert!(told.success());
        self.child.wait().await.expect("it ends")
    }

    /// Starts it at the same address, after it has ended.
    pub(crate) async fn start_again(&mut self) {
        let started = spawn(self.address, &self.world).await;
        (self.child, self._stderr) = started.unwrap_or_else(|| panic!("{} is taken", self.address));
    }
}

/// An address that nobody else takes while nobody listens: no replica of another test, and, since it is below the
/// ports that systems choose, no connection of a client.
pub(crate) fn free_address() -> SocketAddr {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    static FIRST: LazyLock<u16> = LazyLock::new(|| (uuid::Uuid::new_v4().as_u128() % 10_000) as u16);
    loop {
        let port = 20_000 + (*FIRST + NEXT.fetch_add(1, Ordering::Relaxed)) % 10_000;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return SocketAddr::from(([127, 0, 0, 1], port));
        }
    }
}

/// `None` if the address is taken.
async fn spawn(address: SocketAddr, world: &Path) -> Option<(Child, Lines<BufReader<ChildStderr>>)> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fixture"));
    command
        .args(["--http", &address.to_string()])
        .env("FIXTURE_SERVER", "scaled")
        .env("FIXTURE_WORLD", world)
        .env("MCP_STATE_KEY", "5c".repeat(32))
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    let mut child = command.spawn().expect("it starts");
    let mut lines = BufReader::new(child.stderr.take().expect("a pipe")).lines();
    let line = lines.next_line().await.expect("text")?;
    if line.contains("cannot be listened to") {
        return None;
    }
    assert!(line.contains("serving at"), "{line}");
    Some((child, lines))
}
