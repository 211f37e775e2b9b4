//! All tests of behaviour that need no process of their own, each file a module: `cargo test -p mcp-tests --test
//! behaviour http::` runs those of one.

mod arguments;
mod auth;
mod carriers;
mod client;
mod completion;
mod elicitation;
mod http;
mod http_attacks;
mod http_client;
mod http_disconnect;
mod http_legacy;
mod http_odd;
mod http_tls;
mod kit;
mod layers;
mod lifespan;
mod lists;
mod models;
mod mount;
mod prompts;
mod replay;
mod reports;
mod resources;
mod resting;
mod results;
mod sampling;
mod schemas;
mod skills;
mod spec;
mod subscriptions;
mod tasks;
mod tools;
mod transports;
