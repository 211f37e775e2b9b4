//! What was meant, and the rules that it obeys.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens as _, format_ident};
use syn::ext::IdentExt as _;
use syn::visit_mut::VisitMut;
use syn::{
    Attribute, FnArg, GenericParam, LitStr, Path, Receiver, ReceiverKind, Signature, Type, TypeReference, Visibility,
};

use crate::attrs::{ToolAttributes, Undescribed};
use crate::diag::Diagnostics;
use crate::docs;
use crate::expand::allowances;
use crate::item::ToolItem;
use crate::param::{ParamModel, check_names, contains_impl, erase_lifetimes};

/// A tool, fully understood.
pub(crate) struct ToolModel {
    /// The hidden type.
    pub(crate) glue: Ident,
    pub(crate) function: Ident,
    pub(crate) visibility: Visibility,
    pub(crate) name: String,
    pub(crate) title: String,
    pub(crate) description: TokenStream,
    pub(crate) params: Vec<ParamModel>,
    pub(crate) returns: Type,
    pub(crate) mode: Mode,
    pub(crate) owner: Owner,
    /// The type that `self` is given, if it is.
    pub(crate) receiver: Option<Type>,
    /// What the author allows the function.
    pub(crate) allowances: Vec<Attribute>,
    /// The conditions that it is there on.
    pub(crate) conditions: Vec<Attribute>,
    pub(crate) attributes: ToolAttributes,
}

/// How the function is entered.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Plain,
    /// Plain, but it may have to wait before it is entered.
    Queued,
    Async,
    Blocking,
}

/// What the function belongs to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Owner {
    /// A module.
    None,
    /// A type, of which it needs no value.
    Type,
    /// A value, which it gets by reference.
    Borrowed,
    /// A value, which it gets behind an `Arc`.
    Shared,
}

/// Where a tool stands.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Module,
    Impl,
}

impl ToolModel {
    /// Understands a function, or notes all that is wrong with it.
    pub(crate) fn new(item: &ToolItem, attributes: ToolAttributes, place: Place, diag: &mut Diagnostics) -> Self {
        let signature = &item.signature;
        check_qualifiers(signature, &attributes, diag);
        let owner = owner(signature, place, diag);
        let mut params = Vec::new();
        for input in &signature.inputs {
            if let FnArg::Typed(typed) = input {
                params.extend(ParamModel::new(typed, attributes.undescribed, diag).map(|param| (typed, param)));
            }
        }
        check_names(&params, diag);
        let mut returns = item.returns();
        if contains_impl(&returns) {
            diag.error(&returns, "a tool must name the type that it returns: its schema is made from it");
        }
        erase_lifetimes(&mut returns);
        let function = signature.ident.clone();
        let name = attributes.name.as_ref().map_or_else(|| function.unraw().to_string(), LitStr::value);
        check_name(&name, attributes.name.as_ref().map_or_else(|| function.span(), LitStr::span), diag);
        let mode = match (&attributes.blocking, signature.asyncness) {
            (Some(_), _) => Mode::Blocking,
            (None, Some(_)) => Mode::Async,
            (None, None) if attributes.concurrency.is_some() => Mode::Queued,
            (None, None) => Mode::Plain,
        };
        if let (Mode::Plain | Mode::Queued, Some(timeout)) = (mode, &attributes.timeout) {
            diag.error(
                &timeout.key,
                "`timeout` cannot stop a function that never awaits; make it `async`, or `blocking`",
            );
        }
        if let (Mode::Plain | Mode::Queued, Some(task)) = (mode, &attributes.task) {
            diag.error(
                &task.key,
                "a function that never awaits is done at once, and no task; make it `async`, or `blocking`",
            );
        }
        if let (Place::Impl, Some(glue)) = (place, &attributes.glue) {
            diag.error(glue, "a method has no hidden type; remove `glue`");
        }
        if let (Place::Module, None) = (place, &attributes.glue)
            && is_primitive(&function)
        {
            let glue = format!("{}Tool", title(&function.to_string()));
            diag.error(
                &function,
                format!(
                    "the hidden type of this tool would take the place of the primitive type `{function}`; \
                     name it with `glue = {glue}`, and list that: `tools![{glue}]`"
                ),
            );
        }
        let described = match &attributes.description {
            Some(description) => Some(description.to_token_stream()),
            None => docs::description(&item.attributes),
        };
        Self {
            glue: glue(&attributes, &function),
            visibility: item.visibility.clone(),
            title: attributes.title.as_ref().map_or_else(|| title(&name), LitStr::value),
            description: described.unwrap_or_else(|| LitStr::new("", function.span()).into_token_stream()),
            function,
            name,
            params: params.into_iter().map(|(_, param)| param).collect(),
            returns,
            mode,
            owner,
            receiver: signature.receiver().and_then(|receiver| match &receiver.kind {
                ReceiverKind::Typed(_, ty) => Some((**ty).clone()),
                _ => None,
            }),
            allowances: allowances(&item.attributes),
            conditions: item.conditions(),
            attributes,
        }
    }
}

/// Whether it is the name of a type that every module knows.
pub(crate) fn is_primitive(name: &Ident) -> bool {
    const PRIMITIVES: &[&str] = &[
        "bool", "char", "str", "f32", "f64", "i8", "i16", "i32", "i64", "i128", "isize", "u8", "u16", "u32", "u64",
        "u128", "usize",
    ];
    PRIMITIVES.iter().any(|primitive| name == primitive)
}

