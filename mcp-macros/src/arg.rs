//! The keys of `#[arg(..)]`.

use std::cmp::Ordering;

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens as _, quote};
use syn::parse::ParseStream;
use syn::{
    Attribute, BinOp, Expr, ExprBinary, ExprLit, ExprRange, ExprUnary, Lit, LitStr, Meta, RangeLimits, Token, UnOp,
    parse_quote,
};

use crate::attrs::{Bracketed, is_text};
use crate::diag::{Diagnostics, nearest};
use crate::keys::{expr, flag, list, read, set, text, value};

/// What `#[arg(..)]` says of a parameter, each key once.
#[derive(Default)]
pub(crate) struct ArgAttributes {
    /// Where the first one stands.
    pub(crate) at: Option<TokenStream>,
    pub(crate) name: Option<LitStr>,
    pub(crate) title: Option<LitStr>,
    pub(crate) description: Option<Expr>,
    pub(crate) default: Option<DefaultValue>,
    pub(crate) range: Option<ExprRange>,
    pub(crate) exclusive_minimum: Option<Expr>,
    pub(crate) exclusive_maximum: Option<Expr>,
    pub(crate) multiple_of: Option<Expr>,
    pub(crate) length: Option<Counts>,
    pub(crate) items: Option<Counts>,
    pub(crate) pattern: Option<LitStr>,
    pub(crate) format: Option<LitStr>,
    pub(crate) one_of: Option<OneOf>,
    pub(crate) examples: Option<Vec<Expr>>,
    pub(crate) deprecated: Option<Ident>,
    pub(crate) header: Option<LitStr>,
    pub(crate) flatten: Option<Ident>,
    pub(crate) complete: Option<Expr>,
}

/// What an absent argument is.
pub(crate) enum DefaultValue {
    /// That of its type.
    OfType,
    Text(LitStr),
    Value(Box<Expr>),
}

/// The values that are allowed.
pub(crate) enum OneOf {
    Texts(Vec<LitStr>),
    /// As tokens that are numbers of one type.
    Numbers(Vec<TokenStream>),
}

/// How many.
pub(crate) struct Counts {
    /// As tokens of `Bound`s without their path.
    pub(crate) least: TokenStream,
    pub(crate) most: TokenStream,
}

const KEYS: &[&str] = &[
    "default",
    "name",
    "title",
    "description",
    "range",
    "exclusive_minimum",
    "exclusive_maximum",
    "multiple_of",
    "length",
    "items",
    "pattern",
    "format",
    "one_of",
    "examples",
    "deprecated",
    "header",
    "flatten",
    "complete",
];

/// The formats that the runtime enforces.
const FORMATS: &[&str] = &["date-time", "date", "time", "email", "hostname", "ipv4", "ipv6", "uri", "uuid"];

pub(crate) fn is_arg(attribute: &Attribute) -> bool {
    attribute.path().is_ident("arg")
}

impl ArgAttributes {
    pub(crate) fn parse(attributes: &[Attribute], diag: &mut Diagnostics) -> Self {
        let mut arg = Self::default();
        for attribute in attributes.iter().filter(|attribute| is_arg(attribute)) {
            arg.at.get_or_insert_with(|| attribute.to_token_stream());
            match &attribute.meta {
                Meta::List(list) => {
                    read("#[arg]", KEYS, list.tokens.clone(), diag, |key, input, diag| arg.key(key, input, diag));
                }
                _ => diag.error(attribute, format!("`#[arg]` needs keys: `#[arg(default)]`; they are {}", list(KEYS))),
            }
        }
        arg.check(diag);
        arg
    }

