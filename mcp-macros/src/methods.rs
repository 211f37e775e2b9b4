//! An `impl` with methods that are tools, prompts or resources, and the lists that its `tools()` and
//! their sisters make.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens as _, quote, quote_spanned};
use syn::spanned::Spanned as _;
use syn::visit_mut::VisitMut;
use syn::{GenericParam, Type};

use crate::attrs::{Attributes, ImplAttributes};
use crate::diag::Diagnostics;
use crate::expand::{allowances, spec};
use crate::item::{ImplItem, Member};
use crate::kind::Kind;
use crate::model::{self, FunctionModel, Place};
use crate::runtime::Runtime;

/// The expansion of `#[tool]` on an `impl`.
pub(crate) fn of_impl(attribute: TokenStream, item: &ImplItem) -> TokenStream {
    let mut diag = Diagnostics::default();
    let attributes = ImplAttributes::parse(attribute, &mut diag);
    if let Some(of_trait) = &item.of_trait {
        diag.error(
            of_trait,
            "methods of a trait cannot be tools: `#[tool]` goes on an `impl` of the type itself, whose methods can call these",
        );
    }
    let mut methods = Vec::new();
    for member in &item.members {
        let Member::Function(kind, keys, function) = member else { continue };
        let mut keys = Attributes::parse(*kind, keys.clone(), &mut diag);
        model::inherit(&mut keys, attributes.undescribed, attributes.runtime.as_ref());
        methods.push(FunctionModel::new(*kind, function, keys, Place::Impl, &mut diag));
    }
    if methods.is_empty() {
        diag.error(&item.owner, "no method of this `impl` is a tool: put `#[tool]` on those that are, too");
    }
    let runtime = Runtime::at(attributes.runtime.as_ref());
    let private = runtime.private();
    // One mistake must not make every call of `tools()` another.
    let is_fine = diag.is_empty();
    let list_of = |kind: Kind| {
        let list = kind.names().list;
        if !is_fine {
            return quote! { #private::#list::default() };
        }
        let specs = methods.iter().filter(|method| method.kind == kind).map(|method| {
            let (conditions, spec) = (&method.conditions, spec(method, &Runtime::of(&method.attributes)));
            let allowances = &method.allowances;
            quote! { #(#conditions)* #(#allowances)* const { &#spec } }
        });
        quote! { #private::#list::methods(self, &[#(#specs),*]) }
    };
    let ImplItem { head, generics, owner, of_trait, .. } = item;
    let mut tokens = item.to_token_stream();
    if of_trait.is_none() {
        let params = (!generics.params.is_empty()).then(|| {
            let params = &generics.params;
            quote! { <#params> }
        });
        let clause = &generics.where_clause;
        let types = generics.params.iter().filter_map(|param| match param {
            GenericParam::Type(param) => Some(&param.ident),
            _ => None,
        });
        // With a lifetime in it, a bound would be all that the compiler looks at, and be too weak.
        let has_lifetime = generics.lifetimes().next().is_some() || names_lifetime(owner);
        let shared = if has_lifetime && generics.type_params().next().is_none() {
            quote_spanned! { owner.span()=> Self: 'static }
        } else {
            quote_spanned! { owner.span()=> Self: ::core::marker::Send + ::core::marker::Sync + 'static }
        };
        let allowances = allowances(&item.attributes);
        let types: Vec<_> = types.collect();
        let is_there = |kind: &Kind| {
            methods.iter().any(|method| method.kind == *kind) || (methods.is_empty() && *kind == Kind::Tool)
        };
        let lists = Kind::ALL.into_iter().filter(is_there).map(|kind| {
            let (noun, body, list) = (kind.noun(), list_of(kind), kind.names().list);
            let given = attributes.method.as_ref().filter(|_| kind == Kind::Tool).cloned();
            let method = given.unwrap_or_else(|| Ident::new(&format!("{noun}s"), Span::call_site()));
            let docs = format!(" The {noun}s of this value, for `Server::{noun}s`.");
            quote! {
                #[doc = #docs]
                #[must_use]
                pub fn #method(self: #private::Arc<Self>) -> #private::#list
                where
                    #shared,
                    #(#types: 'static,)*
                {
                    #body
                }
            }
        });
        tokens.extend(quote! {
            #[automatically_derived]
            #[allow(unreachable_pub)]
            #(#allowances)*
            #head #params #owner #clause {
                #(#lists)*
            }
        });
    }
    tokens.extend(diag.into_compile_errors());
    tokens
}

fn names_lifetime(ty: &Type) -> bool {
    struct Find(bool);
    impl VisitMut for Find {
        fn visit_lifetime_mut(&mut self, _: &mut syn::Lifetime) {
            self.0 = true;
        }
    }
    let mut find = Find(false);
    find.visit_type_mut(&mut ty.clone());
    find.0
}
