//! The keys of `#[tool(..)]`, `#[prompt(..)]` and `#[resource(..)]`.

use proc_macro2::{Ident, Span, TokenStream};
use quote::quote;
use syn::parse::{ParseStream, Parser as _};
use syn::punctuated::Punctuated;
use syn::{Expr, ExprLit, Lit, LitBool, LitStr, Path, Token, Type};

use crate::diag::Diagnostics;
use crate::keys::{PROMPT_KEYS, RESOURCE_KEYS, TOOL_KEYS, expr, flag, list, read, set, text, value};
use crate::kind::Kind;
use crate::template::Template;

/// What stands in the parentheses, each key once.
#[derive(Default)]
pub(crate) struct Attributes {
    /// What a resource begins with.
    pub(crate) template: Option<Template>,
    pub(crate) mime: Option<LitStr>,
    pub(crate) size: Option<Expr>,
    pub(crate) hints: Option<Vec<Hint>>,
    pub(crate) ttl: Option<Timeout>,
    /// The method of details that says it.
    pub(crate) cache_scope: Option<Ident>,
    pub(crate) name: Option<LitStr>,
    pub(crate) title: Option<LitStr>,
    pub(crate) description: Option<Expr>,
    pub(crate) blocking: Option<Ident>,
    pub(crate) glue: Option<Ident>,
    pub(crate) annotations: Option<Vec<(Ident, bool)>>,
    pub(crate) icons: Option<Expr>,
    pub(crate) tags: Option<Expr>,
    pub(crate) scopes: Option<Vec<LitStr>>,
    pub(crate) meta: Option<Expr>,
    pub(crate) timeout: Option<Timeout>,
    pub(crate) concurrency: Option<Expr>,
    pub(crate) output_schema: Option<Type>,
    pub(crate) visible: Option<Expr>,
    pub(crate) strict: Option<Ident>,
    pub(crate) lenient: Option<Ident>,
    pub(crate) undescribed: Option<Undescribed>,
    pub(crate) task: Option<Task>,
    /// How calls go on: a variant of `Resume`.
    pub(crate) resume: Option<Ident>,
    pub(crate) runtime: Option<Path>,
}

/// What a resource says of itself: a method of details, and what that is given.
pub(crate) struct Hint {
    pub(crate) method: Ident,
    pub(crate) value: Expr,
}

/// How long something may run or last, as tokens of a `Duration`.
pub(crate) struct Timeout {
    pub(crate) key: Ident,
    pub(crate) duration: TokenStream,
}

/// When calls become tasks.
pub(crate) struct Task {
    pub(crate) key: Ident,
    pub(crate) when: TaskWhen,
}

pub(crate) enum TaskWhen {
    Always,
    Required,
    /// After this time, as tokens of a `Duration`.
    After(TokenStream),
}

/// What an argument without a description is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Undescribed {
    Allow,
    Deny,
}

impl Attributes {
    pub(crate) fn parse(kind: Kind, mut tokens: TokenStream, diag: &mut Diagnostics) -> Self {
        let mut attributes = Self::default();
        let keys = match kind {
            Kind::Tool => TOOL_KEYS,
            Kind::Prompt => PROMPT_KEYS,
            Kind::Resource => {
                let uri;
                (uri, tokens) = first(tokens, diag);
                attributes.template = uri.map(|uri| Template::new(uri, diag));
                RESOURCE_KEYS
            }
        };
        read(kind.attribute(), keys, tokens, diag, |key, input, diag| attributes.key(kind, key, input, diag));
        if let (Some(strict), Some(_)) = (&attributes.strict, &attributes.lenient) {
            diag.error(strict, "a tool is `strict` or `lenient`; remove one of them");
        }
        attributes
    }

