use mcp_runtime::prelude::*;

#[tool(undescribed = "deny")]
fn set(
    /// A number.
    _a: u8,
    _b: u8,
    #[arg(range = 1..)] _c: u8,
    ctx: Context,
) {
    let _ = ctx;
}

fn main() {}
