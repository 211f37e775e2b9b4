//! A server with turbomcp: `peer-turbo stdio|http TOOL`, as its documentation builds it.
#![allow(deprecated)] // Sampling, as the specification has it since 2026-07-28.

use serde_json::json;
use turbomcp::http::{HttpConfig, router};
use turbomcp::prelude::*;

type Error = Box<dyn std::error::Error>;

#[derive(Clone)]
struct Bench;

#[server(name = "bench", version = "1.0.0")]
impl Bench {
    /// Add two integers.
    #[tool]
    async fn add(&self, a: i64, b: i64) -> i64 {
        a + b
    }

    /// Say it again.
    #[tool]
    async fn echo(&self, text: String) -> String {
        text
    }

    /// Create a product and let the client's model describe it.
    #[tool]
    async fn create_product(&self, ctx: &CallToolContext, product_name: String, keywords: String) -> McpResult<String> {
        let text = format!("Create a product description about {keywords}");
        let content = json!({ "type": "text", "text": text });
        let question = json!({ "messages": [{ "role": "user", "content": content }], "maxTokens": 100 });
        let answer = ctx.client.create_message("description", question).await?;
        Ok(format!("{product_name}: {}", answer["content"]["text"].as_str().unwrap_or_default()))
    }
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.first().map(String::as_str) {
        Some("stdio") => Bench.run_stdio().await?,
        Some("http") => {
            let router = router(Bench.into_server().build(), HttpConfig::new());
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
            println!("http://{}/mcp", listener.local_addr()?);
            axum::serve(listener, router).await?;
        }
        _ => return Err("usage: peer-turbo stdio|http TOOL".into()),
    }
    Ok(())
}
