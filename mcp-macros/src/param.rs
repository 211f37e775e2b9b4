//! One parameter, and the rules that it obeys.

use proc_macro2::{Ident, TokenStream};
use quote::ToTokens as _;
use syn::ext::IdentExt as _;
use syn::spanned::Spanned as _;
use syn::visit_mut::{self, VisitMut};
use syn::{Attribute, GenericArgument, Lifetime, LitStr, Pat, PatType, PathArguments, Type, TypeReference};

use crate::arg::{ArgAttributes, is_arg};
use crate::attrs::Undescribed;
use crate::diag::Diagnostics;
use crate::docs;
use crate::kind::Kind;
use crate::model::is_primitive;
use crate::template::Template;

/// One parameter, fully understood.
pub(crate) struct ParamModel {
    /// Empty for a pattern, which only what the server gives can have.
    pub(crate) name: String,
    pub(crate) description: TokenStream,
    /// The type, without lifetimes that only the function knows, and without the reference of
    /// [`Passing::Reference`].
    pub(crate) ty: Type,
    pub(crate) passing: Passing,
    pub(crate) role: Role,
    pub(crate) arg: ArgAttributes,
    /// It may do without a description.
    pub(crate) undescribed: bool,
    /// The conditions that it is there on.
    pub(crate) conditions: Vec<Attribute>,
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

/// What a parameter can be; each has a trait that explains what is wrong with others.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// An argument, or what the server gives.
    Any,
    /// Only an argument: `#[arg(..)]` says something of it.
    Argument,
    /// Without a name.
    Unnamed,
    /// Without a description, where each argument must have one.
    Undescribed,
    /// None of the variables of a template: only what the server gives.
    NoVariable,
}

/// What a parameter belongs to.
#[derive(Clone, Copy)]
pub(crate) struct ParamOf<'a> {
    pub(crate) kind: Kind,
    pub(crate) undescribed: Option<Undescribed>,
    /// Of a resource: its arguments are the variables.
    pub(crate) template: Option<&'a Template>,
}

impl ParamModel {
    /// Understands a parameter, or notes all that is wrong with it.
    pub(crate) fn new(param: &PatType, of: ParamOf<'_>, diag: &mut Diagnostics) -> Option<Self> {
        let ParamOf { kind, undescribed, template } = of;
        let PatType { attrs, pat, ty, .. } = param;
        let arg = ArgAttributes::parse(attrs, diag);
        let mut conditions = Vec::new();
        for attribute in attrs.iter().filter(|attribute| !docs::is_doc(attribute) && !is_arg(attribute)) {
            if attribute.path().is_ident("cfg") {
                conditions.push(attribute.clone());
            } else if attribute.path().is_ident("cfg_attr") {
                diag.error(attribute, "`cfg_attr` is not understood here; `#[cfg(..)]` on a parameter is");
            }
        }
        let name = match &arg.name {
            Some(name) => Some(name.value()),
            None => written_name(pat),
        };
        if let Some(given) = arg.name.as_ref().filter(|name| name.value().is_empty()) {
            diag.error(given, "an argument needs a name; leave `name` out to use the parameter's");
        }
        let (mut ty, passing) = match bare(ty) {
            Type::Reference(TypeReference { mutability: Some(mutability), .. }) => {
                diag.error(
                    mutability,
                    format!(
                        "a {} cannot take `&mut`: nobody else sees the change; take the value, \
                         or share state with `State<Mutex<T>>`",
                        kind.noun()
                    ),
                );
                return None;
            }
            Type::Reference(reference) if is_static(reference) => {
                diag.error(
                    reference,
                    "an argument lives only as long as its call; take it without `'static`, or the owned type",
                );
                return None;
            }
            Type::Reference(reference) => ((*reference.elem).clone(), Passing::Reference),
            wrapper if wraps_reference(wrapper) => (wrapper.clone(), Passing::Inside),
            owned => (owned.clone(), Passing::Value),
        };
        if contains_impl(&ty) {
            let why =
                if kind == Kind::Tool { ": its schema is made from them" } else { ", so that they can be decoded" };
            diag.error(&ty, format!("a {} must name the types of its arguments{why}", kind.noun()));
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
        let description = match &arg.description {
            Some(description) => Some(description.to_token_stream()),
            None => docs::description(attrs),
        };
        if let (Some(flatten), Some(_)) = (&arg.flatten, template) {
            diag.error(flatten, "a resource has one parameter for each variable of its template; remove `flatten`");
        }
        if let (Some(complete), Kind::Tool) = (&arg.complete, kind) {
            diag.error(
                complete,
                "arguments of tools are not completed: clients ask only for those of prompts and resources; \
                 a tool says its values with `one_of`, `examples` or an enum",
            );
        }
        let is_variable = |template: &Template| name.as_ref().is_some_and(|name| template.has(name));
        let role = match (&arg.at, &name, &description) {
            _ if template.is_some_and(is_variable) => Role::Argument,
            _ if kind == Kind::Resource && arg.at.is_none() => Role::NoVariable,
            (Some(at), ..) if kind == Kind::Resource => {
                if arg.flatten.is_none() && template.is_some_and(|template| template.is_sound) {
                    diag.error(at, NO_VARIABLE);
                }
                Role::Argument
            }
            (Some(_), ..) => Role::Argument,
            (None, None, _) => Role::Unnamed,
            (None, Some(_), None) if undescribed == Some(Undescribed::Deny) => Role::Undescribed,
            _ => Role::Any,
        };
        if role == Role::Argument
            && description.is_none()
            && undescribed == Some(Undescribed::Deny)
            && arg.flatten.is_none()
        {
            diag.error(
                pat,
                "this argument has no description, and its tool wants one for each: \
                 write a doc comment above it, or `#[arg(description = \"..\")]`"
                    .replace("tool", kind.noun()),
            );
        }
        if role == Role::Argument && name.is_none() && arg.flatten.is_none() && kind != Kind::Resource {
            diag.error(pat, "an argument needs a name, and this pattern gives it none: `#[arg(name = \"..\")]`");
        }
        Some(Self {
            name: name.unwrap_or_default(),
            description: description.unwrap_or_else(|| LitStr::new("", pat.span()).into_token_stream()),
            ty,
            passing,
            role,
            arg,
            undescribed: undescribed == Some(Undescribed::Allow),
            conditions,
        })
    }
}

const NO_VARIABLE: &str = "no variable of the template has the name of this argument: write it there, `{name}` or `{?name}`, \
                           or name it as a variable, `#[arg(name = \"..\")]`";

impl ParamModel {
    /// Whether it is one for sure; of others the traits of their type decide.
    pub(crate) fn is_argument(&self) -> bool {
        let is_plain = |name: &Ident| is_primitive(name) || name == "String";
        self.role == Role::Argument
            || matches!(&self.ty, Type::Path(path) if path.path.get_ident().is_some_and(is_plain))
    }

