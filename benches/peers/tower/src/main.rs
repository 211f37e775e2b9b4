//! A server with tower-mcp: `peer-tower stdio|http TOOL [best]`. As its documentation builds it; `best` has one thread.

use schemars::JsonSchema;
use serde::Deserialize;
use tower_mcp::protocol::{
    CreateMessageParams, CreateMessageResult, InputRequest, InputRequests, InputRequiredResult, InputResponse,
    RequestOutcome, SamplingMessage,
};
use tower_mcp::{
    BidirectionalStdioTransport, BoxError, CallToolResult, HttpTransport, McpRouter, StdioTransport, ToolBuilder,
};

#[derive(Deserialize, JsonSchema)]
struct Numbers {
    a: i64,
    b: i64,
}

#[derive(Deserialize, JsonSchema)]
struct Text {
    text: String,
}

#[derive(Deserialize, JsonSchema)]
struct Wish {
    product_name: String,
    keywords: String,
}

fn product(wish: &Wish, answer: &CreateMessageResult) -> RequestOutcome<CallToolResult> {
    let text = format!("{}: {}", wish.product_name, answer.first_text().unwrap_or_default());
    RequestOutcome::Complete(CallToolResult::text(text))
}

fn router() -> McpRouter {
    let add = ToolBuilder::new("add")
        .description("Add two integers")
        .handler(|Numbers { a, b }: Numbers| async move { Ok(CallToolResult::text((a + b).to_string())) })
        .build();
    let echo = ToolBuilder::new("echo")
        .description("Say it again")
        .handler(|Text { text }: Text| async move { Ok(CallToolResult::text(text)) })
        .build();
    // In the older era the client is asked meanwhile, in the newer one it calls again.
    let create_product = ToolBuilder::new("create_product")
        .description("Create a product and let the client's model describe it")
        .mrtr_handler::<Wish, _, _>(|ctx, wish| async move {
            let text = format!("Create a product description about {}", wish.keywords);
            let question = CreateMessageParams::new(vec![SamplingMessage::user(text)], 100);
            if ctx.can_sample() {
                return Ok(product(&wish, &ctx.sample(question).await?));
            }
            let answer = ctx.input_responses().and_then(|answers| answers.get("description"));
            if let Some(InputResponse::CreateMessage(answer)) = answer {
                return Ok(product(&wish, answer));
            }
            let question = InputRequest::CreateMessage(question);
            let questions = InputRequests::from([("description".to_owned(), question)]);
            Ok(RequestOutcome::input_required(InputRequiredResult::with_requests(questions)))
        })
        .build();
    McpRouter::new().server_info("bench", "1.0.0").tool(add).tool(echo).tool(create_product)
}

async fn serve(transport: &str, tool: &str) -> Result<(), BoxError> {
    match (transport, tool) {
        ("stdio", "create_product") => BidirectionalStdioTransport::new(router()).run().await?,
        ("stdio", _) => StdioTransport::new(router()).run().await?,
        _ => {
            let transport = HttpTransport::new(router());
            let transport = if tool == "create_product" { transport.with_sampling() } else { transport };
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
            println!("http://{}/", listener.local_addr()?);
            axum::serve(listener, transport.into_router()).await?;
        }
    }
    Ok(())
}

fn main() -> Result<(), BoxError> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [transport, tool, rest @ ..] = &args[..] else { return Err("usage: peer-tower stdio|http TOOL [best]".into()) };
    let mut runtime = match rest {
        [] => tokio::runtime::Builder::new_multi_thread(),
        _ => tokio::runtime::Builder::new_current_thread(),
    };
    runtime.enable_all().build()?.block_on(serve(transport, tool))
}
