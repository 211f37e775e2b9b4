//! A server of all that the official conformance suite asks for, at one URL for both eras. Names, texts and
//! values are those that the suite expects.
#![expect(clippy::missing_errors_doc, reason = "the errors of tools are for models")]

pub mod asking;
pub mod prompts;
pub mod resources;
pub mod skills;
pub mod tasks;
pub mod tools;

use std::time::Duration;

use mcp_runtime::prelude::*;

/// One pixel.
pub const PNG: &[u8] = &[
    0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0x00, 0x00, 0x00, 0x0d, 0x49, 0x48, 0x44, 0x52, 0x00, 0x00, 0x00,
    0x01, 0x00, 0x00, 0x00, 0x01, 0x08, 0x06, 0x00, 0x00, 0x00, 0x1f, 0x15, 0xc4, 0x89, 0x00, 0x00, 0x00, 0x0d, 0x49,
    0x44, 0x41, 0x54, 0x78, 0x9c, 0x63, 0xf8, 0xcf, 0xc0, 0xf0, 0x1f, 0x00, 0x05, 0x00, 0x01, 0xff, 0x89, 0x99, 0x3d,
    0x1d, 0x00, 0x00, 0x00, 0x00, 0x49, 0x45, 0x4e, 0x44, 0xae, 0x42, 0x60, 0x82,
];

/// A sound without a sample.
pub const WAV: &[u8] = b"RIFF\x24\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0\x80\x3e\0\0\x02\0\x10\0data\0\0\0\0";

/// A server of all of it.
pub fn server() -> Server {
    let server = Server::new("conformance")
        .version(env!("CARGO_PKG_VERSION"))
        .tools(tools::all())
        .tools(asking::all())
        .tools(tasks::all())
        .resources(resources::all().and(skills::all()))
        .prompts(prompts::all())
        .task_poll_interval(Duration::from_millis(100));
    let handle = server.handle();
    server.state(handle)
}
