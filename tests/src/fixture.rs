//! The server of all test tools, or one of the others, as its environment says; on standard input and output, or
//! with `--http` over HTTP.

use std::sync::Arc;
use std::time::Duration;

use mcp_runtime::prelude::*;

#[tokio::main]
async fn main() -> Result<()> {
    // What calls leave running must not keep a test waiting.
    let world = std::env::var_os("FIXTURE_WORLD").map(|file| Arc::new(mcp_tests::World::in_file(file)));
    let server = match std::env::var("FIXTURE_SERVER").as_deref() {
        Ok("shop") => mcp_tests::server_in(Arc::default(), world).tools(mcp_tests::shop::tools()),
        Ok("changing") => mcp_tests::changing::server().0,
        Ok("completing") => mcp_tests::completing::server(),
        Ok("whole") => mcp_tests::whole::server(),
        Ok("scaled") => return mcp_tests::scaled::server(world.unwrap_or_default()).run().await,
        Ok("library") => mcp_tests::library::server(world.unwrap_or_default()),
        _ => mcp_tests::server_in(Arc::default(), world),
    };
    let drain = match std::env::var("FIXTURE_DRAIN_SECONDS") {
        Ok(seconds) => Duration::from_secs(seconds.parse()?),
        Err(_) => Duration::from_millis(500),
    };
    let mut server = server.drain_timeout(drain).task_poll_interval(Duration::from_millis(10));
    if let Ok(calls) = std::env::var("FIXTURE_CALLS_IN_FLIGHT") {
        server = server.max_calls_in_flight(calls.parse()?);
    }
    if let Ok(resume) = std::env::var("FIXTURE_RESUME") {
        server = server.resume(resume.parse()?);
    }
    if std::env::var_os("FIXTURE_MASK_ERRORS").is_some() {
        server = server.mask_errors(true);
    }
    server.run().await
}
