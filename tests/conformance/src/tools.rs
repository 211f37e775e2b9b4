//! Tools that ask for nothing.

use std::time::Duration;

use mcp_runtime::prelude::*;
use mcp_runtime::protocol::{ContentBlock, ImageContent, ResourceContents};
use mcp_runtime::{DynPrompt, ServerHandle, Tools};
use serde_json::json;
use tokio::time::sleep;

use crate::{PNG, WAV};

/// How far apart the suite wants to hear of things.
const A_WHILE: Duration = Duration::from_millis(50);

/// Say a text. The suite calls the first tool of the list without arguments.
#[tool]
pub fn test_simple_text() -> &'static str {
    "This is a simple text response for testing."
}

/// Show an image.
#[tool]
pub fn test_image_content() -> ImageContent {
    ImageContent::png(PNG)
}

/// Play a sound.
#[tool]
pub fn test_audio_content() -> ContentBlock {
    ContentBlock::audio(WAV, "audio/wav")
}

/// Embed a resource.
#[tool]
pub fn test_embedded_resource() -> ContentBlock {
    ResourceContents::text("test://embedded-resource", "text/plain", "This is an embedded resource content.").into()
}

/// Say a text, show an image, embed a resource.
#[tool]
pub fn test_multiple_content_types() -> (&'static str, ImageContent, ContentBlock) {
    let text = json!({ "test": "data", "value": 123 }).to_string();
    let resource = ResourceContents::text("test://mixed-content-resource", "application/json", text);
    ("Multiple content types test:", ImageContent::png(PNG), resource.into())
}

/// Fail.
#[tool]
pub fn test_error_handling() -> Result<()> {
    Err(ToolError::new("This tool intentionally returns an error for testing"))
}

/// Report progress.
#[tool]
pub async fn test_tool_with_progress(ctx: Context) -> &'static str {
    for progress in [0.0, 50.0, 100.0] {
        ctx.report_progress(progress).total(100.0).await;
        sleep(A_WHILE).await;
    }
    "done"
}

/// Log.
#[tool]
pub async fn test_tool_with_logging(ctx: Context) -> &'static str {
    for message in ["Tool execution started", "Tool processing data", "Tool execution completed"] {
        ctx.info(message).await;
        sleep(A_WHILE).await;
    }
    "done"
}

/// Log, which only those hear who want to.
#[tool]
pub async fn test_logging_tool(ctx: Context) -> &'static str {
    ctx.info("logged").await;
    "done"
}

/// Send the client away, and go on when it comes back.
#[tool]
pub async fn test_reconnection(ctx: Context) -> &'static str {
    ctx.close_stream();
    sleep(2 * A_WHILE).await;
    "The connection was closed, and this came over another one."
}

/// Take an argument that stands in a header, too.
#[tool]
pub fn test_header_argument(
    /// Where.
    #[arg(header = "Region")]
    region: &str,
) -> &str {
    region
}

/// Offer one tool more, or one less.
#[tool]
pub fn test_trigger_tool_change(handle: State<ServerHandle>) -> Result<&'static str> {
    if handle.remove_tool("test_sometimes") {
        return Ok("one less");
    }
    handle.add_tools(tools![test_sometimes])?;
    Ok("one more")
}

/// There now and then.
#[tool]
pub fn test_sometimes() {}

/// Offer one prompt more, or one less.
#[tool]
pub fn test_trigger_prompt_change(handle: State<ServerHandle>) -> Result<&'static str> {
    if handle.remove_prompt("test_sometimes") {
        return Ok("one less");
    }
    let prompt = DynPrompt::new("test_sometimes", |_, _| async { "here" }).description("There now and then.");
    handle.add_prompts(prompt)?;
    Ok("one more")
}

/// A tool whose schema says all that JSON Schema can.
fn json_schema_2020_12_tool() -> DynTool {
    let schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "$defs": {
            "address": {
                "$anchor": "addressDef",
                "type": "object",
                "properties": { "street": { "type": "string" }, "city": { "type": "string" } },
            },
        },
        "properties": {
            "name": { "type": "string" },
            "address": { "$ref": "#/$defs/address" },
            "contactMethod": { "type": "string", "enum": ["phone", "email"] },
            "phone": { "type": "string" },
            "email": { "type": "string" },
        },
        "allOf": [{ "anyOf": [{ "required": ["phone"] }, { "required": ["email"] }] }],
        "if": { "properties": { "contactMethod": { "const": "phone" } }, "required": ["contactMethod"] },
        "then": { "required": ["phone"] },
        "else": { "required": ["email"] },
        "additionalProperties": false,
    });
    DynTool::new("json_schema_2020_12_tool", schema, |arguments, _| async move { format!("{arguments:?}") })
        .description("Take what the schema allows.")
}

/// All of them.
#[must_use]
pub fn all() -> Tools {
    tools![
        test_simple_text,
        test_image_content,
        test_audio_content,
        test_embedded_resource,
        test_multiple_content_types,
        test_error_handling,
        test_tool_with_progress,
        test_tool_with_logging,
        test_logging_tool,
        test_reconnection,
        test_header_argument,
        test_trigger_tool_change,
        test_trigger_prompt_change,
    ]
    .and(json_schema_2020_12_tool())
}