    fn key(&mut self, key: &Ident, input: ParseStream<'_>, diag: &mut Diagnostics) {
        match key.to_string().as_str() {
            "default" => set(&mut self.default, key, default(key, input, diag), diag),
            "name" => set(&mut self.name, key, text(key, input, diag), diag),
            "title" => set(&mut self.title, key, text(key, input, diag), diag),
            "description" => {
                let value = expr(key, input, diag, "text in quotes: `description = \"..\"`");
                set(&mut self.description, key, value.filter(|it| is_text(key, it, diag)), diag);
            }
            "range" => set(&mut self.range, key, range(key, input, diag), diag),
            "exclusive_minimum" => {
                let value = expr(key, input, diag, "a number: `exclusive_minimum = 0`");
                set(&mut self.exclusive_minimum, key, value, diag);
            }
            "exclusive_maximum" => {
                let value = expr(key, input, diag, "a number: `exclusive_maximum = 1`");
                set(&mut self.exclusive_maximum, key, value, diag);
            }
            "multiple_of" => {
                let value: Option<Expr> = expr(key, input, diag, "a number above 0: `multiple_of = 5`");
                let value = value.filter(|value| {
                    let is_wrong = constant(value).is_some_and(|number| number <= 0.0);
                    if is_wrong {
                        diag.error(value, "`multiple_of` needs a number above 0: `multiple_of = 5`");
                    }
                    !is_wrong
                });
                set(&mut self.multiple_of, key, value, diag);
            }
            "length" => set(&mut self.length, key, counts(key, input, diag), diag),
            "items" => set(&mut self.items, key, counts(key, input, diag), diag),
            "pattern" => {
                let pattern = text(key, input, diag).filter(|pattern| check_pattern(pattern, diag));
                set(&mut self.pattern, key, pattern, diag);
            }
            "format" => {
                let format = text(key, input, diag).filter(|format| check_format(format, diag));
                set(&mut self.format, key, format, diag);
            }
            "one_of" => set(&mut self.one_of, key, one_of(key, input, diag), diag),
            "examples" => {
                let what = "a list in brackets: `examples = [..]`";
                let value: Option<Bracketed> = value(key, input, diag, what);
                set(&mut self.examples, key, value.map(|list| list.0), diag);
            }
            "deprecated" => set(&mut self.deprecated, key, flag(key, input, diag), diag),
            "header" => {
                let header = text(key, input, diag).filter(|header| check_header(header, diag));
                set(&mut self.header, key, header, diag);
            }
            "complete" => set(&mut self.complete, key, complete(key, input, diag), diag),
            _ => set(&mut self.flatten, key, flag(key, input, diag), diag),
        }
    }

    /// What one key says against another.
    fn check(&self, diag: &mut Diagnostics) {
        if let Some(flatten) = &self.flatten {
            let others = [
                self.name.is_some() || self.title.is_some() || self.description.is_some(),
                self.default.is_some() || self.examples.is_some() || self.deprecated.is_some(),
                self.range.is_some() || self.exclusive_minimum.is_some() || self.exclusive_maximum.is_some(),
                self.multiple_of.is_some() || self.length.is_some() || self.items.is_some(),
                self.pattern.is_some() || self.format.is_some() || self.one_of.is_some() || self.header.is_some(),
                self.complete.is_some(),
            ];
            if others.contains(&true) {
                diag.error(
                    flatten,
                    "`flatten` stands alone: say the rest on the fields of the struct, with `#[serde(..)]` and `#[schemars(..)]`",
                );
            }
        }
        if let Some(range) = &self.range
            && let (Some(start), Some(end)) = (&range.start, &range.end)
            && is_empty(compare(start, end), &range.limits)
        {
            diag.error(range, "no number is in this range; write the smaller bound first");
        }
        if let (Some(least), Some(most)) = (&self.exclusive_minimum, &self.exclusive_maximum)
            && compare(least, most).is_some_and(Ordering::is_ge)
        {
            diag.error(most, "no number is above `exclusive_minimum` and below this; write a larger one");
        }
        match &self.default {
            Some(DefaultValue::Text(text)) => self.check_default_text(text, diag),
            Some(DefaultValue::Value(value)) => self.check_default_number(value, diag),
            _ => {}
        }
    }

