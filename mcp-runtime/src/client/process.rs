//! A server as a child process: started, and ended as the specification says.

use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::error::{Error, ErrorKind};

/// How long a server may take to end when its input is closed.
const CLOSED: Duration = Duration::from_secs(5);
/// How long it may take after `SIGTERM`.
#[cfg(unix)]
const TERMINATED: Duration = Duration::from_secs(2);

/// Where the standard error of a child process goes.
#[derive(Clone)]
pub(super) enum Stderr {
    Inherit,
    Lines(Arc<dyn Fn(&str) + Send + Sync>),
}

/// A child process and the task that sees to its end.
pub(super) struct Process {
    /// Dropped when the process shall end.
    _alive: oneshot::Sender<()>,
    ended: JoinHandle<std::io::Result<()>>,
}

impl Process {
    pub(super) fn start(command: &mut Command, stderr: &Stderr) -> Result<(Self, ChildStdin, ChildStdout), Error> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        command.stderr(match stderr {
            Stderr::Inherit => Stdio::inherit(),
            Stderr::Lines(_) => Stdio::piped(),
        });
        let mut child = command.spawn().map_err(|error| {
            let program = command.as_std().get_program().to_string_lossy().into_owned();
            Error::new(ErrorKind::Io, format!("the server `{program}` could not be started")).with_source(error)
        })?;
        let (Some(stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(Error::new(ErrorKind::Io, "the server was started without its standard streams"));
        };
        if let (Stderr::Lines(listener), Some(stderr)) = (stderr, child.stderr.take()) {
            let listener = listener.clone();
            tokio::spawn(async move {
                let mut lines = BufReader::new(stderr).split(b'\n');
                while let Ok(Some(line)) = lines.next_segment().await {
                    listener(&String::from_utf8_lossy(&line));
                }
            });
        }
        let (alive, wanted) = oneshot::channel();
        let ended = tokio::spawn(async move {
            // Only ever dropped: then the client is gone, and with it the writer of the input.
            let _ = wanted.await;
            end(child).await
        });
        Ok((Self { _alive: alive, ended }, stdin, stdout))
    }

    /// Lets the process end and waits for it.
    pub(super) async fn ended(self) -> Result<(), Error> {
        let Self { _alive, ended } = self;
        drop(_alive);
        match ended.await {
            Ok(result) => result.map_err(Error::from),
            Err(error) => Err(Error::new(ErrorKind::Io, "the server could not be waited for").with_source(error)),
        }
    }
}

async fn end(mut child: Child) -> std::io::Result<()> {
    if let Ok(ended) = timeout(CLOSED, child.wait()).await {
        return ended.map(drop);
    }
    #[cfg(unix)]
    if let Some(pid) = child.id().and_then(|id| rustix::process::Pid::from_raw(i32::try_from(id).ok()?)) {
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        if let Ok(ended) = timeout(TERMINATED, child.wait()).await {
            return ended.map(drop);
        }
    }
    child.kill().await
}
