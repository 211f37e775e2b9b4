//! A server as a whole program.

use std::ffi::OsString;
use std::future::Future;
use std::io::{self, Write as _};
use std::panic::resume_unwind;

use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::task::{JoinError, JoinSet};
use tracing::Instrument as _;

use super::{ReadyServer, Server};
use crate::context::ToolError;
use crate::error::Error;
use crate::protocol::BoxFuture;
use crate::telemetry::current;
use crate::transport::Stdio;

/// What the built-in command line asks for.
#[derive(Debug, PartialEq, Eq)]
enum Command {
    Serve,
    /// Over HTTP, at this address.
    Http(String),
    Help,
    Version,
    Wrong(String),
}

impl Server {
    /// Runs the server as this program, as its command line says: on the standard streams; with
    /// `--http 127.0.0.1:8000` over HTTP at that address, which needs the feature `http`; or `--help` or
    /// `--version`. Anything else is an error on standard error, and the program ends with status 2.
    ///
    /// Programs with a command line of their own call [`Server::serve_stdio`]. The error is of the
    /// type that `main` returns with [`prelude::Result`](crate::prelude::Result).
    ///
    /// # Errors
    ///
    /// Like [`Server::serve_stdio`].
    pub fn run(self) -> impl Future<Output = Result<(), ToolError>> + Send {
        self.run_with(std::env::args_os().skip(1))
    }

    /// Like [`Server::run`], with these arguments instead of the program's own.
    ///
    /// # Errors
    ///
    /// Like [`Server::serve_stdio`].
    pub fn run_with<A: Into<OsString>>(
        self,
        args: impl IntoIterator<Item = A>,
    ) -> impl Future<Output = Result<(), ToolError>> + Send {
        self.ran(args.into_iter().map(Into::into).collect())
    }

    /// Behind a pointer, so that it is compiled here, and not with every server.
    fn ran(self, args: Vec<OsString>) -> BoxFuture<'static, Result<(), ToolError>> {
        Box::pin(self.run_as(command(args.into_iter())))
    }

    async fn run_as(self, command: Command) -> Result<(), ToolError> {
        let name = &self.info.name;
        match command {
            Command::Serve => self.serve_stdio().await?,
            #[cfg(feature = "http")]
            Command::Http(address) => self.serve_http_at(&address).await?,
            #[cfg(not(feature = "http"))]
            Command::Http(_) => {
                let message =
                    "`--http` needs the feature `http` of the crate `mcp-runtime`, which this program lacks\n";
                io::stderr().write_all(format!("{name}: {message}").as_bytes())?;
                std::process::exit(2);
            }
            Command::Help => {
                let help = format!(
                    "{name} {}, a Model Context Protocol server on its standard streams, or over HTTP\n\n\
                     Usage: {name} [--http ADDRESS | --help | --version]\n\n\
                     Options:\n  \
                     --http ADDRESS  serves at http://ADDRESS/mcp; ADDRESS is like 127.0.0.1:8000\n",
                    self.info.version
                );
                io::stdout().write_all(help.as_bytes())?;
            }
            Command::Version => io::stdout().write_all(format!("{name} {}\n", self.info.version).as_bytes())?,
            Command::Wrong(argument) => {
                let message = format!("{name}: unexpected argument `{argument}`; see `{name} --help`\n");
                io::stderr().write_all(message.as_bytes())?;
                std::process::exit(2);
            }
        }
        Ok(())
    }

    /// Serves on the standard streams until the input ends, or the program is told to stop by
    /// Ctrl-C or `SIGTERM`. Calls that run then have [a while](Server::drain_timeout) to end.
    ///
    /// While it serves, what the program prints to standard output goes to standard error, and
    /// child processes do not inherit its input, so that neither can break the protocol (Unix).
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`](crate::ErrorKind::Configuration) when what the server was
    /// built from does not fit together, [`ErrorKind::Io`](crate::ErrorKind::Io) when reading or
    /// writing fails, or the standard streams are served already.
    pub fn serve_stdio(self) -> impl Future<Output = Result<(), Error>> + Send {
        self.stdio_served()
    }

    /// Behind a pointer, so that it is compiled here, and not with every server.
    fn stdio_served(self) -> BoxFuture<'static, Result<(), Error>> {
        Box::pin(async move {
            let ready = ReadyServer { transport: Some("pipe"), ..self.build()? };
            let (stdio, stop) = (Stdio::take()?, told_to_stop());
            let served = async move { ready.serve_only(stdio.reader, stdio.writer, stop).await };
            match among_workers(Box::pin(served)).await {
                // The client closed its end; it will not miss what could not be written.
                Err(error) if is_broken_pipe(&error) => Ok(()),
                other => other,
            }
        })
    }
}

/// Runs it where a runtime of several threads waits for input: elsewhere, each message would wake one thread that wakes
/// another one. It is cancelled if nobody waits for it any more.
async fn among_workers<T: Send + 'static>(future: BoxFuture<'static, T>) -> T {
    if Handle::current().runtime_flavor() == RuntimeFlavor::CurrentThread {
        return future.await;
    }
    let mut only = JoinSet::new();
    only.spawn(future.instrument(current()));
    match only.join_next().await.map(|ended| ended.map_err(JoinError::try_into_panic)) {
        Some(Ok(output)) => output,
        Some(Err(Ok(panic))) => resume_unwind(panic),
        // The runtime ends, and with it whoever waits here.
        Some(Err(Err(_))) | None => std::future::pending().await,
    }
}

fn is_broken_pipe(error: &Error) -> bool {
    let source = std::error::Error::source(error).and_then(|source| source.downcast_ref::<io::Error>());
    source.is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

fn command(args: impl Iterator<Item = OsString>) -> Command {
    let (mut args, mut command) = (args, Command::Serve);
    while let Some(argument) = args.next() {
        command = match argument.to_str() {
            Some("--http") => match args.next().and_then(|address| address.into_string().ok()) {
                Some(address) => Command::Http(address),
                None => return Command::Wrong("--http".to_owned()),
            },
            Some(http) if http.starts_with("--http=") => Command::Http(http["--http=".len()..].to_owned()),
            Some("--help" | "-h") => Command::Help,
            Some("--version" | "-V") => Command::Version,
            _ => return Command::Wrong(argument.to_string_lossy().into_owned()),
        };
    }
    command
}

/// Ready when the program is told to stop; it listens from the call on, not from the first poll.
#[cfg(unix)]
pub(super) fn told_to_stop() -> impl Future<Output = ()> {
    use tokio::signal::unix::{SignalKind, signal};
    let signals = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()));
    async move {
        // Without signals, the end of input is what stops the server.
        let (Ok(mut interrupt), Ok(mut terminate)) = signals else { return std::future::pending().await };
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    }
}

/// Ready when the program is told to stop.
#[cfg(not(unix))]
pub(super) async fn told_to_stop() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_read_strictly() {
        let read = |args: &[&str]| command(args.iter().map(OsString::from));
        assert_eq!(read(&[]), Command::Serve);
        assert_eq!(read(&["--help"]), Command::Help);
        assert_eq!(read(&["--version"]), Command::Version);
        assert_eq!(read(&["--http", "127.0.0.1:0"]), Command::Http("127.0.0.1:0".to_owned()));
        assert_eq!(read(&["--http=[::1]:8000"]), Command::Http("[::1]:8000".to_owned()));
        assert_eq!(read(&["--http"]), Command::Wrong("--http".to_owned()));
        assert_eq!(read(&["--version", "x"]), Command::Wrong("x".to_owned()));
    }
}
