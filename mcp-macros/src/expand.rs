//! Model to tokens. Every name is absolute, so that nothing in the user's scope can change it.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens as _, format_ident, quote, quote_spanned};
use syn::spanned::Spanned as _;
use syn::visit_mut::{self, VisitMut};
use syn::{Type, parse_quote_spanned};

use crate::attrs::ToolAttributes;
use crate::diag::Diagnostics;
use crate::item::ToolItem;
use crate::model::{self, Mode, ParamModel, Passing, ToolModel};

/// The expansion of `#[tool(..)]`.
pub(crate) fn tool(attribute: TokenStream, item: TokenStream) -> TokenStream {
    let parsed = match syn::parse2::<ToolItem>(item.clone()) {
        Ok(parsed) => parsed,
        Err(error) => {
            let error = error.into_compile_error();
            return quote! { #item #error };
        }
    };
    let mut diag = Diagnostics::default();
    let attributes = ToolAttributes::parse(attribute, &mut diag);
    let model = ToolModel::new(&parsed, &attributes, &mut diag);
    let mut tokens = parsed.to_token_stream();
    if diag.is_empty() {
        tokens.extend(glue(&model));
    } else {
        // The type is there all the same: one mistake must not make every `tools![..]` another.
        // Only where methods are, no type can be.
        if parsed.signature.receiver().is_none() {
            tokens.extend(placeholder(&model::glue(&attributes, &model.function), &model.visibility));
        }
        tokens.extend(diag.into_compile_errors());
    }
    tokens
}

fn placeholder(glue: &Ident, visibility: &syn::Visibility) -> TokenStream {
    let private = private(Span::mixed_site());
    quote! {
        #[doc(hidden)]
        #[allow(non_camel_case_types, dead_code)]
        #visibility struct #glue {}
        #[automatically_derived]
        impl #private::Tool for #glue {
            const SPEC: &'static #private::ToolSpec = #private::UNFINISHED;
        }
    }
}

fn glue(model: &ToolModel) -> TokenStream {
    let ToolModel { glue, visibility, name, title, description, params, returns, .. } = model;
    let private = private(Span::mixed_site());
    let specs = params.iter().map(spec);
    let returns_private = private_at(returns);
    let output_schema =
        quote_spanned! { returns.span()=> <#returns as #returns_private::IntoToolResult>::output_schema };
    let body = body(model);
    quote! {
        #[doc(hidden)]
        #[allow(non_camel_case_types, dead_code)]
        #visibility struct #glue {}

        #[automatically_derived]
        #[allow(deprecated, unused_mut)]
        impl #private::Tool for #glue {
            const SPEC: &'static #private::ToolSpec = &#private::ToolSpec {
                name: #name,
                title: #title,
                description: #description,
                module: ::core::module_path!(),
                params: &[#(#specs),*],
                output_schema: #output_schema,
                call: #body,
            };
        }
    }
}