    fn key(&mut self, kind: Kind, key: &Ident, input: ParseStream<'_>, diag: &mut Diagnostics) {
        match key.to_string().as_str() {
            "name" => set(&mut self.name, key, text(key, input, diag), diag),
            "title" => set(&mut self.title, key, text(key, input, diag), diag),
            "description" => {
                let value = expr(key, input, diag, "text in quotes: `description = \"..\"`");
                set(&mut self.description, key, value.filter(|it| is_text(key, it, diag)), diag);
            }
            "blocking" => set(&mut self.blocking, key, flag(key, input, diag), diag),
            "strict" => set(&mut self.strict, key, flag(key, input, diag), diag),
            "lenient" => set(&mut self.lenient, key, flag(key, input, diag), diag),
            "glue" => {
                let value = value(key, input, diag, &format!("a type name: `glue = {}`", example_glue(kind)));
                set(&mut self.glue, key, value, diag);
            }
            "annotations" if kind == Kind::Resource => set(&mut self.hints, key, hints(key, input, diag), diag),
            "annotations" => set(&mut self.annotations, key, annotations(key, input, diag), diag),
            "mime" => set(&mut self.mime, key, text(key, input, diag), diag),
            "size" => {
                let value = expr(key, input, diag, "a number of bytes: `size = 1024`");
                set(&mut self.size, key, value, diag);
            }
            "ttl" => set(&mut self.ttl, key, timeout(key, input, diag), diag),
            "cache_scope" => set(&mut self.cache_scope, key, cache_scope(key, input, diag), diag),
            "icons" => {
                let what = "a list of icons: `icons = [\"https://example.com/icon.png\"]`";
                set(&mut self.icons, key, items(key, input, diag, what), diag);
            }
            "tags" => {
                let what = "a list of words: `tags = [\"beta\"]`";
                let tags = items(key, input, diag, what);
                if let Some(Expr::Array(array)) = &tags
                    && let Some(other) =
                        array.elems.iter().find(|it| literal(it).is_some_and(|it| !matches!(it, Lit::Str(_))))
                {
                    diag.error(other, format!("`tags` needs {what}"));
                }
                set(&mut self.tags, key, tags, diag);
            }
            "scopes" => set(&mut self.scopes, key, scopes(key, input, diag), diag),
            "meta" => {
                let value = expr(key, input, diag, "a JSON object: `meta = json!({ .. })`");
                set(&mut self.meta, key, value, diag);
            }
            "timeout" => set(&mut self.timeout, key, timeout(key, input, diag), diag),
            "concurrency" => {
                let value: Option<Expr> = expr(key, input, diag, "a number of calls: `concurrency = 4`");
                let value = value.filter(|value| match literal(value) {
                    Some(Lit::Int(number)) if number.base10_digits() != "0" => true,
                    None => true,
                    Some(_) => {
                        diag.error(value, "`concurrency` needs a number of calls, at least 1: `concurrency = 4`");
                        false
                    }
                });
                set(&mut self.concurrency, key, value, diag);
            }
            "task" => set(&mut self.task, key, task(key, input, diag), diag),
            "task_after" => {
                let after = timeout(key, input, diag);
                let task = after.map(|Timeout { key, duration }| Task { key, when: TaskWhen::After(duration) });
                if self.task.is_some() {
                    diag.error(
                        key,
                        "a call becomes a task at once, `task`, or after a time, `task_after`; remove one of them",
                    );
                } else {
                    self.task = task;
                }
            }
            "resume" => set(&mut self.resume, key, resume(key, input, diag), diag),
            "output_schema" => {
                let value = value(key, input, diag, "the type that is returned: `output_schema = Product`");
                set(&mut self.output_schema, key, value, diag);
            }
            "visible" => {
                let value = value(key, input, diag, "a function of `&Requester`: `visible = is_admin`");
                set(&mut self.visible, key, value, diag);
            }
            "undescribed" => set(&mut self.undescribed, key, undescribed(key, input, diag), diag),
            _ => set(&mut self.runtime, key, runtime(key, input, diag), diag),
        }
    }
}

/// The keys of `#[tool(..)]` on an `impl`.
#[derive(Default)]
pub(crate) struct ImplAttributes {
    pub(crate) method: Option<Ident>,
    pub(crate) undescribed: Option<Undescribed>,
    pub(crate) runtime: Option<Path>,
}

