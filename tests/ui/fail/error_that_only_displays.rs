use mcp_runtime::prelude::*;

struct Closed;

impl std::fmt::Display for Closed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("closed")
    }
}

#[tool]
fn open() -> Result<String, Closed> {
    Err(Closed)
}

fn main() {}
