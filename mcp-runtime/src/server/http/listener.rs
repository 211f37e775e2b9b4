//! A server that listens by itself.

use std::future::{Future, ready};
use std::io::{self, Write as _};
use std::pin::pin;
use std::sync::Arc;

use futures_util::future::Either;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt as _, StreamExt as _};
use http::{Request, StatusCode, Uri};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, ToSocketAddrs};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Duration, Instant, sleep, sleep_until, timeout};

use super::answer::Answer;
use super::authorization::is_metadata;
use super::settings::Settings;
use super::{Endpoint, StreamableHttp};
use crate::engine::after;
use crate::error::{Error, ErrorKind};
use crate::protocol::BoxFuture;
use crate::server::Server;
use crate::server::run::told_to_stop;
use crate::transport::http::{Activity, Socket};

impl StreamableHttp {
    /// Serves the connections of a listener, at [`path`](Self::path), until the server [is shut
    /// down](crate::ReadyServer::shutdown) or the program is told to stop, by Ctrl-C or `SIGTERM`; HTTP/1.1 and
    /// HTTP/2. Calls that run then have [a while](Server::drain_timeout) to end.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Startup`](crate::ErrorKind::Startup) when a hook of [`Server::on_start`] failed,
    /// [`ErrorKind::Io`](crate::ErrorKind::Io) when no connections can be accepted.
    pub async fn serve(self, listener: TcpListener) -> Result<(), Error> {
        self.serve_until(listener, told_to_stop()).await
    }

    /// The same, until `shutdown` is ready.
    ///
    /// # Errors
    ///
    /// As [`serve`](Self::serve).
    pub async fn serve_until(self, listener: TcpListener, shutdown: impl Future<Output = ()>) -> Result<(), Error> {
        self.accept(listener, shutdown, |stream| async { Ok(stream) }).await
    }

    /// The same over TLS. Where `config` names no protocols (ALPN), those are HTTP/2 and HTTP/1.1.
    ///
    /// # Errors
    ///
    /// As [`serve`](Self::serve).
    #[cfg(feature = "http-tls")]
    pub async fn serve_tls(
        self,
        listener: TcpListener,
        mut config: rustls::ServerConfig,
        shutdown: impl Future<Output = ()>,
    ) -> Result<(), Error> {
        if config.alpn_protocols.is_empty() {
            config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        }
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
        self.accept(listener, shutdown, move |stream| {
            let acceptor = acceptor.clone();
            async move { acceptor.accept(stream).await }
        })
        .await
    }

    /// Serves connections as `open` makes them.
    async fn accept<S, F>(
        self,
        listener: TcpListener,
        shutdown: impl Future<Output = ()>,
        open: impl Fn(TcpStream) -> F,
    ) -> Result<(), Error>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        F: Future<Output = io::Result<S>> + Send + 'static,
    {
        let endpoint = self.endpoint;
        endpoint.ready.lifespan.start().await?;
        let mut shutdown = pin!(shutdown);
        let stop = endpoint.ready.lifespan.stop.clone();
        let accept = async {
            loop {
                // Those who come while there is no room wait in the queue of the operating system.
                let Ok(permit) = endpoint.settings.connections.clone().acquire_owned().await else { return };
                match listener.accept().await {
                    Ok((stream, _)) => {
                        // Answers are written whole; nothing is gained by waiting for more.
                        _ = stream.set_nodelay(true);
                        let (endpoint, opened) = (endpoint.clone(), open(stream));
                        tokio::spawn(async move {
                            // Whoever does not get this far is not waited for.
                            match timeout(endpoint.settings.body_time, opened).await {
                                Ok(Ok(stream)) => connection(endpoint, stream, permit).await,
                                Ok(Err(error)) => tracing::debug!(%error, "a connection was not made"),
                                Err(_) => tracing::debug!("a connection took too long to be made"),
                            }
                        });
                    }
                    Err(error) if is_of_the_connection(&error) => {}
                    Err(error) => {
                        // There may be too many open files; that passes.
                        tracing::warn!(%error, "a connection could not be accepted");
                        sleep(Duration::from_millis(100)).await;
                    }
                }
            }
        };
        tokio::select! {
            () = accept => {}
            () = &mut shutdown => {}
            () = stop.cancelled() => {}
        }
        drop(listener);
        endpoint.ready.shutdown().await;
        Ok(())
    }
}

impl Server {
    /// Serves over HTTP at `http://{address}/mcp`, until the program is told to stop by Ctrl-C or `SIGTERM`; see
    /// [`StreamableHttp`] for what can be set. An address of this machine only, such as `127.0.0.1:8000`, is the
    /// one to begin with.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`](crate::ErrorKind::Configuration) when what the server was built from does not
    /// fit together, [`ErrorKind::Io`](crate::ErrorKind::Io) when the address cannot be listened to, and as
    /// [`StreamableHttp::serve`].
    pub async fn serve_http(self, address: impl ToSocketAddrs) -> Result<(), Error> {
        let listener = TcpListener::bind(address).await?;
        self.serve_http_on(listener).await
    }

    /// The same for the address of a command line; says where it serves.
    pub(crate) async fn serve_http_at(self, address: &str) -> Result<(), Error> {
        let listener = TcpListener::bind(address).await.map_err(|error| {
            Error::new(ErrorKind::Io, format!("`{address}` cannot be listened to")).with_source(error)
        })?;
        let line = format!("{}: serving at http://{}/mcp\n", self.info.name, listener.local_addr()?);
        io::stderr().write_all(line.as_bytes())?;
        self.serve_http_on(listener).await
    }

