//! Everything that a function can return.
#![deny(warnings)]

use std::borrow::Cow;

use mcp_runtime::prelude::*;
use mcp_runtime::protocol::{CallToolResult, ContentBlock};
use mcp_runtime::{IntoToolResult, ToolError};
use schemars::JsonSchema;
use serde::Serialize;

#[derive(Serialize, JsonSchema)]
struct Point {
    x: i32,
}

type Outcome<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

macro_rules! returning {
    ($($name:ident: $ty:ty = $value:expr;)+) => {
        $(
            #[tool]
            fn $name() -> $ty {
                $value
            }
        )+

        fn all() -> mcp_runtime::Tools {
            tools![$($name),+]
        }
    };
}

returning! {
    unit: () = ();
    owned_text: String = String::new();
    static_text: &'static str = "";
    cow: Cow<'static, str> = "".into();
    small: u8 = 1;
    large: i64 = 1;
    huge: u128 = 1;
    float: f32 = 1.0;
    flag: bool = true;
    numbers: Vec<i64> = vec![1];
    texts: Vec<String> = vec![];
    flags: Vec<bool> = vec![];
    json: Json<Point> = Json(Point { x: 1 });
    json_list: Json<Vec<Point>> = Json(vec![]);
    json_any: Json<serde_json::Value> = Json(serde_json::Value::Null);
    block: ContentBlock = ContentBlock::text("");
    blocks: Vec<ContentBlock> = vec![];
    result: CallToolResult = CallToolResult::text("");
    maybe: Option<u8> = None;
    maybe_json: Option<Json<Point>> = None;
    fallible: Result<String> = Ok(String::new());
    io: Result<u8, std::io::Error> = Ok(1);
    boxed: Outcome<Option<Vec<u8>>> = Ok(None);
    text_error: Result<(), String> = Ok(());
    static_error: Result<(), &'static str> = Ok(());
    tool_error: Result<(), ToolError> = Ok(());
}

/// Borrowed from an argument.
#[tool]
fn borrowed(text: &str) -> &str {
    text
}

/// A type of one's own.
struct Twice(String);

impl IntoToolResult for Twice {
    fn into_tool_result(self) -> Result<CallToolResult, ToolError> {
        Ok(CallToolResult::text(&self.0).with(ContentBlock::text(self.0)))
    }
}

#[tool]
async fn own(text: String) -> Twice {
    Twice(text)
}

fn main() {
    let _ = Server::new("pass").tools(all()).tools(tools![borrowed, own]);
}
