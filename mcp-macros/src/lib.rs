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
mod kind;
mod list;
mod methods;
mod model;
mod param;
mod runtime;
mod template;

use proc_macro::TokenStream;

use kind::Kind;

/// See the documentation of the re-export in `mcp-runtime`.
#[proc_macro_attribute]
pub fn tool(attribute: TokenStream, item: TokenStream) -> TokenStream {
    expand::attribute(Kind::Tool, attribute.into(), item.into()).into()
}

/// See the documentation of the re-export in `mcp-runtime`.
#[proc_macro_attribute]
pub fn prompt(attribute: TokenStream, item: TokenStream) -> TokenStream {
    expand::attribute(Kind::Prompt, attribute.into(), item.into()).into()
}

/// See the documentation of the re-export in `mcp-runtime`.
#[proc_macro_attribute]
pub fn resource(attribute: TokenStream, item: TokenStream) -> TokenStream {
    expand::attribute(Kind::Resource, attribute.into(), item.into()).into()
}

/// What `mcp_runtime::tools!` and its sisters expand to: the path of that crate, what the list is of,
/// and what it was given.
#[doc(hidden)]
#[proc_macro]
pub fn list(input: TokenStream) -> TokenStream {
    list::list(input.into()).into()
}
