//! A server that changes while it runs.

use mcp_runtime::prelude::*;
use mcp_runtime::{DynPrompt, Resource, ServerHandle};

/// A note.
#[resource("note://{name}")]
pub fn note(name: &str) -> String {
    format!("about {name}")
}

/// Say that a resource holds something else.
#[tool]
pub fn touch(uri: String, ctx: Context) {
    ctx.notify_resource_updated(&uri);
}

/// Offer one more tool, prompt and resource.
#[tool]
pub fn add(name: String, handle: State<ServerHandle>) -> Result<()> {
    handle.add_tools(DynTool::new(&*name, serde_json::json!({ "type": "object" }), |_, _| async { "here" }))?;
    handle.add_prompts(DynPrompt::new(&*name, |_, _| async { "here" }))?;
    handle.add_resources(Resource::text(format!("added://{name}"), "here"))?;
    Ok(())
}

/// Offer it no more.
#[tool]
pub fn remove(name: String, handle: State<ServerHandle>) -> bool {
    handle.remove_tool(&*name) & handle.remove_prompt(&*name) & handle.remove_resource(format!("added://{name}"))
}

/// The server, and what changes it.
pub fn server() -> (Server, ServerHandle) {
    let server = Server::new("changing").version("1.2.3").tools(tools![touch, add, remove]).resources(resources![note]);
    let handle = server.handle();
    (server.state(handle.clone()), handle)
}
