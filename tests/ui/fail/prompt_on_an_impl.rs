use mcp_runtime::prelude::*;

struct Reviewer;

#[prompt]
impl Reviewer {
    #[prompt]
    fn review(&self) -> String {
        String::new()
    }
}

fn main() {}
