//! Clients all of whose messages are held against the schemas of the specification, and so are those of their
//! servers. One that does not conform ends the tests, with what there is to say of it.

use std::sync::{Arc, Mutex, PoisonError};

use mcp_runtime::Transport;
use mcp_runtime::client::{Client, ClientBuilder, Speaker};
use mcp_runtime::prelude::*;
use mcp_runtime::testing::Trial;

use crate::conform::Conversation;
use crate::peers::say;

/// [`Client::in_memory`].
pub fn in_memory(server: Server) -> ClientBuilder {
    both(Client::in_memory(server))
}

/// [`Client::over`], to a server of ours.
pub fn over(transport: impl Transport) -> ClientBuilder {
    both(Client::over(transport))
}

/// [`Client::http`], to a server of ours.
pub fn http(url: impl Into<String>) -> ClientBuilder {
    both(Client::http(url))
}

/// [`Client::stdio`], to a server of ours.
pub fn stdio(command: impl Into<tokio::process::Command>) -> ClientBuilder {
    both(Client::stdio(command))
}

/// Clients of servers of others, which may say what they like.
pub mod other {
    use super::*;

    /// [`Client::over`].
    pub fn over(transport: impl Transport) -> ClientBuilder {
        alone(Client::over(transport))
    }

    /// [`Client::http`].
    pub fn http(url: impl Into<String>) -> ClientBuilder {
        alone(Client::http(url))
    }

    /// [`Client::stdio`].
    pub fn stdio(command: impl Into<tokio::process::Command>) -> ClientBuilder {
        alone(Client::stdio(command))
    }

    fn alone(client: ClientBuilder) -> ClientBuilder {
        checked(client, Conversation::of(&[Speaker::Client]))
    }
}

/// A client of a server of ours.
pub fn both(client: ClientBuilder) -> ClientBuilder {
    checked(client, Conversation::of_both())
}

/// [`Trial::new`]. A trial that changes its client otherwise, too, does this with [`both`].
pub fn trial<W: Send + Sync + 'static>(
    world: impl Fn() -> W + Send + Sync + 'static,
    server: impl Fn(Arc<W>) -> Server + Send + Sync + 'static,
) -> Trial<W> {
    Trial::new(world, server).client(both)
}

fn checked(client: ClientBuilder, conversation: Conversation) -> ClientBuilder {
    let conversation = Arc::new(Mutex::new(conversation));
    client.on_message(move |speaker, message| {
        let heard = conversation.lock().unwrap_or_else(PoisonError::into_inner).hear(speaker, message);
        if let Err(report) = heard {
            fail(&report);
        }
    })
}

/// Fails the test that this is said in. Messages are sent and received in tasks of their own, where a panic would be
/// lost: so all tests of the file end with it.
fn fail(report: &str) -> ! {
    let thread = std::thread::current();
    say(&format!("test `{}`: a message does not conform\n{report}", thread.name().unwrap_or("?")));
    std::process::exit(101);
}
