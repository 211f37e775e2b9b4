//! Tools whose calls become tasks.

use std::time::Duration;

use mcp_runtime::Tools;
use mcp_runtime::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::time::sleep;

use crate::asking::{Name, name_of};

/// Greet, at once.
#[tool]
pub fn greet(
    /// Whom.
    name: &str,
) -> String {
    format!("Hello, {name}!")
}

/// Compute slowly.
#[tool(task)]
pub async fn slow_compute(
    /// How slowly.
    #[arg(default = 1.0, range = 0.0..=3600.0)]
    seconds: f64,
    /// What it is called.
    #[arg(default = "")]
    label: String,
) -> String {
    sleep(Duration::from_secs_f64(seconds)).await;
    format!("computed {label} in {seconds} seconds")
}

/// Fail, after a while. Others than tasks cannot.
#[tool(task = "required")]
pub async fn failing_job() -> Result<()> {
    sleep(Duration::from_millis(200)).await;
    Err(ToolError::new("the job failed"))
}

/// Need what the client does not have, after a while.
#[tool(task)]
pub async fn protocol_error_job(ctx: Context) -> Result<usize> {
    sleep(Duration::from_millis(200)).await;
    Ok(ctx.roots().await?.len())
}

/// An agreement.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct Confirmed {
    confirm: bool,
}

/// Delete a file, if the user agrees.
#[tool(task)]
pub async fn confirm_delete(
    /// Which one.
    filename: String,
    ctx: Context,
) -> Result<String> {
    let answer = ctx.elicit::<Confirmed>(format!("Delete {filename}?")).await?;
    Ok(match answer {
        Elicited::Accept(Confirmed { confirm: true }) => format!("deleted {filename}"),
        _ => format!("{filename} is kept"),
    })
}

/// Ask two things at once.
#[tool(task)]
pub async fn multi_input(ctx: Context) -> Result<String> {
    let (one, other) = tokio::join!(ctx.elicit::<Name>("Who are you?"), ctx.elicit::<Confirmed>("Are you sure?"));
    Ok(format!("{} {}", one?.is_accepted(), other?.is_accepted()))
}

/// Ask first, then go on in the background.
#[tool(task_after = "20ms")]
pub async fn test_tool_with_task(ctx: Context) -> Result<String> {
    let name = ctx.elicit::<Name>("What is your name?").key("user_name").await?;
    sleep(Duration::from_millis(200)).await;
    Ok(format!("Hello, {}!", name_of(name)))
}

/// All of them.
#[must_use]
pub fn all() -> Tools {
    tools![greet, slow_compute, failing_job, protocol_error_job, confirm_delete, multi_input, test_tool_with_task]
}
