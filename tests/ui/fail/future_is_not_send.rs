use mcp_runtime::prelude::*;

#[tool]
async fn wait() -> u32 {
    let count = std::rc::Rc::new(1);
    tokio::task::yield_now().await;
    *count
}

fn main() {}
