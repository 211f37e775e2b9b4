//! What was meant, and the rules that it obeys.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens as _, format_ident};
use syn::ext::IdentExt as _;
use syn::visit_mut::VisitMut;
use syn::{
    Attribute, FnArg, GenericParam, LitStr, PatType, Path, Receiver, ReceiverKind, Signature, Type, TypeReference,
    Visibility,
};

use crate::attrs::{Attributes, Undescribed};
use crate::diag::{Diagnostics, nearest};
use crate::docs;
use crate::expand::allowances;
use crate::item::FunctionItem;
use crate::kind::Kind;
use crate::param::{ParamModel, ParamOf, Role, check_names, contains_impl, erase_lifetimes};
use crate::template::Template;

/// A function, fully understood.
pub(crate) struct FunctionModel {
    pub(crate) kind: Kind,
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
    pub(crate) attributes: Attributes,
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

/// Where a function stands.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Module,
    Impl,
}

impl FunctionModel {
    /// Understands a function, or notes all that is wrong with it.
    pub(crate) fn new(
        kind: Kind,
        item: &FunctionItem,
        attributes: Attributes,
        place: Place,
        diag: &mut Diagnostics,
    ) -> Self {
        let (signature, noun) = (&item.signature, kind.noun());
        check_qualifiers(kind, signature, &attributes, diag);
        let owner = owner(kind, signature, place, diag);
        let mut params = Vec::new();
        let template = attributes.template.as_ref();
        let of = ParamOf { kind, undescribed: attributes.undescribed, template };
        for input in &signature.inputs {
            if let FnArg::Typed(typed) = input {
                params.extend(ParamModel::new(typed, of, diag).map(|param| (typed, param)));
            }
        }
        check_names(&params, diag);
        check_variables(template, signature, &params, diag);
        let mut returns = item.returns();
        if contains_impl(&returns) {
            let why = if kind == Kind::Tool { ": its schema is made from it" } else { ", so that it can be converted" };
            diag.error(&returns, format!("a {noun} must name the type that it returns{why}"));
        }
        erase_lifetimes(&mut returns);
        let function = signature.ident.clone();
        let name = attributes.name.as_ref().map_or_else(|| function.unraw().to_string(), LitStr::value);
        check_name(kind, &name, attributes.name.as_ref().map_or_else(|| function.span(), LitStr::span), diag);
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
        if let (Some(size), Some(template)) = (&attributes.size, &attributes.template)
            && !template.variables.is_empty()
        {
            diag.error(size, "a template stands for many resources, each of its own size; remove `size`");
        }
        if let (Place::Impl, Some(glue)) = (place, &attributes.glue) {
            diag.error(glue, "a method has no hidden type; remove `glue`");
        }
        if let (Place::Module, None) = (place, &attributes.glue)
            && is_primitive(&function)
        {
            let glue = format!("{}{}", title(&function.to_string()), title(noun));
            diag.error(
                &function,
                format!(
                    "the hidden type of this {noun} would take the place of the primitive type `{function}`; \
                     name it with `glue = {glue}`, and list that: `{noun}s![{glue}]`"
                ),
            );
        }
        let described = match &attributes.description {
            Some(description) => Some(description.to_token_stream()),
            None => docs::description(&item.attributes),
        };
        Self {
            kind,
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
pub(crate) fn glue(attributes: &Attributes, function: &Ident) -> Ident {
    attributes.glue.clone().unwrap_or_else(|| format_ident!("{function}", span = function.span()))
}

/// What methods take over from the `impl` that they are in.
pub(crate) fn inherit(attributes: &mut Attributes, undescribed: Option<Undescribed>, runtime: Option<&Path>) {
    attributes.undescribed = attributes.undescribed.or(undescribed);
    if attributes.runtime.is_none() {
        attributes.runtime = runtime.cloned();
    }
}

fn owner(kind: Kind, signature: &Signature, place: Place, diag: &mut Diagnostics) -> Owner {
    let (noun, attribute) = (kind.noun(), kind.attribute());
    let own = if kind == Kind::Tool { "too".to_owned() } else { format!("beside `{attribute}` on the method") };
    let bare_method = format!(
        "a method is a {noun} only in an `impl` that carries `#[tool]`, {own}: \
         put `#[tool]` above the `impl`, or make this a free function that takes `State<T>`"
    );
    let Some(receiver) = signature.receiver() else {
        if place == Place::Module && is_of_impl(signature) {
            diag.error(&signature.ident, bare_method);
        }
        return if place == Place::Impl { Owner::Type } else { Owner::None };
    };
    if place == Place::Module {
        diag.error(receiver, bare_method);
        return Owner::None;
    }
    check_receiver(kind, receiver, diag)
}

fn check_receiver(kind: Kind, receiver: &Receiver, diag: &mut Diagnostics) -> Owner {
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
            let noun = kind.noun();
            diag.error(receiver, format!("a {noun} cannot consume `self`: there are more calls to come; take `&self`"));
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

fn check_qualifiers(kind: Kind, signature: &Signature, attributes: &Attributes, diag: &mut Diagnostics) {
    let noun = kind.noun();
    if let Some(token) = &signature.constness {
        let message = format!("a {noun} cannot be `const`: the server calls it while it runs; remove `const`");
        diag.error(token, message);
    }
    if let syn::Safety::Unsafe(token) = &signature.safety {
        diag.error(
            token,
            format!(
                "a {noun} cannot be `unsafe`: any client may call it; make it safe, or call it from a {noun} that is"
            ),
        );
    }
    if let Some(abi) = &signature.abi {
        let message =
            format!("a {noun} cannot be `extern`: it takes Rust types; remove the ABI, or call it from a {noun}");
        diag.error(abi, message);
    }
    if let Some(variadic) = &signature.variadic {
        let names = if kind == Kind::Tool { "its schema names every argument" } else { "each argument has a name" };
        diag.error(variadic, format!("a {noun} cannot be variadic: {names}; take a `Vec` instead"));
    }
    for generic in &signature.generics.params {
        if !matches!(generic, GenericParam::Lifetime(_)) {
            let fixed = kind.described_by();
            let message = format!("a {noun} cannot be generic: {fixed} fixed when the server starts; name the type");
            diag.error(generic, message);
        }
    }
    if let (Some(blocking), Some(_)) = (&attributes.blocking, &signature.asyncness) {
        diag.error(
            blocking,
            "an `async fn` does not block; remove `blocking`, or remove `async` from a function that must block",
        );
    }
}

/// The variables of a template and the arguments of the function must be the same. Of parameters
/// whose types do not say what they are, traits decide.
fn check_variables(
    template: Option<&Template>,
    signature: &Signature,
    params: &[(&PatType, ParamModel)],
    diag: &mut Diagnostics,
) {
    let Some(template) = template.filter(|template| template.is_sound) else { return };
    // Whatever is wrong with a parameter was said already, and its name is not known then.
    let typed = signature.inputs.iter().filter(|input| matches!(input, FnArg::Typed(_))).count();
    if typed != params.len() {
        return;
    }
    let names: Vec<&str> = params.iter().map(|(_, param)| &*param.name).filter(|name| !template.has(name)).collect();
    let mut meant = Vec::new();
    for variable in &template.variables {
        if params.iter().any(|(_, param)| param.name == *variable) {
            continue;
        }
        let cure = match nearest(variable, &names) {
            Some(name) => {
                meant.push(name);
                format!("did you mean `{{{name}}}`?")
            }
            None => format!("add `{variable}: String`, or take the variable out"),
        };
        diag.error(&template.uri, format!("the function has no parameter for the variable `{{{variable}}}`; {cure}"));
    }
    for (written, param) in params {
        let name = &param.name;
        if param.role == Role::NoVariable && param.is_argument() && !meant.contains(&&**name) {
            diag.error(
                &written.pat,
                format!(
                    "the template has no variable for this argument: write `{{{name}}}` there, \
                     or at its end `{{?{name}}}` if it may be left out"
                ),
            );
        }
    }
}

fn check_name(kind: Kind, name: &str, span: Span, diag: &mut Diagnostics) {
    let (at, noun) = (LitStr::new(name, span), kind.noun());
    if name.is_empty() {
        diag.error(at, format!("a {noun} needs a name; leave `name` out to use the function's"));
    } else if kind != Kind::Tool {
        // The specification leaves these to their authors.
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