impl ImplAttributes {
    pub(crate) fn parse(tokens: TokenStream, diag: &mut Diagnostics) -> Self {
        let mut attributes = Self::default();
        read("#[tool] impl", &["method", "undescribed", "crate"], tokens, diag, |key, input, diag| {
            match key.to_string().as_str() {
                "method" => {
                    let value = value(key, input, diag, "the name of a method: `method = admin_tools`");
                    set(&mut attributes.method, key, value, diag);
                }
                "undescribed" => set(&mut attributes.undescribed, key, undescribed(key, input, diag), diag),
                _ => set(&mut attributes.runtime, key, runtime(key, input, diag), diag),
            }
        });
        attributes
    }
}

fn example_glue(kind: Kind) -> &'static str {
    match kind {
        Kind::Tool => "SearchTool",
        Kind::Prompt => "ReviewPrompt",
        Kind::Resource => "UserResource",
    }
}

/// The URI that a resource begins with, and what stands after it.
fn first(tokens: TokenStream, diag: &mut Diagnostics) -> (Option<LitStr>, TokenStream) {
    const WANTED: &str =
        "a resource begins with its URI: `#[resource(\"docs://readme\")]`, `#[resource(\"user://{id}\")]`";
    let parsed = (|input: ParseStream<'_>| {
        let uri = match input.parse::<Option<Lit>>()? {
            Some(Lit::Str(uri)) => {
                if !input.is_empty() && !input.peek(Token![,]) {
                    diag.error(crate::keys::rest(input), "expected `,` after the URI");
                }
                Some(uri)
            }
            Some(other) => {
                diag.error(other, WANTED);
                None
            }
            None => {
                diag.error(LitStr::new("", Span::call_site()), WANTED);
                None
            }
        };
        if uri.is_some() {
            input.parse::<Option<Token![,]>>()?;
        }
        Ok((uri, input.parse()?))
    })
    .parse2(tokens);
    diag.accept(parsed).unwrap_or_default()
}

fn literal(value: &Expr) -> Option<&Lit> {
    match value {
        Expr::Lit(ExprLit { lit, .. }) => Some(lit),
        _ => None,
    }
}

/// Whether a description can be text; what is not a literal is for the compiler to say.
pub(crate) fn is_text(key: &Ident, value: &Expr, diag: &mut Diagnostics) -> bool {
    let is_text = matches!(literal(value), None | Some(Lit::Str(_)));
    if !is_text {
        diag.error(value, format!("`{key}` needs text in quotes: `{key} = \"..\"`"));
    }
    is_text
}

fn undescribed(key: &Ident, input: ParseStream<'_>, diag: &mut Diagnostics) -> Option<Undescribed> {
    let value = text(key, input, diag)?;
    match value.value().as_str() {
        "allow" => Some(Undescribed::Allow),
        "deny" => Some(Undescribed::Deny),
        _ => {
            diag.error(value, "`undescribed` is \"allow\" or \"deny\"");
            None
        }
    }
}

/// The variant of `Resume` that a word stands for.
fn resume(key: &Ident, input: ParseStream<'_>, diag: &mut Diagnostics) -> Option<Ident> {
    let value = text(key, input, diag)?;
    match value.value().as_str() {
        "auto" => Some(Ident::new("Auto", value.span())),
        "parked" => Some(Ident::new("Parked", value.span())),
        "replay" => Some(Ident::new("Replay", value.span())),
        _ => {
            diag.error(value, "`resume` is \"auto\", \"parked\" or \"replay\"");
            None
        }
    }
}

fn runtime(key: &Ident, input: ParseStream<'_>, diag: &mut Diagnostics) -> Option<Path> {
    let what = "the path of the renamed dependency: `crate = my_runtime`";
    if input.parse::<Token![=]>().is_err() {
        diag.error(key, format!("`crate` needs {what}"));
        return None;
    }
    match Path::parse_mod_style(input) {
        Ok(path) => Some(path),
        Err(_) => {
            let wrong = crate::keys::rest(input);
            diag.error(wrong, format!("`crate` needs {what}"));
            None
        }
    }
}

const ANNOTATIONS: &[&str] = &["read_only", "destructive", "idempotent", "open_world"];

