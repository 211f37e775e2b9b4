use mcp_runtime::prelude::*;

#[resource("user://{id}/{posts*}/{page}", mime = 5, ttl = "soon")]
const fn user(id: u32, #[arg(defalt = 1)] limit: u32) -> String {
    let _ = (id, limit);
    String::new()
}

fn main() {
    // The function is there all the same, and so is its type.
    let _ = user(1, 2);
    let _ = resources![user];
}
