//! `key`, `key = value` and `key(..)`, separated by commas: how all attributes are written.

use proc_macro2::{Ident, TokenStream, TokenTree};
use syn::parse::{Parse, ParseStream, Parser as _};
use syn::{Expr, LitStr, Token};

use crate::diag::{Diagnostics, nearest};

/// Reads all keys of an attribute such as `#[tool]`. `read` is given each key that is known.
pub(crate) fn read(
    attribute: &str,
    known: &[&str],
    tokens: TokenStream,
    diag: &mut Diagnostics,
    mut read: impl FnMut(&Ident, ParseStream<'_>, &mut Diagnostics),
) {
    let parsed = (|input: ParseStream<'_>| {
        while !input.is_empty() {
            let before = diag.len();
            match input.call(<Ident as syn::ext::IdentExt>::parse_any) {
                Ok(key) if known.iter().any(|known| key == known) => read(&key, input, diag),
                Ok(key) => diag.error(&key, unknown(attribute, &key.to_string(), known)),
                Err(_) => diag.error(rest(input), format!("expected a key of `{attribute}`: {}", list(known))),
            }
            let left = rest(input);
            if !left.is_empty() && diag.len() == before {
                diag.error(left, format!("expected `,` between the keys of `{attribute}`"));
            }
            input.parse::<Option<Token![,]>>()?;
        }
        Ok(())
    })
    .parse2(tokens);
    diag.accept(parsed);
}

pub(crate) const TOOL_KEYS: &[&str] = &[
    "name",
    "title",
    "description",
    "annotations",
    "icons",
    "tags",
    "scopes",
    "meta",
    "timeout",
    "concurrency",
    "resume",
    "task",
    "task_after",
    "blocking",
    "strict",
    "lenient",
    "undescribed",
    "output_schema",
    "visible",
    "glue",
    "crate",
];

pub(crate) const PROMPT_KEYS: &[&str] = &[
    "name",
    "title",
    "description",
    "icons",
    "tags",
    "scopes",
    "meta",
    "timeout",
    "concurrency",
    "resume",
    "blocking",
    "undescribed",
    "visible",
    "glue",
    "crate",
];

pub(crate) const RESOURCE_KEYS: &[&str] = &[
    "name",
    "title",
    "description",
    "mime",
    "size",
    "annotations",
    "icons",
    "tags",
    "scopes",
    "meta",
    "ttl",
    "cache_scope",
    "timeout",
    "concurrency",
    "resume",
    "blocking",
    "visible",
    "glue",
    "crate",
];

/// The attributes that have this key.
fn attributes_with(key: &str) -> Vec<&'static str> {
    [("#[tool]", TOOL_KEYS), ("#[prompt]", PROMPT_KEYS), ("#[resource]", RESOURCE_KEYS)]
        .into_iter()
        .filter(|(_, keys)| keys.contains(&key))
        .map(|(attribute, _)| attribute)
        .collect()
}

fn unknown(attribute: &str, key: &str, known: &[&str]) -> String {
    let elsewhere = ELSEWHERE.iter().find(|(word, _)| *word == key).map(|(_, meant)| *meant);
    let is_known = |meant: &&str| known.contains(&meant.split([' ', '(']).next().unwrap_or(meant));
    // A key of a sister is spelled right, and stands at the wrong place.
    let sister = attributes_with(key).into_iter().find(|sister| *sister != attribute);
    let meant = match (elsewhere.filter(is_known), sister, nearest(key, known)) {
        (Some(meant), ..) => format!("write `{meant}`"),
        (None, Some(sister), _) => format!("it is one of `{sister}`; the keys are {}", list(known)),
        (None, None, Some(meant)) => format!("did you mean `{meant}`?"),
        (None, None, None) => format!("the keys are {}", list(known)),
    };
    format!("`{attribute}` has no key `{key}`; {meant}")
}

