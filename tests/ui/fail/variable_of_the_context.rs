use mcp_runtime::prelude::*;

#[resource("user://{ctx}")]
fn user(ctx: Context) -> String {
    ctx.request_id().to_string()
}

fn main() {}
