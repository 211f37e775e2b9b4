//! Crates that forbid lints, where nothing can allow them again; and items that have the names
//! of the macro's own locals, or conditions around `#[tool]`.
#![deny(forbidden_lint_groups)]
#![forbid(dead_code, unused_mut, unused_variables, non_camel_case_types, clippy::all)]

use std::sync::Arc;

use mcp_runtime::prelude::*;

#[expect(non_upper_case_globals, reason = "a pattern of this name would not be a new variable")]
mod statics {
    pub static call: u8 = 1;
    pub static details: u8 = 1;
    pub const arg0: u8 = 1;
    pub const this: u8 = 1;
}

use statics::{arg0, call, details, this};

/// Nothing of its own.
#[tool]
fn nothing() {}

/// Not listed anywhere.
#[tool]
fn unlisted() {}

/// Not there at all, but for its condition.
#[tool]
async fn add(
    /// One.
    a: u8,
    /// Other.
    #[cfg(any())]
    b: u8,
    /// Times.
    #[arg(default = 1)]
    times: u8,
) -> u8 {
    (a + call + details + arg0 + this) * times
}

struct Catalog;

#[tool]
impl Catalog {
    /// Only if a condition holds, and it does.
    #[cfg_attr(all(), tool(name = "list"), must_use)]
    fn list(&self) -> u8 {
        1
    }

    /// Only if a condition holds, and it does not.
    #[cfg_attr(any(), tool)]
    fn hidden(&self) -> u8 {
        1
    }

    /// Shared.
    #[tool]
    fn shared(self: Arc<Self>) -> u8 {
        self.hidden()
    }
}

fn main() {
    let _ = (nothing as fn(), unlisted as fn());
    let _ = Server::new("x").tools(tools![nothing, add]).tools(Arc::new(Catalog).tools());
}
