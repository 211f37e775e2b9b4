use mcp_runtime::prelude::*;

struct Db;

#[resource("db://tables/{name}")]
fn table(name: &str, #[arg(complete = ["a", "b"])] _db: State<Db>) -> String {
    name.to_owned()
}

fn main() {}
