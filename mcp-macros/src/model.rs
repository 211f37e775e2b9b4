//! What was meant, and the rules that it obeys.

use proc_macro2::{Ident, Span};
use syn::ext::IdentExt as _;
use syn::spanned::Spanned as _;
use syn::visit_mut::{self, VisitMut};
use syn::{
    FnArg, GenericArgument, GenericParam, Lifetime, LitStr, Pat, PatType, PathArguments, Signature, Type,
    TypeReference, Visibility,
};

use crate::attrs::ToolAttributes;
use crate::diag::Diagnostics;
use crate::docs;
use crate::item::ToolItem;

/// A tool, fully understood.
pub(crate) struct ToolModel {
    /// The hidden type.
    pub(crate) glue: Ident,
    pub(crate) function: Ident,
    pub(crate) visibility: Visibility,
    pub(crate) name: String,
    pub(crate) title: String,
    pub(crate) description: String,
    pub(crate) params: Vec<ParamModel>,
    pub(crate) returns: Type,
    pub(crate) mode: Mode,
}

/// How the function is entered.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Plain,
    Async,
    Blocking,
}

/// One parameter.
pub(crate) struct ParamModel {
    pub(crate) name: String,
    pub(crate) description: String,
    /// The type, without lifetimes that only the function knows, and without the reference of
    /// [`Passing::Reference`].
    pub(crate) ty: Type,
    pub(crate) passing: Passing,
}

/// What the function gets of an argument that is owned during the call.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Passing {
    /// The value.
    Value,
    /// A reference to it.
    Reference,
    /// A reference to what is inside, as in `Option<&str>`.
    Inside,
}

impl ToolModel {
    /// Understands a function, or notes all that is wrong with it.
    pub(crate) fn new(item: &ToolItem, attributes: &ToolAttributes, diag: &mut Diagnostics) -> Self {
        let signature = &item.signature;
        check_qualifiers(signature, attributes, diag);
        let params = signature.inputs.iter().filter_map(|input| param(input, diag)).collect();
        let mut returns = item.returns();
        if contains_impl(&returns) {
            diag.error(&returns, "a tool must name the type that it returns: its schema is made from it");
        }
        erase_lifetimes(&mut returns);
        let function = signature.ident.clone();
        let name = attributes.name.as_ref().map_or_else(|| function.unraw().to_string(), LitStr::value);
        if attributes.description.is_none() {
            for attribute in item.attributes.iter().filter(|attribute| docs::is_computed(attribute)) {
                diag.error(
                    attribute,
                    "a description must be known to the macro; write it as a comment or as `#[tool(description = \"..\")]`",
                );
            }
        }
        check_name(&name, attributes.name.as_ref().map_or_else(|| function.span(), LitStr::span), diag);
        let mode = match (&attributes.blocking, signature.asyncness) {
            (Some(_), _) => Mode::Blocking,
            (None, Some(_)) => Mode::Async,
            (None, None) => Mode::Plain,
        };
        Self {
            glue: glue(attributes, &function),
            function,
            visibility: item.visibility.clone(),
            title: attributes.title.as_ref().map_or_else(|| title(&name), LitStr::value),
            description: attributes
                .description
                .as_ref()
                .map_or_else(|| docs::description(&item.attributes), LitStr::value),
            name,
            params,
            returns,
            mode,
        }
    }
}