fn spec(param: &ParamModel) -> TokenStream {
    let ParamModel { name, description, .. } = param;
    let (private, held) = (private(Span::mixed_site()), held(param));
    let here = private_at(&param.ty);
    let kind = quote_spanned! { param.ty.span()=> <#held as #here::ToolParam<_>>::KIND };
    quote! { #private::ParamSpec { name: #name, description: #description, kind: #kind } }
}

/// The type that owns the argument during the call.
fn held(param: &ParamModel) -> TokenStream {
    let ty = &param.ty;
    let here = private_at(ty);
    match param.passing {
        Passing::Value => ty.to_token_stream(),
        Passing::Reference => quote_spanned! { ty.span()=> <#ty as #here::ToolRef>::Held },
        Passing::Inside => {
            let mut held = ty.clone();
            OwnInside.visit_type_mut(&mut held);
            held.to_token_stream()
        }
    }
}

/// `Option<&str>` → `Option<<str as ToolRef>::Held>`.
struct OwnInside;

impl VisitMut for OwnInside {
    fn visit_type_mut(&mut self, ty: &mut Type) {
        if let Type::Reference(reference) = ty {
            let (inner, here) = (&reference.elem, private_at(&reference.elem));
            *ty = parse_quote_spanned! { inner.span()=> <#inner as #here::ToolRef>::Held };
        } else {
            visit_mut::visit_type_mut(self, ty);
        }
    }
}

/// Decodes the arguments and enters the function.
fn body(model: &ToolModel) -> TokenStream {
    let ToolModel { function, params, returns, .. } = model;
    let call = Ident::new("call", Span::mixed_site());
    let locals: Vec<Ident> =
        (0..params.len()).map(|index| format_ident!("arg{index}", span = Span::mixed_site())).collect();
    let takes = params.iter().enumerate().map(|(index, param)| {
        let (held, here) = (held(param), private_at(&param.ty));
        quote_spanned! { param.ty.span()=> <#held as #here::ToolParam<_>>::take(&mut #call, #index) }
    });
    let passed = params.iter().zip(&locals).map(|(param, local)| match param.passing {
        Passing::Value => local.to_token_stream(),
        Passing::Reference => quote! { &#local },
        Passing::Inside => {
            // All of it as if it stood where the type is: then an error about it points there.
            let span = Span::mixed_site().located_at(param.ty.span());
            let (here, local) = (private(span), Ident::new(&local.to_string(), span));
            quote_spanned! { span=> #here::Lend::lend(&#local) }
        }
    });
    let function_call = quote! { #function(#(#passed),*) };
    let here = private_at(returns);
    let converted = |value: TokenStream| {
        quote_spanned! { returns.span()=> <#returns as #here::IntoToolResult>::into_tool_result(#value) }
    };
    // Whatever is wrong with the future is said at the function's name.
    let started = match model.mode {
        Mode::Plain => {
            let result = converted(function_call);
            quote! { #call.returned(#result) }
        }
        Mode::Async => {
            let result = converted(quote! { #function_call.await });
            quote_spanned! { function.span()=> #call.running(async move { #result }) }
        }
        Mode::Blocking => {
            let result = converted(function_call);
            quote_spanned! { function.span()=> #call.blocking(move || #result) }
        }
    };
    quote! {
        |mut #call| {
            let (#(::core::option::Option::Some(#locals),)* true) = (#(#takes,)* #call.is_fine()) else {
                return #call.refuse();
            };
            #started
        }
    }
}

fn private(span: Span) -> TokenStream {
    quote_spanned! { span=> ::mcp_runtime::__private }
}

/// The runtime's names, as if written where the type stands: then an error about the type points
/// at it alone.
fn private_at(ty: &Type) -> TokenStream {
    private(ty.span())
}

#[cfg(test)]
mod tests {
    use proc_macro2::TokenStream;
    use quote::quote;

    /// Compares an expansion with the file of its name. `EXPECTORATE=overwrite` writes it down.
    fn assert_expansion(name: &str, attribute: TokenStream, item: TokenStream) {
        let expansion = syn::parse2(super::tool(attribute, item)).expect("the expansion is Rust");
        let path = format!("{}/tests/expand/{name}.rs", env!("CARGO_MANIFEST_DIR"));
        expectorate::assert_contents(path, &prettyplease::unparse(&expansion));
    }

    #[test]
    fn a_plain_function() {
        assert_expansion(
            "plain",
            quote! {},
            quote! {
                /// Add two integers.
                #[tool]
                fn add(
                    /// The first one.
                    a: i64,
                    b: i64,
                ) -> i64 {
                    a + b
                }
            },
        );
    }

    #[test]
    fn an_async_function_with_everything() {
        assert_expansion(
            "everything",
            quote! { name = "catalog.create", title = "Create", glue = Create },
            quote! {
                /// Described.
                pub(crate) async fn create<'a>(
                    ctx: &Context,
                    name: &'a str,
                    note: Option<&'a str>,
                    r#type: Kind,
                    db: State<Db>,
                ) -> Result<Json<Product>> {
                    db.create(ctx, name, note, r#type).await
                }
            },
        );
    }

    #[test]
    fn a_function_that_blocks_and_takes_nothing() {
        assert_expansion("blocking", quote! { blocking }, quote! { fn flush() {} });
    }

    #[test]
    fn a_body_that_is_half_typed_is_left_alone() {
        let expansion = super::tool(quote! {}, quote! { fn half(a: u8) -> u8 { a. } }).to_string();
        assert!(expansion.starts_with("fn half (a : u8) -> u8 { a . }"), "{expansion}");
    }

    #[test]
    fn mistakes_leave_the_function_and_its_type_standing() {
        assert_expansion("mistake", quote! { naem = "x" }, quote! { pub fn ping() {} });
    }
}
