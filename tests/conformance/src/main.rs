//! The server that the conformance suite is run against, as a program.

use mcp_runtime::prelude::*;

#[tokio::main]
async fn main() -> Result<()> {
    mcp_conformance::server().run().await
}
