use std::fmt;
use std::future::Future;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Duration, timeout_at};

use super::connection::{self, Limits};
use super::lifespan::Lifespan;
use super::live::Live;
use crate::codec::Encoder;
use crate::dispatch::Dispatcher;
use crate::engine::after;
use crate::error::Error;
use crate::protocol::Extensions;
use crate::tally::Tally;
use crate::transport::Transport;

/// A server that fits together and is ready for connections: any number, at the same time. They share what
/// it offers, its states, calls that wait and tasks. Made by [`Server::build`](crate::Server::build); clones are the same server.
///
/// ```no_run
/// use mcp_runtime::prelude::*;
///
/// # async fn listen() -> Result<()> {
/// let server = Server::new("catalog").build()?;
/// let listener = tokio::net::TcpListener::bind("127.0.0.1:7000").await?;
/// loop {
///     let (stream, _) = listener.accept().await?;
///     let server = server.clone();
///     tokio::spawn(async move { server.serve(stream).await });
/// }
/// # }
/// ```
#[derive(Clone)]
#[must_use = "a server does nothing until it serves"]
pub struct ReadyServer {
    pub(super) live: Arc<Live>,
    pub(super) dispatcher: Arc<Dispatcher>,
    pub(super) encoder: Arc<Encoder>,
    pub(super) limits: Limits,
    pub(super) extensions: Extensions,
    pub(super) lifespan: Arc<Lifespan>,
    pub(super) connections: Tally,
    /// What carries the messages of its connections, as OpenTelemetry calls it, if that is known.
    pub(super) transport: Option<&'static str>,
    /// Whether what it seals ends with this process.
    #[cfg_attr(
        not(feature = "http"),
        expect(dead_code, reason = "over other transports a process has its clients for itself")
    )]
    pub(super) is_key_made_up: bool,
}

impl ReadyServer {
    /// Serves one connection until the client ends it or the server [is shut down](Self::shutdown). The first one
    /// waits for the hooks of [`Server::on_start`](crate::Server::on_start).
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Startup`](crate::ErrorKind::Startup) when such a hook failed,
    /// [`ErrorKind::Io`](crate::ErrorKind::Io) when reading or writing fails.
    pub async fn serve(&self, transport: impl Transport) -> Result<(), Error> {
        self.clone().serve_one(transport).await
    }

    /// The same for a connection of which something is known, as for
    /// [`Server::serve_with`](crate::Server::serve_with).
    ///
    /// # Errors
    ///
    /// As [`serve`](Self::serve).
    pub async fn serve_with(&self, transport: impl Transport, extensions: Extensions) -> Result<(), Error> {
        Self { extensions, ..self.clone() }.serve_one(transport).await
    }

    async fn serve_one(mut self, transport: impl Transport) -> Result<(), Error> {
        self.transport = transport.network().or(self.transport);
        let (reader, writer) = transport.split();
        self.serve_until(reader, writer, std::future::pending()).await
    }

    pub(crate) async fn serve_until(
        &self,
        reader: impl AsyncRead + Unpin,
        writer: impl AsyncWrite + Unpin,
        shutdown: impl Future<Output = ()>,
    ) -> Result<(), Error> {
        let _counted = self.connections.count();
        let shutdown = async {
            tokio::select! {
                () = shutdown => {}
                () = self.lifespan.stop.cancelled() => {}
            }
        };
        let mut shutdown = std::pin::pin!(shutdown);
        tokio::select! {
            biased;
            () = &mut shutdown => return Ok(()),
            started = self.lifespan.start() => started?,
        }
        connection::serve(self, reader, writer, shutdown).await.map_err(Error::from)
    }

    /// Serves one connection, and then shuts down.
    pub(crate) async fn serve_only(
        &self,
        reader: impl AsyncRead + Unpin,
        writer: impl AsyncWrite + Unpin,
        shutdown: impl Future<Output = ()>,
    ) -> Result<(), Error> {
        let served = self.serve_until(reader, writer, shutdown).await;
        self.shutdown().await;
        served
    }

    /// Ends the server: reads nothing more, gives calls and tasks that run [a while](crate::Server::drain_timeout) to
    /// end, and background work too, and ends subscriptions. Calls and tasks that wait for answers are dropped: what
    /// their clients have of them is good for other servers with the same key and stores. When nothing runs any more,
    /// it runs the hooks of [`Server::on_shutdown`](crate::Server::on_shutdown).
    pub async fn shutdown(&self) {
        self.lifespan.stop.cancel();
        let time = self.limits.drain;
        // Whoever does not read what it is told may keep its connection, and not the server.
        let deadline = after(time) + Duration::from_secs(2);
        if timeout_at(deadline, self.connections.none()).await.is_err() {
            tracing::warn!(connections = self.connections.len(), "connections were left: they did not end in time");
        }
        tokio::join!(self.dispatcher.end(time), self.lifespan.end_background(time));
        self.lifespan.end().await;
    }
}

impl fmt::Debug for ReadyServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadyServer").field("connections", &self.connections.len()).finish_non_exhaustive()
    }
}