    /// Behind a pointer, so that it is compiled here, and not with every server.
    fn serve_http_on(self, listener: TcpListener) -> BoxFuture<'static, Result<(), Error>> {
        Box::pin(async move { self.build()?.http().serve(listener).await })
    }
}

/// Of one client that is gone already.
fn is_of_the_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionRefused
    )
}

/// What a connection goes by beside what is asked on it.
enum Due {
    /// The server ends.
    Stop,
    /// It has taken too long with that.
    Over,
    /// Nothing may have gone on for a while.
    Idle,
    /// The head of a request may have been on its way for too long.
    Head,
}

/// Lets a connection end when what goes on on it has ended. A macro, since its type cannot be written.
macro_rules! end {
    ($connection:expr) => {
        match $connection.as_mut().as_pin_mut() {
            Either::Left(connection) => connection.graceful_shutdown(),
            Either::Right(connection) => connection.graceful_shutdown(),
        }
    };
}

/// How long a connection that ends may take to be over.
const GRACE: Duration = Duration::from_secs(1);

async fn connection(
    endpoint: Arc<Endpoint>,
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    _permit: OwnedSemaphorePermit,
) {
    let Endpoint { settings, ready: server, .. } = &*endpoint;
    let _counted = server.connections.count();
    let activity = Arc::<Activity>::default();
    let opened = Socket::open(stream, settings.idle_time, activity.clone());
    let opened = tokio::select! {
        opened = timeout(settings.idle_time, opened) => opened,
        () = server.lifespan.stop.cancelled() => return,
    };
    // Most who say nothing have only looked whether somebody is there.
    let Ok(Ok((socket, is_http2))) = opened else { return };
    let (served, counted) = (endpoint.clone(), activity.clone());
    let service = service_fn(move |request: Request<Incoming>| {
        let active = counted.begin();
        match is_served(&served.settings, request.uri()) {
            true => served.clone().answer(request, Some(active)),
            false => Box::pin(ready(Ok(nothing_beside(&served.settings.path).into_response(Some(active))))),
        }
    });
    let mut connection = pin!(if is_http2 {
        let mut builder = http2::Builder::new(TokioExecutor::new());
        builder
            .timer(TokioTimer::new())
            .max_header_list_size(64 << 10)
            .keep_alive_interval(settings.idle_time)
            .max_concurrent_streams(256);
        Either::Right(builder.serve_connection(TokioIo::new(socket), service))
    } else {
        let mut builder = http1::Builder::new();
        // A timer for each of them costs more than it does to read it.
        builder.header_read_timeout(None).max_buf_size(64 << 10);
        Either::Left(builder.serve_connection(TokioIo::new(socket), service))
    });
    // Apart from the connection, and looked at only when one of them is there.
    let mut dues: FuturesUnordered<BoxFuture<'_, Due>> = FuturesUnordered::new();
    let idle = || sleep(settings.idle_time).map(|()| Due::Idle);
    dues.push(Box::pin(server.lifespan.stop.cancelled().map(|()| Due::Stop)));
    dues.push(Box::pin(idle()));
    // Seldom enough to cost nothing, however short the time is.
    let head = || sleep((settings.body_time / 2).max(Duration::from_millis(10))).map(|()| Due::Head);
    if !is_http2 {
        dues.push(Box::pin(head()));
    }
    let (mut seen, mut in_head) = (0, None);
    loop {
        tokio::select! {
            // It costs something to be fair, and nothing here comes often.
            biased;
            served = connection.as_mut() => {
                if let Err(error) = served {
                    tracing::debug!(%error, "a connection broke");
                }
                return;
            }
            Some(due) = dues.next() => match due {
                Due::Stop => {
                    end!(connection);
                    // What was answered by then has to be read, too.
                    dues.push(Box::pin(sleep_until(after(server.limits.drain) + GRACE).map(|()| Due::Over)));
                }
                Due::Over => return,
                Due::Idle => {
                    match activity.idle_since() {
                        Some(now) if now == seen => break,
                        Some(now) => seen = now,
                        None => {}
                    }
                    dues.push(Box::pin(idle()));
                }
                Due::Head => {
                    in_head = match (activity.in_head_since(), in_head) {
                        (Some(now), Some((before, since))) if now == before => Some((before, since)),
                        (Some(now), _) => Some((now, Instant::now())),
                        (None, _) => None,
                    };
                    if in_head.is_some_and(|(_, since)| since.elapsed() >= settings.body_time) {
                        tracing::debug!("a request took too long to arrive");
                        return;
                    }
                    dues.push(Box::pin(head()));
                }
            },
        }
    }
    end!(connection);
    _ = timeout(GRACE, connection).await;
}

fn nothing_beside(path: &str) -> Answer {
    let message = format!("there is nothing at this path; the server is at `{path}`");
    Answer::refused(StatusCode::NOT_FOUND, &message)
}

/// Whether there is something at this path.
fn is_served(settings: &Settings, uri: &Uri) -> bool {
    if uri.path() == &*settings.path || (settings.authorization.is_some() && is_metadata(uri)) {
        return true;
    }
    #[cfg(feature = "http-sse")]
    return settings.has_sse && is_beside(uri, &settings.path);
    #[cfg(not(feature = "http-sse"))]
    return false;
}

/// Whether it is one of the paths of the deprecated transport.
#[cfg(feature = "http-sse")]
fn is_beside(uri: &Uri, path: &str) -> bool {
    let parent = path.rsplit_once('/').map_or("", |(parent, _)| parent);
    let own = uri.path().strip_prefix(parent);
    super::sse_2024::place(uri).is_some() && own.is_some_and(|own| own.matches('/').count() == 1)
}