    pub(crate) fn has_name_of(&self, other: &Self) -> bool {
        let is_named = |param: &Self| !param.name.is_empty() && param.arg.flatten.is_none();
        self.name == other.name && is_named(self) && is_named(other) && self.may_meet(other)
    }

    /// Whether both are a path of the same last word, as two `Context`s are.
    pub(crate) fn is_spelled_like(&self, other: &Self) -> bool {
        fn word(param: &ParamModel) -> Option<&Ident> {
            match &param.ty {
                Type::Path(path) => {
                    path.path.segments.last().filter(|last| last.arguments.is_none()).map(|it| &it.ident)
                }
                _ => None,
            }
        }
        word(self).is_some_and(|own| word(other) == Some(own))
            && !self.is_argument()
            && !other.is_argument()
            && self.may_meet(other)
    }

    /// Of two with conditions only one may be there.
    fn may_meet(&self, other: &Self) -> bool {
        self.conditions.is_empty() && other.conditions.is_empty()
    }
}

/// The name that a parameter has in the function.
fn written_name(pat: &Pat) -> Option<String> {
    match pat {
        Pat::Ident(pattern) => Some(pattern.ident.unraw().to_string()),
        Pat::Paren(paren) => written_name(&paren.pat),
        _ => None,
    }
}

/// Notes arguments of one name.
pub(crate) fn check_names(params: &[(&PatType, ParamModel)], diag: &mut Diagnostics) {
    for (index, (written, param)) in params.iter().enumerate() {
        let same = |(_, earlier): &(&PatType, ParamModel)| param.has_name_of(earlier) && earlier.is_argument();
        if param.is_argument() && params.iter().take(index).any(same) {
            let name = &param.name;
            let message = format!("another argument is named `{name}` already; give one of them another name");
            match &param.arg.name {
                Some(name) => diag.error(name, message),
                None => diag.error(&written.pat, message),
            }
        }
        let header = |param: &ParamModel| param.arg.header.as_ref().map(|header| header.value().to_ascii_lowercase());
        let twice = header(param).is_some()
            && params
                .iter()
                .take(index)
                .any(|(_, earlier)| header(earlier) == header(param) && param.may_meet(earlier));
        if let (true, Some(again)) = (twice, &param.arg.header) {
            diag.error(again, "another argument goes into this header already; give it another one");
        }
    }
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

/// Types are named outside of the function, where its lifetimes are not known.
pub(crate) fn erase_lifetimes(ty: &mut Type) {
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

pub(crate) fn contains_impl(ty: &Type) -> bool {
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
