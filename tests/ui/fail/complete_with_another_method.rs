use mcp_runtime::prelude::*;

struct Shelf;

#[tool]
impl Shelf {
    fn titles(&self) -> Vec<String> {
        Vec::new()
    }

    /// Recommend a book.
    #[prompt]
    fn recommend(&self, #[arg(complete = Self::titles)] title: &str) -> String {
        title.to_owned()
    }
}

fn main() {}
