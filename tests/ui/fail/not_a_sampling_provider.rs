//! Who answers a client's questions to the model is a provider: a closure of the right shape, or a
//! type that implements the trait.

use mcp_runtime::Client;
use mcp_runtime::prelude::*;
use mcp_runtime::protocol::CreateMessageRequestParams;

struct Model;

fn main() {
    let _ = Client::in_memory(Server::new("a")).on_sampling(Model);
    let _ = Client::in_memory(Server::new("b")).on_sampling(|request: CreateMessageRequestParams| async move {
        Ok::<_, String>(request.joined_text())
    });
}
