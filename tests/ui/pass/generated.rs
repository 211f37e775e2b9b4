//! Tools whose parts come from macros, and other ways to write what is meant.
#![deny(warnings, missing_docs)]
#![forbid(unsafe_code)]

use std::borrow::Cow;
use std::path::Path;

use mcp_runtime::client::Client;
use mcp_runtime::prelude::*;

macro_rules! make {
    ($name:ident, $default:expr, $range:expr, $length:expr, $timeout:expr, $description:expr, $text:literal) => {
        /// Made by a macro.
        #[tool(crate = $crate::__runtime, timeout = $timeout)]
        pub async fn $name(
            #[arg(default = $default, length = $length, description = $description)] text: String,
            #[arg(range = $range)] number: u8,
            #[arg(one_of = [$text, "other"])] choice: String,
        ) -> String {
            format!("{text} {number} {choice}")
        }
    };
}

#[doc(hidden)]
pub use mcp_runtime as __runtime;

make!(made, "abc", 1..=5, 1..=9, "5s", "What it says.", "one");

const ORDER: &str = "name";
const LIST: &[u8] = &[1, 2];
const MOST: u128 = 5;

/// Defaults of what is borrowed.
#[tool(undescribed = "allow")]
pub fn borrowed(
    #[arg(default = ORDER)] order: &str,
    #[arg(default = concat!("a", "b"))] both: &str,
    #[arg(default = Some("x"))] maybe: Option<&str>,
    #[arg(default = None)] none: Option<&str>,
    #[arg(default = LIST)] list: &[u8],
    #[arg(default = &[3])] array: &[u8],
    #[arg(default = vec![4])] owned: &[u8],
    #[arg(default = ".")] path: &Path,
) -> String {
    format!("{order} {both} {maybe:?} {none:?} {list:?} {array:?} {owned:?} {}", path.display())
}

/// Large numbers.
#[tool(undescribed = "allow")]
pub fn large(
    #[arg(range = 1..=8 * 1024 * 1024 * 1024)] product: u64,
    #[arg(range = 0..1 << 40)] shifted: u64,
    #[arg(range = 0..=(5_000_000_000))] inside: u64,
    #[arg(range = 0..=340282366920938463463374607431768211455)] all: u128,
    #[arg(range = 1..=MOST)] few: u128,
    #[arg(range = 9007199254740992..9007199254740993)] one: u64,
    #[arg(one_of = ['a', 'b'])] letter: char,
) -> String {
    format!("{product} {shifted} {inside} {all} {few} {one} {letter}")
}

/// What the server gives has no name.
#[tool(undescribed = "allow")]
pub fn ship(state: State<u8>, #[arg(name = "state")] us_state: String) -> String {
    format!("{} {us_state}", *state)
}

/// Only one of two is there.
#[tool(undescribed = "allow")]
pub fn conditional(
    #[cfg(windows)]
    #[arg(header = "Path")]
    path: String,
    #[cfg(not(windows))]
    #[arg(header = "Path")]
    path: String,
) -> String {
    path
}

/// First line.
/// Second line.
///
/// Second paragraph.
#[doc = concat!("Computed ", "text.")]
/// After.
#[tool]
pub fn documented() {}

/// Borrows.
#[derive(Debug)]
pub struct Borrowing<'a>(&'a str);

const TWICE: fn(u8) -> u8 = |number| number * 2;

#[tool]
impl<'a> Borrowing<'a> {
    #![allow(clippy::unused_self)]

    /// A constant with a function in its type.
    pub const HOOK: fn(u8) -> u8 = TWICE;

    /// Waits.
    #[tool(undescribed = "allow")]
    pub async fn wait(&self, text: Cow<'_, str>) -> String {
        tokio::task::yield_now().await;
        format!("{}{text}", self.0)
    }

    /// Doubles.
    #[mcp_runtime::tool(undescribed = "allow")]
    pub fn double(&self, number: u8) -> u8 {
        (Self::HOOK)(number)
    }
}

fn main() {
    let tools =
        tools![made, borrowed, large, ship, conditional, documented].and(std::sync::Arc::new(Borrowing("x")).tools());
    let text = (|| {
        let server = Server::new("x").state(1_u8).tools(tools);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
        runtime.block_on(async {
            let client = Client::in_memory(server).connect().await.ok()?;
            serde_json::to_string(&client.list_tools().await.ok()?).ok()
        })
    })();
    let text = text.expect("a list of tools");
    for expected in [
        r#""description":"First line.\nSecond line.\n\nSecond paragraph.\nComputed text.\nAfter.""#,
        r#""default":"abc""#,
        r#""maximum":8589934592"#,
        r#""default":[3]"#,
        r#""enum":["a","b"]"#,
    ] {
        assert!(text.contains(expected), "{expected} in {text}");
    }
}
