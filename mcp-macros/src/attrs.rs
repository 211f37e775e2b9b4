//! The keys of `#[tool(..)]`.

use proc_macro2::{Ident, TokenStream, TokenTree};
use syn::parse::{ParseStream, Parser as _};
use syn::{LitStr, Token};

use crate::diag::{Diagnostics, nearest};

/// What stands in the parentheses, each key once.
#[derive(Default)]
pub(crate) struct ToolAttributes {
    pub(crate) name: Option<LitStr>,
    pub(crate) title: Option<LitStr>,
    pub(crate) description: Option<LitStr>,
    pub(crate) blocking: Option<Ident>,
    pub(crate) glue: Option<Ident>,
}

const KEYS: &[&str] = &["name", "title", "description", "blocking", "glue"];

impl ToolAttributes {
    pub(crate) fn parse(tokens: TokenStream, diag: &mut Diagnostics) -> Self {
        let mut attributes = Self::default();
        let parsed = (|input: ParseStream<'_>| {
            while !input.is_empty() {
                let before = diag.len();
                attributes.key(input, diag);
                let left = rest_of_key(input);
                if !left.is_empty() && diag.len() == before {
                    diag.error(left, "expected `,` between the keys of `#[tool(..)]`");
                }
                input.parse::<Option<Token![,]>>()?;
            }
            Ok(())
        })
        .parse2(tokens);
        diag.accept(parsed);
        attributes
    }

    fn key(&mut self, input: ParseStream<'_>, diag: &mut Diagnostics) {
        let Ok(key) = input.call(<Ident as syn::ext::IdentExt>::parse_any) else {
            diag.error(rest_of_key(input), format!("expected a key of `#[tool(..)]`: {}", list(KEYS)));
            return;
        };
        match key.to_string().as_str() {
            "name" => set(&mut self.name, &key, text(&key, input, diag), diag),
            "title" => set(&mut self.title, &key, text(&key, input, diag), diag),
            "description" => set(&mut self.description, &key, text(&key, input, diag), diag),
            "blocking" => {
                if input.peek(Token![=]) || input.peek(syn::token::Paren) {
                    diag.error(&key, "`blocking` takes no value: write `#[tool(blocking)]`");
                }
                set(&mut self.blocking, &key.clone(), Some(key), diag);
            }
            "glue" => {
                let value = value::<Ident>(&key, input, diag, "a type name: `glue = SearchTool`");
                set(&mut self.glue, &key, value, diag);
            }
            unknown => {
                let meant = match nearest(unknown, KEYS) {
                    Some(meant) => format!("did you mean `{meant}`?"),
                    None => format!("the keys are {}", list(KEYS)),
                };
                diag.error(&key, format!("`#[tool]` has no key `{unknown}`; {meant}"));
            }
        }
    }
}

fn set<T>(place: &mut Option<T>, key: &Ident, value: Option<T>, diag: &mut Diagnostics) {
    if place.is_some() {
        diag.error(key, format!("`{key}` is given twice; remove one of them"));
    } else {
        *place = value;
    }
}

fn text(key: &Ident, input: ParseStream<'_>, diag: &mut Diagnostics) -> Option<LitStr> {
    value(key, input, diag, &format!("text in quotes: `{key} = \"..\"`"))
}

fn value<T: syn::parse::Parse>(key: &Ident, input: ParseStream<'_>, diag: &mut Diagnostics, what: &str) -> Option<T> {
    if input.parse::<Token![=]>().is_err() {
        diag.error(key, format!("`{key}` needs {what}"));
        return None;
    }
    let ahead = input.fork();
    if let Ok(value) = ahead.parse() {
        syn::parse::discouraged::Speculative::advance_to(input, &ahead);
        return Some(value);
    }
    let wrong = rest_of_key(input);
    if wrong.is_empty() {
        diag.error(key, format!("`{key}` needs {what}"));
    } else {
        diag.error(wrong, format!("`{key}` needs {what}"));
    }
    None
}

/// What remains up to the next comma.
fn rest_of_key(input: ParseStream<'_>) -> TokenStream {
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
