//! The macros of `mcp-runtime`. Depend on that crate: it re-exports them and has their docs.
//!
//! What was written becomes an `item`, what was meant a `model`, and that becomes tokens in
//! `expand`. Only the model says no.

mod arg;
mod attrs;
mod details;
mod diag;
mod docs;
mod expand;
mod item;
mod keys;
mod list;
mod methods;
mod model;
mod param;
mod runtime;

use proc_macro::TokenStream;

/// See the documentation of the re-export in `mcp-runtime`.
#[proc_macro_attribute]
pub fn tool(attribute: TokenStream, item: TokenStream) -> TokenStream {
    expand::tool(attribute.into(), item.into()).into()
}

/// What `mcp_runtime::tools!` expands to: the path of that crate, and what it was given.
#[doc(hidden)]
#[proc_macro]
pub fn tools_list(input: TokenStream) -> TokenStream {
    list::tools(input.into()).into()
}
