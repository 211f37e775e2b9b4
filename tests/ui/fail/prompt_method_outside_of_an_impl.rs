use mcp_runtime::prelude::*;

struct Reviewer;

impl Reviewer {
    #[prompt]
    fn review(&self) -> String {
        String::new()
    }
}

fn main() {}
