//! The keys of `#[tool(..)]`.

use proc_macro2::{Ident, Span, TokenStream};
use quote::quote;
use syn::parse::ParseStream;
use syn::punctuated::Punctuated;
use syn::{Expr, ExprLit, Lit, LitBool, LitStr, Path, Token, Type};

use crate::diag::Diagnostics;
use crate::keys::{expr, flag, list, read, set, text, value};

/// What stands in the parentheses, each key once.
#[derive(Default)]
pub(crate) struct ToolAttributes {
    pub(crate) name: Option<LitStr>,
    pub(crate) title: Option<LitStr>,
    pub(crate) description: Option<Expr>,
    pub(crate) blocking: Option<Ident>,
    pub(crate) glue: Option<Ident>,
    pub(crate) annotations: Option<Vec<(Ident, bool)>>,
    pub(crate) icons: Option<Expr>,
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

/// How long a tool may run, as tokens of a `Duration`.
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

const KEYS: &[&str] = &[
    "name",
    "title",
    "description",
    "annotations",
    "icons",
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

impl ToolAttributes {
    pub(crate) fn parse(tokens: TokenStream, diag: &mut Diagnostics) -> Self {
        let mut attributes = Self::default();
        read("#[tool]", KEYS, tokens, diag, |key, input, diag| attributes.key(key, input, diag));
        if let (Some(strict), Some(_)) = (&attributes.strict, &attributes.lenient) {
            diag.error(strict, "a tool is `strict` or `lenient`; remove one of them");
        }
        attributes
    }

    fn key(&mut self, key: &Ident, input: ParseStream<'_>, diag: &mut Diagnostics) {
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
                let value = value(key, input, diag, "a type name: `glue = SearchTool`");
                set(&mut self.glue, key, value, diag);
            }
            "annotations" => set(&mut self.annotations, key, annotations(key, input, diag), diag),
            "icons" => {
                let what = "a list of icons: `icons = [\"https://example.com/icon.png\"]`";
                let value = value(key, input, diag, what).filter(|value| {
                    let is_list = literal(value).is_none();
                    if !is_list {
                        diag.error(value, format!("`icons` needs {what}"));
                    }
                    is_list
                });
                set(&mut self.icons, key, value, diag);
            }
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
