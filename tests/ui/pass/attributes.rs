//! Keys, names, visibility, and surroundings that could confuse the glue.
#![deny(warnings)]
#![allow(dead_code, non_camel_case_types)]

mod shop {
    use mcp_runtime::prelude::*;

    // Names of the standard library mean something else here.
    type Result<T> = core::result::Result<T, ToolError>;
    struct Option;
    struct Box;
    struct Vec;

    /// Described by its comment.
    #[tool(name = "shop.find-all", title = "Find", description = "Described by the key.")]
    pub(crate) async fn find(text: std::string::String) -> Result<std::string::String> {
        let _ = (Option, Box, Vec);
        Ok(text)
    }

    /// Old.
    #[deprecated]
    #[tool]
    pub(super) fn old() {}

    #[tool]
    #[must_use]
    fn private() -> u8 {
        1
    }

    pub(crate) fn tools() -> mcp_runtime::Tools {
        tools![private]
    }
}

mod search {}

mod prelude_free {
    #![no_implicit_prelude]

    #[::mcp_runtime::tool]
    pub fn add(a: u8, b: ::std::option::Option<u8>) -> u8 {
        a + b.unwrap_or(0)
    }
}

use mcp_runtime::prelude::*;
use prelude_free::add;

/// Named like a module.
#[tool(glue = SearchTool)]
fn search(text: String) -> String {
    text
}

/// Named like a primitive type.
#[tool(glue = BoolTool)]
fn bool() -> u8 {
    1
}

#[allow(deprecated)]
fn main() {
    #[tool]
    fn inside(count: u8) -> u8 {
        count
    }

    let _ = Server::new("pass")
        .tools(tools![shop::find, crate::shop::old, add, self::SearchTool, BoolTool, inside,])
        .tools(shop::tools())
        .tools(tools![]);
    assert_eq!(add(1, Some(2)), 3);
    assert_eq!(inside(4), 4);
    assert_eq!(search("x".to_owned()), "x");
}
