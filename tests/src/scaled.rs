//! Tools for replicas that are killed: whatever they do to the world outside can be counted there.

use std::time::Duration;

use mcp_runtime::Metrics;
use mcp_runtime::prelude::*;

use crate::World;

/// Create a product and let the client's model describe it.
#[tool]
pub async fn create_product(name: String, ctx: Context, world: State<World>) -> Result<String> {
    world.record(&format!("run {name}"));
    let description = ctx.sample(format!("describe {name}")).await?.text()?.to_owned();
    world.record_once(&format!("create {name}"), &ctx.idempotency_key());
    world.record(&format!("after {name}"));
    Ok(format!("{name}: {description}"))
}

/// Order something: three questions, one after the other, and a step.
#[tool]
pub async fn order(name: String, ctx: Context, world: State<World>) -> Result<String> {
    world.record(&format!("run {name}"));
    let size = ctx.sample(format!("size of {name}")).await?.text()?.to_owned();
    let reserved = ctx.step("reserve", async || {
        world.record(&format!("step {name}"));
        Ok(format!("reserved for {}", ctx.idempotency_key()))
    });
    let reserved = reserved.await?;
    let colour = ctx.sample(format!("colour of {name} in {size}")).await?.text()?.to_owned();
    let greeting = ctx.sample(format!("greeting with {colour}")).await?.text()?.to_owned();
    if reserved != format!("reserved for {}", ctx.idempotency_key()) {
        return Err(ToolError::new("this step is that of another call"));
    }
    world.record_once(&format!("create {name}"), &ctx.idempotency_key());
    world.record(&format!("after {name}"));
    Ok(format!("{name}: {greeting}"))
}

/// Say that it has begun, and take a while.
#[tool]
pub async fn brew(name: String, ctx: Context) -> Result<String> {
    ctx.report_progress(1.0).total(2.0).await;
    tokio::time::sleep(Duration::from_millis(30)).await;
    Ok(format!("brewed {name}"))
}

/// How often calls were parked, resumed, replayed, and answered again with what was there.
#[tool]
pub fn counts(metrics: State<Metrics>) -> Vec<u64> {
    vec![metrics.parked(), metrics.resumed(), metrics.replayed(), metrics.repeated()]
}

/// A replica. Nothing of it is configured but what `MCP_STATE_KEY` says.
pub fn server(world: std::sync::Arc<World>) -> Server {
    let server = Server::new("replica").drain_timeout(Duration::from_secs(20));
    let metrics = server.metrics();
    server.state(world).state(metrics).tools(tools![create_product, order, brew, counts])
}
