//! A server of the official Rust SDK, on its standard streams.

mod waiter;

use rmcp::ServiceExt as _;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    waiter::Waiter::default().serve(rmcp::transport::stdio()).await?.waiting().await?;
    Ok(())
}