/// What JSON Schema and other libraries call our keys.
const ELSEWHERE: &[(&str, &str)] = &[
    ("min", "range = 1.."),
    ("max", "range = ..=100"),
    ("minimum", "range = 1.."),
    ("maximum", "range = ..=100"),
    ("ge", "range = 1.."),
    ("le", "range = ..=100"),
    ("gt", "exclusive_minimum = 0"),
    ("lt", "exclusive_maximum = 100"),
    ("min_length", "length = 1.."),
    ("max_length", "length = ..=100"),
    ("min_items", "items = 1.."),
    ("max_items", "items = ..=100"),
    ("regex", "pattern = \"..\""),
    ("values", "one_of = [..]"),
    ("choices", "one_of = [..]"),
    ("enum", "one_of = [..]"),
    ("rename", "name = \"..\""),
    ("doc", "description = \"..\""),
    ("example", "examples = [..]"),
    ("icon", "icons = [\"https://example.com/icon.png\"]"),
    ("tag", "tags = [\"beta\"]"),
    ("scope", "scopes(\"catalog:write\")"),
    ("security", "scopes(\"catalog:write\")"),
    ("read_only", "annotations(read_only)"),
    ("destructive", "annotations(destructive)"),
    ("idempotent", "annotations(idempotent)"),
    ("open_world", "annotations(open_world)"),
    ("_meta", "meta = json!({ .. })"),
    ("mime_type", "mime = \"..\""),
    ("audience", "annotations(audience = \"..\")"),
    ("priority", "annotations(priority = 0.5)"),
    ("last_modified", "annotations(last_modified = \"..\")"),
    ("completion", "complete = f"),
    ("completer", "complete = f"),
    ("autocomplete", "complete = f"),
    ("suggestions", "complete = [..]"),
    ("ttl_ms", "ttl = \"60s\""),
];

/// Keeps the value of a key, unless there is one already.
pub(crate) fn set<T>(place: &mut Option<T>, key: &Ident, value: Option<T>, diag: &mut Diagnostics) {
    if place.is_some() {
        diag.error(key, format!("`{key}` is given twice; remove one of them"));
    } else {
        *place = value;
    }
}

/// A key that stands alone.
pub(crate) fn flag(key: &Ident, input: ParseStream<'_>, diag: &mut Diagnostics) -> Option<Ident> {
    if input.peek(Token![=]) || input.peek(syn::token::Paren) {
        diag.error(key, format!("`{key}` takes no value: write it alone"));
        rest(input);
    }
    Some(key.clone())
}

/// A key whose value is text in quotes.
pub(crate) fn text(key: &Ident, input: ParseStream<'_>, diag: &mut Diagnostics) -> Option<LitStr> {
    value(key, input, diag, &format!("text in quotes: `{key} = \"..\"`"))
}

/// A key with a value; `what` says which.
pub(crate) fn value<T: Parse>(key: &Ident, input: ParseStream<'_>, diag: &mut Diagnostics, what: &str) -> Option<T> {
    if input.parse::<Token![=]>().is_err() {
        rest(input);
        diag.error(key, format!("`{key}` needs {what}"));
        return None;
    }
    let ahead = input.fork();
    if let Ok(value) = ahead.parse() {
        syn::parse::discouraged::Speculative::advance_to(input, &ahead);
        return Some(value);
    }
    let wrong = rest(input);
    if wrong.is_empty() {
        diag.error(key, format!("`{key}` needs {what}"));
    } else {
        diag.error(wrong, format!("`{key}` needs {what}"));
    }
    None
}

/// A key whose value is an expression.
pub(crate) fn expr(key: &Ident, input: ParseStream<'_>, diag: &mut Diagnostics, what: &str) -> Option<Expr> {
    value(key, input, diag, what).map(bare)
}

/// An expression without the parentheses around it, visible or not; those around an expression
/// that a macro was given are not.
pub(crate) fn bare(value: Expr) -> Expr {
    match value {
        Expr::Group(group) => bare(*group.expr),
        Expr::Paren(paren) if paren.attrs.is_empty() => bare(*paren.expr),
        other => other,
    }
}

/// What remains up to the next comma.
pub(crate) fn rest(input: ParseStream<'_>) -> TokenStream {
    let mut rest = TokenStream::new();
    while !input.is_empty() && !input.peek(Token![,]) {
        match input.parse::<TokenTree>() {
            Ok(token) => rest.extend([token]),
            Err(_) => break,
        }
    }
    rest
}

pub(crate) fn list(words: &[&str]) -> String {
    words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}
