//! Everything that `#[arg(..)]` can say.
#![deny(warnings, missing_docs)]
#![allow(dead_code, reason = "what is decoded is not always read")]

use std::borrow::Cow;
use std::num::NonZeroU8;

use mcp_runtime::prelude::*;
use mcp_runtime::{HeaderArgument, ListArgument, NumberArgument, Real, TextArgument};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

const MOST: u8 = 9;
const LIMIT: u32 = 50;

#[derive(Debug, Default, Clone, Copy, Deserialize, Serialize, JsonSchema)]
enum Size {
    #[default]
    Small,
    Large,
}

#[derive(Deserialize, JsonSchema)]
struct Price(f64);

impl NumberArgument for Price {
    type Kind = Real;
}

#[derive(Deserialize, JsonSchema)]
struct Sku(String);

impl TextArgument for Sku {}
impl HeaderArgument for Sku {}

#[derive(Deserialize, JsonSchema)]
struct Bag(Vec<u8>);

impl ListArgument for Bag {}

/// Numbers.
#[tool]
fn numbers(
    #[arg(range = 1..=100)] a: u8,
    #[arg(range = -5..5)] b: i64,
    #[arg(range = ..10)] c: Option<i32>,
    #[arg(range = 0.5..=1.5)] d: f64,
    #[arg(range = 0..=1)] e: f32,
    #[arg(exclusive_minimum = 0, exclusive_maximum = 1.0)] f: f64,
    #[arg(multiple_of = 5)] g: usize,
    #[arg(multiple_of = 0.25, range = 1..)] h: Price,
    #[arg(range = 1..=MOST, title = "I")] i: NonZeroU8,
    #[arg(range = ..LIMIT as i64 * 2)] j: i64,
    #[arg(one_of = [1, 2, 5])] k: u8,
    #[arg(one_of = [0.5, 1])] l: f64,
) -> f64 {
    let _ = (b, c, d, e, f, g, h.0, i, j, k, l);
    a.into()
}

/// Text.
#[tool]
fn texts(
    #[arg(length = 1..=10)] a: &str,
    #[arg(length = 3)] b: String,
    #[arg(length = ..5)] c: Option<&str>,
    #[arg(pattern = r"^[A-Z]{2}\d+$")] d: Cow<'static, str>,
    #[arg(format = "email")] e: Box<str>,
    #[arg(one_of = ["small", "large"], examples = ["small"])] f: String,
    #[arg(pattern = "^[a-z]+$", length = 2.., header = "Sku")] g: Sku,
    #[arg(header = "Region", deprecated)] h: Option<String>,
    #[arg(header = "Count")] i: u64,
    #[arg(header = "Dry-Run", default)] j: bool,
) -> usize {
    let _ = (b, c, d, e, f, g.0, h, i, j);
    a.len()
}

/// Lists and defaults.
#[tool]
fn lists(
    #[arg(items = 1..=3, name = "the-list", description = "Some numbers.")] list: &[u8],
    #[arg(items = 2)] pair: Vec<String>,
    #[arg(items = ..4)] bag: Bag,
    #[arg(default)] a: u8,
    #[arg(default = 10, range = 1..=100)] b: u32,
    #[arg(default = "x", length = 1..)] c: String,
    #[arg(default = "y")] d: &str,
    #[arg(default = Size::Large, examples = [Size::Small, Size::Large])] e: Size,
    #[arg(default = vec![1, 2])] f: Vec<u8>,
    #[arg(default = Some(3))] g: Option<u8>,
    #[arg(default = LIMIT * 2)] h: u32,
    #[arg(default = -1.5)] i: f64,
    #[arg(default)] j: Size,
    #[arg(default, items = ..3)] k: &[u8],
) -> usize {
    let _ = (pair, bag.0, a, b, c, d, e, f, g, h, i, j, k);
    list.len()
}

#[derive(Deserialize, JsonSchema)]
struct Paging {
    /// Which page.
    #[serde(default)]
    page: u32,
    /// How many on it.
    per_page: Option<u32>,
}

/// Fields as arguments.
#[tool]
fn flattened(query: String, #[arg(flatten)] paging: Paging, #[arg(flatten)] _rest: Option<Filter>) -> String {
    format!("{query} {} {:?}", paging.page, paging.per_page)
}

#[derive(Deserialize, JsonSchema)]
struct Filter {
    kind: String,
}

/// All arguments as one type.
#[tool]
fn whole(Args(paging): Args<Paging>, ctx: &Context) -> u32 {
    let _ = ctx;
    paging.page
}

/// Patterns.
#[tool]
fn patterns(
    State(limit): State<u32>,
    #[arg(name = "pair")] (a, b): (u8, u8),
    mut list: Vec<u8>,
    all @ (c, _): (u8, u8),
    #[cfg(any())] gone: String,
    #[cfg(all())] there: String,
) -> usize {
    list.push(a + b + c + all.1);
    list.len() + there.len() + *limit as usize
}

/// Descriptions that the compiler computes.
#[doc = concat!("From ", "here.")]
#[tool]
fn computed(#[arg(description = concat!("a", "b"))] a: u8) -> u8 {
    a
}

fn main() {
    let _ = Server::new("x").state(5_u32).tools(tools![numbers, texts, lists, flattened, whole, patterns, computed]);
    assert_eq!(computed(1), 1);
}
