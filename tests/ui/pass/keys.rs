//! Everything that `#[tool(..)]` can say, and where it can stand.
#![deny(warnings, missing_docs, missing_debug_implementations, unreachable_pub)]
#![forbid(unsafe_code)]

use std::time::Duration;

use mcp_runtime as my_runtime;
use mcp_runtime::prelude::*;
use mcp_runtime::protocol::{CallToolResult, Icon};
use mcp_runtime::{IntoToolResult, Requester};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

const LONG: Duration = Duration::from_secs(60);
/// Words.
const TAGS: [&str; 1] = ["beta"];

const FEW: usize = 2;

fn is_known(requester: &Requester) -> bool {
    requester.client_info().is_some()
}

/// A product.
#[derive(Serialize, JsonSchema)]
struct Product {
    name: String,
}

/// All of them.
#[tool(
    name = "all.keys",
    title = "All Keys",
    annotations(read_only, destructive = false, idempotent = true, open_world),
    icons = ["https://example.com/a.png"],
    tags = ["beta", "admin"],
    meta = json!({ "com.example/x": 1 }),
    timeout = "5s",
    concurrency = 4,
    resume = "parked",
    task_after = "5s",
    strict,
    undescribed = "allow",
    output_schema = Product,
    visible = is_known,
    crate = my_runtime,
)]
async fn all(id: u8) -> Result<CallToolResult> {
    Ok(CallToolResult::text("x").with_structured(&Product { name: id.to_string() })?)
}

/// Others.
#[tool(icons = [Icon::new("https://example.com/b.svg").mime_type("image/svg+xml")], tags = TAGS, timeout = LONG, concurrency = FEW, lenient, resume = "auto", task, visible = |_| true)]
async fn others() {}

/// From its state alone, and as a task alone.
#[tool(resume = "replay", task = "required")]
async fn in_the_background() {}

/// After a time that is computed.
#[tool(blocking, task_after = LONG)]
fn blocks_for_long() {}

/// One at a time.
#[tool(concurrency = 1)]
fn one_at_a_time(#[arg(description = "x")] id: u8) -> u8 {
    id
}

/// Blocks.
#[tool(blocking, timeout = "250ms", concurrency = 1, crate = ::mcp_runtime)]
fn blocks() -> std::io::Result<String> {
    Ok(String::new())
}

/// Described.
#[tool(undescribed = "deny")]
fn described(
    /// A number.
    a: u8,
    #[arg(description = "Another.")] b: u8,
    ctx: Context,
    State(_limit): State<u8>,
    Args(_all): Args<Empty>,
) -> u8 {
    let _ = ctx;
    a + b
}

/// Nothing.
#[derive(serde::Deserialize, JsonSchema)]
struct Empty {}

/// Old.
#[deprecated(note = "use another")]
#[tool]
fn old() {}

/// Not here.
#[cfg(any())]
#[tool]
fn gone(it: Nowhere) {}

/// Not here either.
#[tool]
#[cfg(any())]
fn gone_too(it: Nowhere) {}

/// A type of its own.
struct Money(u64);

impl IntoToolResult for Money {
    fn into_tool_result(self) -> Result<CallToolResult> {
        Ok(CallToolResult::text(self.0.to_string()))
    }
}

/// A price.
#[tool]
#[must_use]
#[inline]
pub(crate) fn price() -> Money {
    Money(1)
}

mod deep {
    pub(super) mod deeper {
        use mcp_runtime::prelude::*;

        /// Restricted.
        #[tool]
        pub(in super::super) fn restricted() {}
    }
}

/// Seen from outside.
pub mod public {
    use mcp_runtime::prelude::*;

    /// Public.
    #[tool]
    pub fn seen() {}
}

fn main() {
    /// Inside of a function.
    #[tool]
    fn inside() -> u8 {
        1
    }

    #[allow(deprecated)]
    let tools = tools![
        all,
        others,
        one_at_a_time,
        blocks,
        described,
        old,
        #[cfg(any())]
        gone,
        #[cfg(all())]
        price,
        deep::deeper::restricted,
        inside,
        public::seen,
    ];
    let dynamic = DynTool::new("dynamic", json!({ "type": "object" }), |arguments, _| async move { arguments.len() });
    let _ = Server::new("x").state(1_u8).strict().tools(tools).tools(dynamic).tools(tools![]);
}
