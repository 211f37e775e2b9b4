//! What a connection is made of, wherever it comes from.

use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadHalf, WriteHalf};
use tokio::net::TcpStream;
use tokio::net::tcp;
#[cfg(unix)]
use tokio::net::{UnixStream, unix};

/// A connection between a client and a server: a stream of bytes each way, one message a line ([specification]).
///
/// [`Server::serve`](crate::Server::serve) and [`ReadyServer::serve`](crate::ReadyServer::serve) take one, and so does
#[cfg_attr(feature = "client", doc = "[`Client::over`](crate::Client::over).")]
#[cfg_attr(not(feature = "client"), doc = "`Client::over`.")]
/// It is there for Unix sockets, TCP, pipes in memory, and any pair of a reader and a writer; what carries whole
/// messages, such as a WebSocket, becomes one through [`Messages`](crate::Messages).
///
/// Servers and clients of all protocol versions are the same over all of them. Who may connect is for whoever listens
/// to find out, and to say with [`ReadyServer::serve_with`](crate::ReadyServer::serve_with). Streamable HTTP is no
/// transport in this sense: its messages do not belong to connections.
///
/// ```
/// use mcp_runtime::Transport;
/// use tokio::io::{ReadHalf, WriteHalf};
/// use tokio::net::TcpStream;
///
/// /// A connection through a tunnel.
/// struct Tunnel(TcpStream);
///
/// impl Transport for Tunnel {
///     type Reader = ReadHalf<TcpStream>;
///     type Writer = WriteHalf<TcpStream>;
///
///     fn split(self) -> (Self::Reader, Self::Writer) {
///         tokio::io::split(self.0)
///     }
///
///     fn network(&self) -> Option<&'static str> {
///         Some("tcp")
///     }
/// }
/// ```
///
/// [specification]: https://modelcontextprotocol.io/specification/2026-07-28/basic/transports#custom-transports
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no connection to serve on or to connect over",
    label = "this is no `Transport`",
    note = "pass a Unix socket, a TCP connection or a pair `(reader, writer)`; make one of another stream with \
            `tokio::io::split(stream)`, and of whole messages with `mcp_runtime::Messages`"
)]
pub trait Transport: Send + 'static {
    /// What comes from the other end. When it ends, so does the connection.
    type Reader: AsyncRead + Unpin + Send + 'static;
    /// What goes to the other end. It is shut down when nothing more is said.
    type Writer: AsyncWrite + Unpin + Send + 'static;

    /// Takes the two directions apart.
    fn split(self) -> (Self::Reader, Self::Writer);

    /// What carries the bytes, as traces and measurements call it (`network.transport`): `pipe`, `tcp`, `unix`, or
    /// `quic`. `None`, the default, says nothing.
    fn network(&self) -> Option<&'static str> {
        None
    }
}

/// Any two streams.
impl<R, W> Transport for (R, W)
where
    R: AsyncRead + Unpin + Send + 'static,
    W: AsyncWrite + Unpin + Send + 'static,
{
    type Reader = R;
    type Writer = W;

    fn split(self) -> (R, W) {
        self
    }
}

/// One end of a pipe in memory.
impl Transport for DuplexStream {
    type Reader = ReadHalf<Self>;
    type Writer = WriteHalf<Self>;

    fn split(self) -> (Self::Reader, Self::Writer) {
        tokio::io::split(self)
    }
}

/// A connection whose messages go out at once (`TCP_NODELAY`).
impl Transport for TcpStream {
    type Reader = tcp::OwnedReadHalf;
    type Writer = tcp::OwnedWriteHalf;

    fn split(self) -> (Self::Reader, Self::Writer) {
        if let Err(error) = self.set_nodelay(true) {
            tracing::debug!(%error, "small messages may be held back");
        }
        self.into_split()
    }

    fn network(&self) -> Option<&'static str> {
        Some("tcp")
    }
}

/// A connection to a socket in the file system.
#[cfg(unix)]
impl Transport for UnixStream {
    type Reader = unix::OwnedReadHalf;
    type Writer = unix::OwnedWriteHalf;

    fn split(self) -> (Self::Reader, Self::Writer) {
        self.into_split()
    }

    fn network(&self) -> Option<&'static str> {
        Some("unix")
    }
}

/// The client's end of a named pipe.
#[cfg(windows)]
impl Transport for tokio::net::windows::named_pipe::NamedPipeClient {
    type Reader = ReadHalf<Self>;
    type Writer = WriteHalf<Self>;

    fn split(self) -> (Self::Reader, Self::Writer) {
        tokio::io::split(self)
    }

    fn network(&self) -> Option<&'static str> {
        Some("pipe")
    }
}

/// The server's end of a named pipe.
#[cfg(windows)]
impl Transport for tokio::net::windows::named_pipe::NamedPipeServer {
    type Reader = ReadHalf<Self>;
    type Writer = WriteHalf<Self>;

    fn split(self) -> (Self::Reader, Self::Writer) {
        tokio::io::split(self)
    }

    fn network(&self) -> Option<&'static str> {
        Some("pipe")
    }
}
