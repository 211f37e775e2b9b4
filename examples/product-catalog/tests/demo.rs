//! What someone sees who runs the demo, and that products stay where they are put.

use std::process::{Command, Stdio};

use mcp_runtime::Client;
use mcp_runtime::protocol::CreateMessageResult;
use serde_json::Value;

fn demo(args: &[&str]) -> (String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_product-catalog"))
        .arg("demo")
        .args(args)
        .stdin(Stdio::null())
        .output()
        .expect("the demo runs");
    assert!(output.status.success(), "{output:?}");
    (String::from_utf8(output.stdout).expect("UTF-8"), String::from_utf8(output.stderr).expect("UTF-8"))
}

#[test]
fn the_demo_prints_the_same_in_every_era() {
    for (era, over) in ["auto", "legacy", "modern"].into_iter().flat_map(|era| [(era, None), (era, Some("--http"))]) {
        let args: Vec<&str> = ["--era", era, "--debug"].into_iter().chain(over).collect();
        let (printed, debug) = demo(&args);
        let (lines, result) = printed.split_once("Result: ").expect("a result");
        assert_eq!(
            lines,
            "Tool:  add\n\
             Tool:  create_product\n\
             Tool:  list_products\n\
             Using tool: create_product\n\
             Sampling request: Create a product description about key-1, key-2\n",
            "{era}"
        );
        let product: Value = serde_json::from_str(result).expect("JSON");
        let id = product["id"].as_str().expect("an id");
        assert!(id.len() == 32 && id.chars().all(|digit| digit.is_ascii_hexdigit()), "{era}: {id}");
        assert_eq!(product["name"], "Test Product", "{era}");
        assert_eq!(product["description"], "This is a fake LLM response", "{era}");
        let carried = if era == "legacy" { "in the middle of the call" } else { "input_required" };
        assert!(debug.contains(carried), "{era}: {debug}");
    }
}

#[tokio::test]
async fn products_in_a_file_outlive_the_server() {
    let folder = tempfile::tempdir().expect("a folder");
    for known in 0..2 {
        let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_product-catalog"));
        command.arg("--db").arg(folder.path().join("catalog.db"));
        let client = Client::stdio(command)
            .on_sampling(|_| async { Ok(CreateMessageResult::text("m", "Shiny.")) })
            .connect()
            .await
            .expect("a connection");
        let products: Value = client.call("list_products", [("containing", "Lamp")]).await.expect("products");
        assert_eq!(products["products"].as_array().map(Vec::len), Some(known));
        let arguments = [("product_name", "Lamp"), ("keywords", "light")];
        let product: Value = client.call("create_product", arguments).await.expect("a product");
        assert_eq!(product["description"], "Shiny.");
        client.close().await.expect("it ends");
    }
}

#[cfg(feature = "genai")]
#[tokio::test(flavor = "multi_thread")]
async fn the_demo_runs_with_a_model_of_a_provider() {
    use mcp_tests_providers::{Endpoint, Reply};
    use serde_json::json;

    let completion = |message: Value, finish_reason: &str| {
        Reply::ok(&json!({
            "id": "chatcmpl-1", "object": "chat.completion", "created": 1_758_000_000, "model": "gpt-4o-mini",
            "choices": [{ "index": 0, "message": message, "finish_reason": finish_reason }],
            "usage": { "prompt_tokens": 14, "completion_tokens": 8, "total_tokens": 22 },
        }))
    };
    let uses = |id: &str, name: &str, arguments: Value| {
        let call =
            json!({ "id": id, "type": "function", "function": { "name": name, "arguments": arguments.to_string() } });
        completion(json!({ "role": "assistant", "content": null, "tool_calls": [call] }), "tool_calls")
    };
    let endpoint = Endpoint::start([
        completion(json!({ "role": "assistant", "content": "Bright." }), "stop"),
        uses("call_1", "list_products", json!({})),
        uses("call_2", "final_response", json!({ "value": ["bright", "small"] })),
    ])
    .await;
    let url = format!("{}/v1", endpoint.url);
    let command = tokio::process::Command::new(env!("CARGO_BIN_EXE_product-catalog"))
        .args(["demo", "--provider", "openai", "--base-url", &url])
        .env("OPENAI_API_KEY", "sk-test")
        .output();
    let output = command.await.expect("the demo runs");
    assert!(output.status.success(), "{output:?}");
    let printed = String::from_utf8(output.stdout).expect("UTF-8");
    assert!(printed.contains("\"description\": \"Bright.\""), "{printed}");
    assert!(printed.contains("Using tool: suggest_keywords"), "{printed}");
    assert!(printed.ends_with("Result: bright, small\n"), "{printed}");
    let asked = endpoint.asked();
    assert_eq!(asked[0].headers["authorization"], "Bearer sk-test");
    assert!(asked[2].body.to_string().contains("Test Product"), "the model was told what the catalog has");
}
