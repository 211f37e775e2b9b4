//! Serves [`everything`] on the standard streams.

use mcp_runtime::prelude::*;

#[tokio::main]
async fn main() -> Result<()> {
    everything::server().run().await
}
