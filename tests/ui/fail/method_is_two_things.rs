use mcp_runtime::prelude::*;

struct Reviewer;

#[tool]
impl Reviewer {
    #[tool]
    #[prompt]
    fn review(&self) -> String {
        String::new()
    }
}

fn main() {}