/// The name of the hidden type.
pub(crate) fn glue(attributes: &ToolAttributes, function: &Ident) -> Ident {
    attributes.glue.clone().unwrap_or_else(|| function.clone())
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

fn param(input: &FnArg, diag: &mut Diagnostics) -> Option<ParamModel> {
    let PatType { attrs, pat, ty, .. } = match input {
        FnArg::Typed(typed) => typed,
        FnArg::Receiver(receiver) => {
            diag.error(receiver, "a tool is a free function and has no `self`; take what it needs as `State<T>`");
            return None;
        }
    };
    for attribute in attrs.iter().filter(|attribute| !docs::is_doc(attribute)) {
        if attribute.path().is_ident("cfg") || attribute.path().is_ident("cfg_attr") {
            diag.error(attribute, "a parameter of a tool cannot be conditional; put `#[cfg]` on the whole function");
        }
    }
    let name = match &**pat {
        Pat::Ident(pattern) if pattern.subpat.is_none() && pattern.by_ref.is_none() => {
            pattern.ident.unraw().to_string()
        }
        pattern => {
            diag.error(pattern, "a tool's parameter needs a name: write `name: Type`, and take it apart in the body");
            return None;
        }
    };
    let (mut ty, passing) = match bare(ty) {
        Type::Reference(TypeReference { mutability: Some(mutability), .. }) => {
            diag.error(
                mutability,
                "a tool cannot take `&mut`: nobody else sees the change; take the value, \
                 or share state with `State<Mutex<T>>`",
            );
            return None;
        }
        Type::Reference(reference) => ((*reference.elem).clone(), Passing::Reference),
        wrapper if wraps_reference(wrapper) => (wrapper.clone(), Passing::Inside),
        owned => (owned.clone(), Passing::Value),
    };
    if contains_impl(&ty) {
        diag.error(&ty, "a tool must name the types of its arguments: its schema is made from them");
        return None;
    }
    if passing != Passing::Inside
        && let Some(reference) = nested_reference(&ty)
    {
        diag.error(
            reference,
            "an argument cannot hold a reference; use the owned type, for example `String` for `&str`",
        );
        return None;
    }
    erase_lifetimes(&mut ty);
    Some(ParamModel { name, description: docs::description(attrs), ty, passing })
}

/// A type without the parentheses around it, visible or not; those around a type that a macro was
/// given are not.
fn bare(ty: &Type) -> &Type {
    match ty {
        Type::Group(group) => bare(&group.elem),
        Type::Paren(paren) => bare(&paren.elem),
        other => other,
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

/// Types are named outside of the function, where its lifetimes are not known.
fn erase_lifetimes(ty: &mut Type) {
    struct Erase;
    impl VisitMut for Erase {
        // Those of a function pointer or of a trait object are named right there.
        fn visit_type_fn_ptr_mut(&mut self, _: &mut syn::TypeFnPtr) {}
        fn visit_parenthesized_generic_arguments_mut(&mut self, _: &mut syn::ParenthesizedGenericArguments) {}
        fn visit_lifetime_mut(&mut self, lifetime: &mut Lifetime) {
            if lifetime.ident != "static" {
                *lifetime = Lifetime::new("'_", lifetime.span());
            }
        }
    }
    Erase.visit_type_mut(ty);
}

fn contains_impl(ty: &Type) -> bool {
    struct Find(bool);
    impl VisitMut for Find {
        fn visit_type_impl_trait_mut(&mut self, _: &mut syn::TypeImplTrait) {
            self.0 = true;
        }
    }
    let mut find = Find(false);
    find.visit_type_mut(&mut ty.clone());
    find.0
}

/// `Option<&T>`, whatever the wrapper is called.
fn wraps_reference(ty: &Type) -> bool {
    let Type::Path(path) = ty else { return false };
    let Some(PathArguments::AngleBracketed(arguments)) = path.path.segments.last().map(|last| &last.arguments) else {
        return false;
    };
    let mut arguments = arguments.args.iter();
    match (arguments.next(), arguments.next()) {
        (Some(GenericArgument::Type(inner)), None) => match bare(inner) {
            Type::Reference(reference) => {
                reference.mutability.is_none() && !is_static(reference) && nested_reference(&reference.elem).is_none()
            }
            _ => false,
        },
        _ => false,
    }
}

fn is_static(reference: &TypeReference) -> bool {
    reference.lifetime.as_ref().is_some_and(|lifetime| lifetime.ident == "static")
}

/// A reference that the function borrows for the call. One that lives for ever is a value like
/// any other.
fn nested_reference(ty: &Type) -> Option<TypeReference> {
    struct Find(Option<TypeReference>);
    impl VisitMut for Find {
        fn visit_type_reference_mut(&mut self, reference: &mut TypeReference) {
            if is_static(reference) {
                return visit_mut::visit_type_reference_mut(self, reference);
            }
            self.0.get_or_insert_with(|| reference.clone());
        }
        // What a function takes is its own business.
        fn visit_type_fn_ptr_mut(&mut self, _: &mut syn::TypeFnPtr) {}
        fn visit_parenthesized_generic_arguments_mut(&mut self, _: &mut syn::ParenthesizedGenericArguments) {}
    }
    let mut find = Find(None);
    find.visit_type_mut(&mut ty.clone());
    find.0
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
