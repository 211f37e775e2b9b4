use mcp_runtime::prelude::*;

#[tool(task, task_after = "5s")]
async fn work() {}

fn main() {}
