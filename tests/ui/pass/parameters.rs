//! Everything that a function can take.
#![deny(warnings, missing_docs)]
#![allow(unused_parens)]

use std::collections::BTreeMap;
use std::sync::Arc;

use mcp_runtime::Server as Serving;
use mcp_runtime::prelude::*;
use schemars::JsonSchema;
use serde::Deserialize;

type Ctx = Context;
type Db = State<Catalog>;
type Text = String;

struct Catalog;

/// Where.
#[derive(Deserialize, JsonSchema)]
struct Place {
    /// East.
    x: f32,
    y: Option<u16>,
}

#[derive(Deserialize, JsonSchema)]
enum Color {
    Red,
    #[serde(rename = "blue")]
    Blue,
}

/// Nothing at all.
#[tool]
fn nothing() {}

/// Owned, optional, nested.
#[tool]
fn owned(
    text: Text,
    /// A note.
    note: Option<String>,
    place: Place,
    places: Vec<Place>,
    color: Color,
    map: BTreeMap<String, i8>,
    any: serde_json::Value,
    pair: (u8, bool),
) -> usize {
    let _ = (note, place.x, place.y, color, any, pair);
    text.len() + places.len() + map.len()
}

/// Borrowed.
#[tool]
async fn borrowed(text: &str, items: &[u8], place: &Place, maybe: Option<&str>, list: Option<&[i64]>) -> usize {
    tokio::task::yield_now().await;
    text.len() + items.len() + place.x as usize + maybe.map_or(0, str::len) + list.map_or(0, <[i64]>::len)
}

/// With a lifetime of its own.
#[tool]
async fn named_lifetime<'a>(text: &'a str, other: &'a str) -> String {
    format!("{text}{other}")
}

/// What the server gives, under other names and anywhere.
#[tool]
async fn injected(first: u8, ctx: Ctx, second: u8, db: Db, same: State<Catalog>) -> u8 {
    let _ = (ctx, db, same);
    first + second
}

/// By reference too.
#[tool]
async fn injected_by_reference(ctx: &Context, db: &State<Catalog>, mut count: u8) -> u8 {
    let _ = (ctx.request_id(), &db.0);
    count += 1;
    count
}

/// What lives for ever, and what takes references itself.
#[tool]
fn not_borrowed(
    map: State<BTreeMap<&'static str, u64>>,
    check: State<Box<dyn Fn(&str) -> bool + Send + Sync>>,
    pointer: State<for<'a> fn(&'a str) -> &'a str>,
    name: State<&'static str>,
    text: (&str),
) -> usize {
    let _ = (map, check, pointer);
    name.len() + text.len()
}

macro_rules! generated {
    ($name:ident, $ty:ty) => {
        /// Made by a macro.
        #[tool]
        fn $name(value: $ty) -> usize {
            format!("{value:?}").len()
        }
    };
}
generated!(generated_text, &str);
generated!(generated_option, Option<&str>);
generated!(generated_number, u8);

/// Names that the glue could be thought to use.
#[tool]
async fn names(call: u8, args: u8, arg0: u8, r#type: u8, spec: u8) -> u8 {
    call + args + arg0 + r#type + spec
}

/// May block.
#[tool(blocking)]
fn blocking(path: &str, ctx: Context) -> Result<String> {
    let _ = ctx.cancelled();
    Ok(std::fs::read_to_string(path)?)
}

fn main() {
    let _: Serving = Server::new("pass").state(Arc::new(Catalog)).state("name").tools(tools![
        nothing,
        owned,
        borrowed,
        named_lifetime,
        injected,
        injected_by_reference,
        names,
        blocking,
        not_borrowed,
        generated_text,
        generated_option,
        generated_number,
    ]);
    assert_eq!(names_are_functions(), 3);
}

fn names_are_functions() -> u8 {
    nothing();
    let Some(sum) = std::iter::once((1_u8, 2_u8)).map(|(a, b)| a + b).next() else { return 0 };
    sum
}