fn annotations(key: &Ident, input: ParseStream<'_>, diag: &mut Diagnostics) -> Option<Vec<(Ident, bool)>> {
    if !input.peek(syn::token::Paren) {
        crate::keys::rest(input);
        diag.error(key, format!("`annotations` needs some of {}: `annotations(read_only)`", list(ANNOTATIONS)));
        return None;
    }
    let group: proc_macro2::Group = input.parse().ok()?;
    let mut hints: Vec<(Ident, bool)> = Vec::new();
    read("annotations(..)", ANNOTATIONS, group.stream(), diag, |hint, input, diag| {
        let is_so = if input.peek(Token![=]) {
            match value::<LitBool>(hint, input, diag, "`true` or `false`, or to stand alone") {
                Some(is_so) => is_so.value,
                None => return,
            }
        } else {
            true
        };
        if hints.iter().any(|(earlier, _)| earlier == hint) {
            diag.error(hint, format!("`{hint}` is given twice; remove one of them"));
        }
        hints.push((hint.clone(), is_so));
    });
    let says = |name: &str| hints.iter().find(|(hint, is_so)| hint == name && *is_so);
    if let (Some(_), Some((destructive, _))) = (says("read_only"), says("destructive")) {
        diag.error(destructive, "what is `read_only` cannot be `destructive`; remove one of them");
    }
    Some(hints)
}

/// What a caller's token must allow.
fn scopes(key: &Ident, input: ParseStream<'_>, diag: &mut Diagnostics) -> Option<Vec<LitStr>> {
    let what = "the scopes that a caller needs: `scopes(\"catalog:write\")`";
    if !input.peek(syn::token::Paren) {
        crate::keys::rest(input);
        diag.error(key, format!("`scopes` needs {what}"));
        return None;
    }
    let group: proc_macro2::Group = input.parse().ok()?;
    let list = syn::punctuated::Punctuated::<LitStr, Token![,]>::parse_terminated;
    let Ok(scopes) = syn::parse::Parser::parse2(list, group.stream()) else {
        diag.error(group.stream(), format!("`scopes` needs {what}"));
        return None;
    };
    if scopes.is_empty() {
        diag.error(key, format!("`scopes` needs {what}"));
    }
    let scopes: Vec<LitStr> = scopes.into_iter().collect();
    for (place, scope) in scopes.iter().enumerate() {
        let text = scope.value();
        // As OAuth has them: what separates them in a token cannot be in them.
        let is_scope = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"\\".contains(&byte));
        if !is_scope {
            diag.error(scope, "a scope is made of visible ASCII characters, without spaces, `\"` and `\\`");
        } else if scopes.iter().take(place).any(|earlier| earlier.value() == text) {
            diag.error(scope, format!("`{text}` is given twice; remove one of them"));
        }
    }
    Some(scopes)
}

const HINTS: &[&str] = &["audience", "priority", "last_modified"];

/// What a resource says of itself.
fn hints(key: &Ident, input: ParseStream<'_>, diag: &mut Diagnostics) -> Option<Vec<Hint>> {
    if !input.peek(syn::token::Paren) {
        crate::keys::rest(input);
        diag.error(key, format!("`annotations` needs some of {}: `annotations(priority = 0.5)`", list(HINTS)));
        return None;
    }
    let group: proc_macro2::Group = input.parse().ok()?;
    let mut hints: Vec<Hint> = Vec::new();
    read("annotations(..)", HINTS, group.stream(), diag, |hint, input, diag| {
        let what = match hint.to_string().as_str() {
            "audience" => "\"user\", \"assistant\" or both: `audience = [\"user\", \"assistant\"]`",
            "priority" => "a number from 0 to 1: `priority = 0.8`",
            _ => "a time in ISO 8601: `last_modified = \"2026-07-28T12:00:00Z\"`",
        };
        let Some(value) = expr(hint, input, diag, what) else { return };
        if hints.iter().any(|earlier| earlier.method == *hint) {
            return diag.error(hint, format!("`{hint}` is given twice; remove one of them"));
        }
        let says_all = match (hint.to_string().as_str(), &value) {
            ("audience", Expr::Array(roles)) => roles.elems.iter().all(is_role) && !roles.elems.is_empty(),
            ("audience", value) => is_role(value),
            ("priority", value) => match crate::arg::constant(value) {
                Some(priority) => (0.0..=1.0).contains(&priority),
                None => literal(value).is_none(),
            },
            (_, value) => matches!(literal(value), None | Some(Lit::Str(_))),
        };
        if !says_all {
            return diag.error(value, format!("`{hint}` needs {what}"));
        }
        match value {
            Expr::Array(roles) => {
                hints.extend(roles.elems.into_iter().map(|value| Hint { method: hint.clone(), value }))
            }
            value => hints.push(Hint { method: hint.clone(), value }),
        }
    });
    Some(hints)
}