    fn check_default_text(&self, text: &LitStr, diag: &mut Diagnostics) {
        let value = text.value();
        if let Some(OneOf::Texts(texts)) = &self.one_of
            && !texts.iter().any(|it| it.value() == value)
        {
            diag.error(text, "the default is not in `one_of`; add it there, or take one that is");
        }
        if let Some(pattern) = self.pattern.as_ref().and_then(|pattern| regex_lite::Regex::new(&pattern.value()).ok())
            && !pattern.is_match(&value)
        {
            diag.error(text, "the default does not match `pattern`");
        }
    }

    fn check_default_number(&self, value: &Expr, diag: &mut Diagnostics) {
        let Some(default) = constant(value) else { return };
        let bound = |bound: Option<&Expr>| bound.and_then(constant);
        let range = self.range.as_ref();
        let below = bound(range.and_then(|range| range.start.as_deref())).is_some_and(|start| default < start)
            || bound(self.exclusive_minimum.as_ref()).is_some_and(|least| default <= least);
        let is_open = range.is_some_and(|range| matches!(range.limits, RangeLimits::HalfOpen(_)));
        let above = bound(range.and_then(|range| range.end.as_deref()))
            .is_some_and(|end| if is_open { default >= end } else { default > end })
            || bound(self.exclusive_maximum.as_ref()).is_some_and(|most| default >= most);
        if below || above {
            diag.error(value, "the default is outside of the range that the argument must be in");
        }
    }
}

/// Whether nothing is in a range.
fn is_empty(start_to_end: Option<Ordering>, limits: &RangeLimits) -> bool {
    match start_to_end {
        Some(Ordering::Greater) => true,
        Some(Ordering::Equal) => matches!(limits, RangeLimits::HalfOpen(_)),
        _ => false,
    }
}

/// A number that is written down.
pub(crate) fn constant(value: &Expr) -> Option<f64> {
    match value {
        Expr::Lit(ExprLit { lit: Lit::Int(number), .. }) => number.base10_digits().parse().ok(),
        Expr::Lit(ExprLit { lit: Lit::Float(number), .. }) => number.base10_digits().parse().ok(),
        Expr::Unary(ExprUnary { op: UnOp::Neg(_), expr, .. }) => constant(expr).map(|number| -number),
        Expr::Paren(paren) => constant(&paren.expr),
        Expr::Group(group) => constant(&group.expr),
        _ => None,
    }
}

