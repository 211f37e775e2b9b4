//! One tool for each constraint that an argument can have, and for each type of argument.
#![expect(missing_docs, reason = "some fields are not described, on purpose")]

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{IpAddr, Ipv4Addr};
use std::num::{NonZeroI16, NonZeroU8};
use std::ops::Range;
use std::path::PathBuf;
use std::time::Duration;

use ::url::Url;
use ::uuid::Uuid;
use chrono::{DateTime, NaiveDate, Utc};
use mcp_runtime::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A size.
#[derive(Debug, Clone, Copy, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Size {
    Small,
    Large,
}

/// A color, of which more is said.
#[derive(Debug, Clone, Copy, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Color {
    /// As blood.
    Red,
    Blue,
}

/// A product.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Product {
    /// What it is called.
    pub display_name: String,
    /// How many there are.
    #[serde(default)]
    pub count: u32,
    pub size: Option<Size>,
    pub parts: Option<Vec<Product>>,
}

/// A shape.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(tag = "shape", rename_all = "lowercase")]
pub enum Shape {
    Circle { radius: f64 },
    Square { side: f64, color: Option<Color> },
    Point,
}

/// One or many.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum OneOrMany {
    One(u8),
    Many(Vec<u8>),
}

/// Nothing else.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Closed {
    pub x: i8,
}

/// A page of some things.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
pub struct Page<T> {
    pub items: Vec<T>,
    /// Where the next page starts.
    pub next: Option<u32>,
}

/// A tree.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
pub enum Tree<T> {
    Leaf(T),
    Branch(Vec<Tree<T>>),
}

macro_rules! constrained {
    ($($tool:ident($($key:tt)*): $ty:ty;)+) => {
        $(
            /// A constraint.
            #[tool(undescribed = "allow")]
            pub fn $tool(#[arg($($key)*)] it: $ty) {
                let _ = it;
            }
        )+
        /// All of them.
        #[must_use]
        pub fn tools() -> mcp_runtime::Tools {
            tools![$($tool),+]
        }
    };
}

constrained! {
    range(range = 1..=100): u16;
    open_range(range = -5..5): i64;
    least(range = 10..): u64;
    real_range(range = 0.5..=1.5): f64;
    exclusive(exclusive_minimum = 0, exclusive_maximum = 1): f64;
    multiple(multiple_of = 5): i32;
    decimal(multiple_of = 0.1): f64;
    length(length = 2..=4): String;
    exactly(length = 3): String;
    items(items = 1..=2): Vec<u8>;
    items_of_a_set(items = 2..): BTreeSet<u8>;
    pattern(pattern = "^[a-z]+$"): String;
    date_time(format = "date-time"): String;
    date(format = "date"): String;
    time(format = "time"): String;
    email(format = "email"): String;
    hostname(format = "hostname"): String;
    ipv4(format = "ipv4"): String;
    ipv6(format = "ipv6"): String;
    uri(format = "uri"): String;
    uuid(format = "uuid"): String;
    texts(one_of = ["small", "large"]): String;
    numbers(one_of = [1, 2, 5]): u8;
    header(header = "Count"): i64;
    optional(range = 1..): Option<u8>;
    choice(title = "Size"): Size;
    tiny(description = "A byte."): u8;
    signed(title = "I"): i64;
    unsigned(title = "U"): u64;
    small(title = "S"): i8;
    real(title = "F"): f64;
    single(title = "F"): f32;
    flag(title = "B"): bool;
    text(title = "T"): String;
    cow(title = "T"): Cow<'static, str>;
    letter(title = "C"): char;
    list(title = "L"): Vec<i16>;
    set(title = "S"): BTreeSet<u8>;
    fixed(title = "A"): [u8; 2];
    pair(title = "P"): (u8, bool);
    map(title = "M"): BTreeMap<String, u8>;
    any(title = "V"): Value;
    positive(title = "N"): NonZeroU8;
    not_zero(title = "N"): NonZeroI16;
    maybe(title = "O"): Option<String>;
    maybes(title = "O"): Vec<Option<bool>>;
    unit(title = "U"): ();
    color(title = "Color"): Color;
    product(title = "Product"): Product;
    shape(title = "Shape"): Shape;
    one_or_many(title = "Some"): OneOrMany;
    closed(title = "Closed"): Closed;
    sizes(title = "Page"): Page<Size>;
    pages(title = "Pages"): Page<Page<u8>>;
    tree(title = "Tree"): Tree<u8>;
    moment(title = "Moment"): DateTime<Utc>;
    day(title = "Day"): NaiveDate;
    id(title = "Id"): Uuid;
    link(title = "Link"): Url;
    address(title = "Address"): IpAddr;
    address4(title = "Address"): Ipv4Addr;
    path(title = "Path"): PathBuf;
    wait(title = "Wait"): Duration;
    boxed(title = "Boxed"): Box<str>;
    queue(title = "Queue"): VecDeque<u8>;
    span(title = "Span"): Range<u8>;
}