fn is_role(value: &Expr) -> bool {
    matches!(literal(value), Some(Lit::Str(text)) if ["user", "assistant"].contains(&text.value().as_str()))
}

/// A list that is the value of a key; `what` says of what.
fn items(key: &Ident, input: ParseStream<'_>, diag: &mut Diagnostics, what: &str) -> Option<Expr> {
    value(key, input, diag, what).filter(|value| {
        let is_list = literal(value).is_none();
        if !is_list {
            diag.error(value, format!("`{key}` needs {what}"));
        }
        is_list
    })
}

fn cache_scope(key: &Ident, input: ParseStream<'_>, diag: &mut Diagnostics) -> Option<Ident> {
    let value = text(key, input, diag)?;
    match value.value().as_str() {
        "public" => Some(Ident::new("cache_public", value.span())),
        "private" => Some(Ident::new("cache_private", value.span())),
        _ => {
            diag.error(value, "`cache_scope` is \"public\" or \"private\"");
            None
        }
    }
}

fn timeout(key: &Ident, input: ParseStream<'_>, diag: &mut Diagnostics) -> Option<Timeout> {
    let what = format!("a time: `{key} = \"5s\"`, with `ms`, `s`, `m` or `h`");
    let value: Expr = expr(key, input, diag, &what)?;
    let duration = match literal(&value) {
        Some(Lit::Str(text)) => match millis(&text.value()) {
            Some(millis) => quote! { ::core::time::Duration::from_millis(#millis) },
            None => {
                diag.error(text, format!("`{key}` needs {what}, more than 0"));
                return None;
            }
        },
        Some(other) => {
            diag.error(other, format!("`{key}` needs {what}"));
            return None;
        }
        None => quote! { #value },
    };
    Some(Timeout { key: key.clone(), duration })
}

/// `task` alone, or `task = "required"`.
fn task(key: &Ident, input: ParseStream<'_>, diag: &mut Diagnostics) -> Option<Task> {
    let key = key.clone();
    if !input.peek(Token![=]) {
        return Some(Task { key, when: TaskWhen::Always });
    }
    let value = text(&key, input, diag)?;
    if value.value() == "required" {
        return Some(Task { key, when: TaskWhen::Required });
    }
    diag.error(value, "`task` stands alone, or is \"required\"; a time is given with `task_after = \"5s\"`");
    None
}

fn millis(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text.find(|it: char| !it.is_ascii_digit())?;
    let number: u64 = text[..digits].parse().ok()?;
    let unit = match text[digits..].trim() {
        "ms" => 1,
        "s" => 1_000,
        "m" | "min" => 60_000,
        "h" => 3_600_000,
        _ => return None,
    };
    number.checked_mul(unit).filter(|millis| *millis > 0)
}

/// A list in brackets, as tokens of its items.
pub(crate) struct Bracketed(pub(crate) Vec<Expr>, pub(crate) Span);

impl syn::parse::Parse for Bracketed {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let content;
        let bracket = syn::bracketed!(content in input);
        let items = Punctuated::<Expr, Token![,]>::parse_terminated(&content)?;
        Ok(Self(items.into_iter().map(crate::keys::bare).collect(), bracket.span.join()))
    }
}

#[cfg(test)]
mod tests {
    use super::millis;

    #[test]
    fn times_are_read() {
        for (text, expected) in [
            ("5s", Some(5_000)),
            ("250ms", Some(250)),
            ("2 m", Some(120_000)),
            ("1h", Some(3_600_000)),
            ("0s", None),
            ("5", None),
            ("s", None),
            ("-1s", None),
            ("99999999999999999999s", None),
        ] {
            assert_eq!(millis(text), expected, "{text}");
        }
    }
}
