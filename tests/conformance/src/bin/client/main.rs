//! The client that the conformance suite is run against, as a program: `conformance-client URL`. What it does with
//! the server there, the suite says in the environment.

mod authorization;
mod scenario;

use std::error::Error;

use mcp_runtime::Client;
use mcp_runtime::client::{ClientBuilder, Era};
use mcp_runtime::protocol::{CreateMessageResult, ElicitRequestParams, ElicitResult, ListRootsResult, ProtocolVersion};
use serde_json::json;

use scenario::{Scenario, ToolCalls};

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let url = std::env::args().next_back().ok_or("the URL of the server is missing")?;
    let scenario = Scenario::from_environment()?;
    let client = builder(&url, &scenario)?.connect().await?;
    play(&client, &scenario).await?;
    client.close().await?;
    Ok(())
}

/// A client that answers whatever a server may ask.
fn builder(url: &str, scenario: &Scenario) -> Result<ClientBuilder> {
    let era = if scenario.version < ProtocolVersion::V2026_07_28 { Era::Legacy } else { Era::Modern };
    let client = Client::http(url)
        .era(era)
        .on_elicitation(|form: ElicitRequestParams| async move { Ok(fill_in(&form)) })
        .on_sampling(|_| async { Ok(CreateMessageResult::text("none", "A model would say something here.")) })
        .on_roots(|()| async { Ok(ListRootsResult::default()) });
    Ok(match scenario.name.strip_prefix("auth/") {
        Some(_) => client.token_provider(authorization::of(scenario)?),
        None => client,
    })
}

/// Agrees to what is proposed, or else to what is asked.
fn fill_in(form: &ElicitRequestParams) -> ElicitResult {
    let mut content = form.defaults();
    if content.is_empty() {
        content.insert("confirmed".to_owned(), json!(true));
    }
    ElicitResult::accept(content)
}

/// Does what the scenario looks at.
async fn play(client: &Client, scenario: &Scenario) -> Result<()> {
    if let Some(skills) = scenario.name.strip_prefix("sep-2640-client-") {
        return play_skills(client, skills).await;
    }
    let tools = client.list_tools().await?;
    match &*scenario.name {
        "tools_call" => _ = client.call_tool("add_numbers", json!({ "a": 5, "b": 3 })).await?,
        "elicitation-sep1034-client-defaults" => _ = client.call_tool("test_client_elicitation_defaults", ()).await?,
        "sse-retry" => _ = client.call_tool("test_reconnection", ()).await?,
        "http-standard-headers" => {
            for tool in &tools {
                client.call_tool(&tool.name, ()).await?;
            }
            for resource in client.list_resources().await? {
                client.read_resource(&resource.uri).await?;
            }
            for prompt in client.list_prompts().await? {
                client.get_prompt(&prompt.name, ()).await?;
            }
        }
        "http-custom-headers" => {
            for call in scenario.context::<ToolCalls>()?.tool_calls {
                client.call_tool(&call.name, call.arguments).await?;
            }
        }
        "http-invalid-tool-headers" => {
            // Those that cannot be called are not among them.
            for tool in &tools {
                client.call_tool(&tool.name, json!({ "region": "us-west1" })).await?;
            }
        }
        "json-schema-2020-12-preservation" => {
            let tool =
                tools.iter().find(|tool| tool.name == "json_schema_2020_12_tool").ok_or("the tool is missing")?;
            client.call_tool("json_schema_echo", json!({ "schema": tool.input_schema })).await?;
        }
        "sep-2322-client-request-state" => {
            for name in ["echo_state", "no_state", "unrelated", "no_result_type"] {
                client.call_tool(&format!("test_mrtr_{name}"), ()).await?;
            }
        }
        authorized if authorized.starts_with("auth/") => _ = client.call_tool("test-tool", json!({})).await?,
        // To connect and to list is all.
        "initialize" | "request-metadata" | "json-schema-ref-no-deref" => {}
        unknown => return Err(format!("the scenario `{unknown}` is not known").into()),
    }
    Ok(())
}

/// Lists skills, and reads all of them, if that is not what must not be done.
async fn play_skills(client: &Client, scenario: &str) -> Result<()> {
    for skill in client.list_skills().await? {
        if scenario == "no-prefetch" {
            continue;
        }
        client.load_skill(&skill).await?;
        for file in skill.resources.iter().flatten() {
            client.read_skill_file(&skill, &file.uri).await?;
        }
    }
    Ok(())
}
