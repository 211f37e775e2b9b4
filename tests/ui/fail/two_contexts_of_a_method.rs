use mcp_runtime::prelude::*;

struct Catalog<S>(S);

#[tool]
impl<S: Send + Sync> Catalog<S> {
    #[tool]
    async fn set(&self, _ctx: Context, _state: State<u8>, _again: Context) {
        let _ = &self.0;
    }
}

fn main() {}
