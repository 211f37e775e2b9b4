//! A server of the official Rust SDK.

use std::sync::Arc;

use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use mcp_tests::checked;
use mcp_tests::peers::Peer;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use tokio::net::TcpListener;
use tokio::process::Command;
use tower_service::Service as _;

use crate::theirs::Theirs;
use crate::waiter::Waiter;
use crate::{BOTH, Tells, sees_all};

#[tokio::test]
async fn a_server_of_the_rust_sdk_shows_all() {
    let command = || Command::new(env!("CARGO_BIN_EXE_rmcp-server"));
    for (era, version) in BOTH {
        sees_all(&Theirs::Stdio(&command), Peer::Rmcp, "stdio", era, version, Tells::OfResources).await;
    }

    let waiter = Waiter::default();
    let (sessions, config) = (Arc::<LocalSessionManager>::default(), StreamableHttpServerConfig::default());
    let service = StreamableHttpService::new(move || Ok(waiter.clone()), sessions, config);
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("there is a port");
    let url = format!("http://{}/mcp", listener.local_addr().expect("it has an address"));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let service = service.clone();
            let serve = hyper::service::service_fn(move |request| service.clone().call(request));
            let connection = auto::Builder::new(TokioExecutor::new());
            tokio::spawn(async move { connection.serve_connection(TokioIo::new(stream), serve).await.map_err(drop) });
        }
    });
    for (era, version) in BOTH {
        let http = || checked::other::http(&*url);
        sees_all(&Theirs::Made(&http), Peer::Rmcp, "HTTP", era, version, Tells::OfResources).await;
    }
}
