//! HTTP without a framework: hyper, and nothing else.

use std::convert::Infallible;
use std::io;

use http_body_util::{BodyExt as _, Collected, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

/// Answers a message, bare.
pub type Answer = fn(&[u8], &mut Vec<u8>);

/// Answers what is posted, whatever its headers say.
///
/// # Errors
///
/// When no connections can be accepted any more.
pub async fn bare_http(listener: TcpListener, answer: Answer) -> io::Result<()> {
    let service = service_fn(move |request: Request<Incoming>| async move {
        let body = request.into_body().collect().await.map(Collected::to_bytes).unwrap_or_default();
        let mut out = Vec::new();
        answer(&body, &mut out);
        let response = Response::builder().header("content-type", "application/json");
        Ok::<_, Infallible>(response.body(Full::new(Bytes::from(out))).unwrap_or_default())
    });
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}