/// The name of the hidden type. `tools![..]` names it with the path that it was given, so it is
/// spelled as the function is.
pub(crate) fn glue(attributes: &ToolAttributes, function: &Ident) -> Ident {
    attributes.glue.clone().unwrap_or_else(|| format_ident!("{function}", span = function.span()))
}

/// What methods take over from the `impl` that they are in.
pub(crate) fn inherit(attributes: &mut ToolAttributes, undescribed: Option<Undescribed>, runtime: Option<&Path>) {
    attributes.undescribed = attributes.undescribed.or(undescribed);
    if attributes.runtime.is_none() {
        attributes.runtime = runtime.cloned();
    }
}

fn owner(signature: &Signature, place: Place, diag: &mut Diagnostics) -> Owner {
    let Some(receiver) = signature.receiver() else {
        if place == Place::Module && is_of_impl(signature) {
            diag.error(&signature.ident, BARE_METHOD);
        }
        return if place == Place::Impl { Owner::Type } else { Owner::None };
    };
    if place == Place::Module {
        diag.error(receiver, BARE_METHOD);
        return Owner::None;
    }
    check_receiver(receiver, diag)
}

const BARE_METHOD: &str = "a method is a tool only in an `impl` that carries `#[tool]`, too: \
                           put `#[tool]` above the `impl`, or make this a free function that takes `State<T>`";

fn check_receiver(receiver: &Receiver, diag: &mut Diagnostics) -> Owner {
    const SHARED: &str = "calls share the value: take `&self`, and keep what changes in a `Mutex` or an atomic";
    match &receiver.kind {
        ReceiverKind::Reference(.., None) => Owner::Borrowed,
        ReceiverKind::Typed(_, ty) => match &**ty {
            Type::Reference(TypeReference { mutability: None, .. }) => Owner::Borrowed,
            Type::Reference(_) => {
                diag.error(receiver, SHARED);
                Owner::Borrowed
            }
            _ => Owner::Shared,
        },
        ReceiverKind::Reference(.., Some(_)) => {
            diag.error(receiver, SHARED);
            Owner::Borrowed
        }
        _ => {
            diag.error(receiver, "a tool cannot consume `self`: there are more calls to come; take `&self`");
            Owner::Shared
        }
    }
}

/// Whether it takes `self` or its types say `Self`, which only what stands in an `impl` can.
pub(crate) fn is_of_impl(signature: &Signature) -> bool {
    struct Find(bool);
    impl VisitMut for Find {
        fn visit_path_mut(&mut self, path: &mut Path) {
            self.0 |= path.segments.first().is_some_and(|first| first.ident == "Self");
            syn::visit_mut::visit_path_mut(self, path);
        }
    }
    let mut find = Find(false);
    find.visit_signature_mut(&mut signature.clone());
    find.0 || signature.receiver().is_some()
}

fn check_qualifiers(signature: &Signature, attributes: &ToolAttributes, diag: &mut Diagnostics) {
    if let Some(token) = &signature.constness {
        diag.error(token, "a tool cannot be `const`: the server calls it while it runs; remove `const`");
    }
    if let syn::Safety::Unsafe(token) = &signature.safety {
        diag.error(
            token,
            "a tool cannot be `unsafe`: any client may call it; make it safe, or call it from a tool that is",
        );
    }
    if let Some(abi) = &signature.abi {
        diag.error(abi, "a tool cannot be `extern`: it takes Rust types; remove the ABI, or call it from a tool");
    }
    if let Some(variadic) = &signature.variadic {
        diag.error(variadic, "a tool cannot be variadic: its schema names every argument; take a `Vec` instead");
    }
    for generic in &signature.generics.params {
        if !matches!(generic, GenericParam::Lifetime(_)) {
            diag.error(generic, "a tool cannot be generic: its schema is fixed when the server starts; name the type");
        }
    }
    if let (Some(blocking), Some(_)) = (&attributes.blocking, &signature.asyncness) {
        diag.error(
            blocking,
            "an `async fn` does not block; remove `blocking`, or remove `async` from a function that must block",
        );
    }
}

fn check_name(name: &str, span: Span, diag: &mut Diagnostics) {
    let at = LitStr::new(name, span);
    if name.is_empty() {
        diag.error(at, "a tool needs a name; leave `name` out to use the function's");
    } else if name.len() > 128 {
        diag.error(at, "a tool's name has at most 128 characters");
    } else if let Some(wrong) = name.chars().find(|it| !it.is_ascii_alphanumeric() && !"_-.".contains(*it)) {
        diag.error(
            at,
            format!(
                "`{wrong}` cannot be part of a tool's name: letters, digits, `_`, `-` and `.` can; \
                 give it one with `#[tool(name = \"..\")]`, and use `title` for people"
            ),
        );
    }
}

/// `create_product` → `Create Product`.
fn title(name: &str) -> String {
    let mut title = String::new();
    let mut previous = '_';
    for letter in name.chars() {
        let separates = "_-.".contains(letter);
        let begins = "_-.".contains(previous) || (letter.is_ascii_uppercase() && previous.is_ascii_lowercase());
        if !separates {
            if begins && !title.is_empty() {
                title.push(' ');
            }
            title.push(if begins { letter.to_ascii_uppercase() } else { letter });
        }
        previous = letter;
    }
    title
}

#[cfg(test)]
mod tests {
    use super::title;

    #[test]
    fn names_become_titles() {
        for (name, expected) in [
            ("create_product", "Create Product"),
            ("add", "Add"),
            ("createProduct", "Create Product"),
            ("catalog.list-all", "Catalog List All"),
            ("__x__y", "X Y"),
            ("get_URL2", "Get URL2"),
        ] {
            assert_eq!(title(name), expected);
        }
    }
}
