//! Prompts.

use mcp_runtime::Prompts;
use mcp_runtime::prelude::*;
use mcp_runtime::protocol::{ContentBlock, ImageContent, ResourceContents};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::PNG;

/// A text.
#[prompt]
pub fn test_simple_prompt() -> &'static str {
    "This is a simple prompt for testing."
}

/// A text with arguments in it.
#[prompt]
pub fn test_prompt_with_arguments(
    /// The first one.
    #[arg(complete = ["test", "testing", "tested"])]
    arg1: &str,
    /// The second one.
    arg2: &str,
) -> String {
    format!("Prompt with arguments: arg1='{arg1}', arg2='{arg2}'")
}

/// A text about a resource.
#[prompt]
pub fn test_prompt_with_embedded_resource(
    /// Which one.
    #[arg(name = "resourceUri")]
    resource_uri: &str,
) -> (ContentBlock, &'static str) {
    let resource = ResourceContents::text(resource_uri, "text/plain", "Embedded resource content for testing.");
    (resource.into(), "Please process the embedded resource above.")
}

/// A text about an image.
#[prompt]
pub fn test_prompt_with_image() -> (ImageContent, &'static str) {
    (ImageContent::png(PNG), "Please analyze the image above.")
}

/// What a prompt is about.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct About {
    context: String,
}

/// A text about what the user says.
#[prompt]
pub async fn test_input_required_result_prompt(ctx: Context) -> Result<String> {
    let about = ctx.elicit::<About>("What context should the prompt use?").key("user_context").await?;
    Ok(about.accepted().map_or_else(|| "Say something.".to_owned(), |about| format!("Talk about {}.", about.context)))
}

/// All of them.
#[must_use]
pub fn all() -> Prompts {
    prompts![
        test_simple_prompt,
        test_prompt_with_arguments,
        test_prompt_with_embedded_resource,
        test_prompt_with_image,
        test_input_required_result_prompt,
    ]
}