/// A number as tokens of one type: integers that are written down become `i128`.
pub(crate) fn number(value: &Expr) -> TokenStream {
    match value {
        Expr::Lit(ExprLit { lit: Lit::Int(number), .. }) if number.suffix().is_empty() => {
            let mut wide = match number.base10_parse() {
                Ok(number) => proc_macro2::Literal::i128_suffixed(number),
                // The compiler says it of those that do not fit there, either.
                Err(_) => match number.base10_parse() {
                    Ok(number) => proc_macro2::Literal::u128_suffixed(number),
                    Err(_) => return value.to_token_stream(),
                },
            };
            wide.set_span(number.span());
            wide.to_token_stream()
        }
        Expr::Paren(paren) => number(&paren.expr),
        Expr::Binary(ExprBinary { left, op, right, .. }) if is_literal(left) && is_literal(right) => {
            let left = match &**left {
                inner @ Expr::Paren(_) => {
                    let inner = number(inner);
                    quote! { (#inner) }
                }
                left => number(left),
            };
            let right = match (op, &**right) {
                (BinOp::Shl(_) | BinOp::Shr(_), right) => right.to_token_stream(),
                (_, inner @ Expr::Paren(_)) => {
                    let inner = number(inner);
                    quote! { (#inner) }
                }
                (_, right) => number(right),
            };
            quote! { #left #op #right }
        }
        Expr::Unary(ExprUnary { op: UnOp::Neg(minus), expr, .. }) => {
            let positive = number(expr);
            quote! { #minus #positive }
        }
        Expr::Group(group) => number(&group.expr),
        other => other.to_token_stream(),
    }
}

/// Whether an expression is made of integers that are written down, without a type.
fn is_literal(value: &Expr) -> bool {
    match value {
        Expr::Lit(ExprLit { lit: Lit::Int(number), .. }) => number.suffix().is_empty(),
        Expr::Unary(ExprUnary { op: UnOp::Neg(_), expr, .. }) => is_literal(expr),
        Expr::Paren(paren) => is_literal(&paren.expr),
        Expr::Group(group) => is_literal(&group.expr),
        Expr::Binary(binary) => is_literal(&binary.left) && is_literal(&binary.right),
        _ => false,
    }
}

/// An integer that is written down, exactly.
fn whole(value: &Expr) -> Option<i128> {
    match value {
        Expr::Lit(ExprLit { lit: Lit::Int(number), .. }) => number.base10_parse().ok(),
        Expr::Unary(ExprUnary { op: UnOp::Neg(_), expr, .. }) => whole(expr).and_then(i128::checked_neg),
        Expr::Paren(paren) => whole(&paren.expr),
        Expr::Group(group) => whole(&group.expr),
        _ => None,
    }
}

/// How two numbers that are written down compare.
fn compare(one: &Expr, other: &Expr) -> Option<Ordering> {
    match (whole(one), whole(other)) {
        (Some(one), Some(other)) => Some(one.cmp(&other)),
        _ => constant(one)?.partial_cmp(&constant(other)?),
    }
}

fn default(key: &Ident, input: ParseStream<'_>, diag: &mut Diagnostics) -> Option<DefaultValue> {
    if !input.peek(Token![=]) {
        return flag(key, input, diag).map(|_| DefaultValue::OfType);
    }
    match expr(key, input, diag, "a value: `default = 10`, or to stand alone for that of the type")? {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Some(DefaultValue::Text(text)),
        other => Some(DefaultValue::Value(Box::new(other))),
    }
}

fn range(key: &Ident, input: ParseStream<'_>, diag: &mut Diagnostics) -> Option<ExprRange> {
    let what = "a range of numbers: `range = 1..=100`, `range = 0.0..1.0`, `range = 1..`";
    match expr(key, input, diag, what)? {
        Expr::Range(range) if range.start.is_some() || range.end.is_some() => Some(range),
        other => {
            diag.error(other, format!("`range` needs {what}"));
            None
        }
    }
}

fn counts(key: &Ident, input: ParseStream<'_>, diag: &mut Diagnostics) -> Option<Counts> {
    let what = format!("a number or a range: `{key} = 1..=10`, `{key} = 1..`, `{key} = 5`");
    let value: Expr = expr(key, input, diag, &what)?;
    let is_wrong = |value: &Expr| match value {
        Expr::Lit(ExprLit { lit: Lit::Int(_), .. }) => false,
        Expr::Lit(_) | Expr::Unary(_) => true,
        _ => false,
    };
    match &value {
        Expr::Range(ExprRange { start, limits, end, .. }) if start.is_some() || end.is_some() => {
            if start.as_deref().is_some_and(is_wrong) || end.as_deref().is_some_and(is_wrong) {
                diag.error(&value, format!("`{key}` needs {what}"));
                return None;
            }
            let zero = parse_quote!(0);
            if let Some(end) = end
                && is_empty(compare(start.as_deref().unwrap_or(&zero), end), limits)
            {
                diag.error(&value, "no number is in this range; write the smaller bound first");
            }
            let least = start.as_ref().map_or_else(|| quote! { Unbounded }, |start| quote! { Included(#start) });
            let most = match (end, limits) {
                (None, _) => quote! { Unbounded },
                (Some(end), RangeLimits::Closed(_)) => quote! { Included(#end) },
                (Some(end), RangeLimits::HalfOpen(_)) => quote! { Excluded(#end) },
            };
            Some(Counts { least, most })
        }
        Expr::Range(_) => {
            diag.error(&value, format!("`{key}` needs {what}"));
            None
        }
        wrong if is_wrong(wrong) => {
            diag.error(wrong, format!("`{key}` needs {what}"));
            None
        }
        exactly => Some(Counts { least: quote! { Included(#exactly) }, most: quote! { Included(#exactly) } }),
    }
}

fn one_of(key: &Ident, input: ParseStream<'_>, diag: &mut Diagnostics) -> Option<OneOf> {
    let what = "a list of texts or of numbers: `one_of = [\"small\", \"large\"]`, `one_of = [1, 2, 5]`";
    let Bracketed(items, span) = value(key, input, diag, what)?;
    if items.is_empty() {
        diag.error(LitStr::new("", span), "`one_of` allows nothing; list the values that are allowed");
        return None;
    }
    let texts: Option<Vec<LitStr>> = items
        .iter()
        .map(|item| match item {
            Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Some(text.clone()),
            Expr::Lit(ExprLit { lit: Lit::Char(letter), .. }) => {
                Some(LitStr::new(&letter.value().to_string(), letter.span()))
            }
            _ => None,
        })
        .collect();
    if let Some(texts) = texts {
        let again = |(at, text): &(usize, &LitStr)| texts[..*at].iter().any(|earlier| earlier.value() == text.value());
        if let Some((_, again)) = texts.iter().enumerate().find(again) {
            diag.error(again, "`one_of` has this value already; remove one of them");
        }
        return Some(OneOf::Texts(texts));
    }
    let Some(numbers) = items.iter().map(constant).collect::<Option<Vec<f64>>>() else {
        let wrong = items.iter().find(|item| constant(item).is_none());
        diag.error(wrong, format!("`one_of` needs {what}"));
        return None;
    };
    let is_whole = |item: &Expr| !number(item).to_string().contains('.');
    Some(OneOf::Numbers(if items.iter().all(is_whole) {
        items.iter().map(number).collect()
    } else {
        numbers.iter().map(|number| quote! { #number }).collect()
    }))
}

/// What completes the argument: all but plain values, of which traits say the rest.
fn complete(key: &Ident, input: ParseStream<'_>, diag: &mut Diagnostics) -> Option<Expr> {
    let what = "a function that proposes values, `complete = languages`, or a list of them, `complete = [\"python\", \"rust\"]`";
    match expr(key, input, diag, what)? {
        literal @ Expr::Lit(_) => {
            diag.error(literal, format!("`complete` needs {what}"));
            None
        }
        completer => Some(completer),
    }
}

fn check_pattern(pattern: &LitStr, diag: &mut Diagnostics) -> bool {
    let text = pattern.value();
    if let Err(error) = regex_lite::Regex::new(&text) {
        diag.error(pattern, format!("the pattern is not a regular expression: {error}"));
        return false;
    }
    let foreign = ["(?P", "(?i", "(?m", "(?s", "(?x", "(?U", "(?R", "(?-", "\\A", "\\z", "\\x{", "\\a", "[[:"];
    if let Some(foreign) = foreign.iter().find(|it| text.replace("\\\\", "").contains(**it)) {
        diag.error(
            pattern,
            format!("`{foreign}` is not part of the regular expressions of JSON Schema (ECMA-262); write it without"),
        );
        return false;
    }
    true
}

fn check_format(format: &LitStr, diag: &mut Diagnostics) -> bool {
    let name = format.value();
    let is_known = FORMATS.contains(&name.as_str());
    if !is_known {
        let meant = match nearest(&name, FORMATS) {
            Some(meant) => format!("did you mean \"{meant}\"?"),
            None => format!("the formats that are checked are {}; for others use `pattern`", list(FORMATS)),
        };
        diag.error(format, format!("there is no format \"{name}\"; {meant}"));
    }
    is_known
}

/// RFC 9110: a header's name is a token.
fn check_header(header: &LitStr, diag: &mut Diagnostics) -> bool {
    let name = header.value();
    let is_part = |it: &char| it.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(*it);
    if name.is_empty() {
        diag.error(header, "a header needs a name: `header = \"Region\"` for `Mcp-Param-Region`");
        return false;
    }
    if let Some(wrong) = name.chars().find(|it| !is_part(it)) {
        diag.error(
            header,
            format!("{wrong:?} cannot be part of a header's name: letters, digits and `!#$%&'*+-.^_`|~` can"),
        );
        return false;
    }
    true
}
