//! Model to tokens. Every name is absolute, so that nothing in the user's scope can change it.

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens as _, quote, quote_spanned};
use syn::parse::{ParseStream, Parser as _};
use syn::spanned::Spanned as _;
use syn::visit_mut::{self, VisitMut};
use syn::{Attribute, LitStr, Meta, Type, parse_quote, parse_quote_spanned};

use crate::attrs::Attributes;
use crate::details::{function_details, param_details};
use crate::diag::Diagnostics;
use crate::item::{FunctionItem, Item};
use crate::kind::{Kind, Names};
use crate::methods::of_impl;
use crate::model::{self, FunctionModel, Mode, Owner, Place};
use crate::param::{ParamModel, Passing, Role};
use crate::runtime::{Runtime, local};
use crate::template::Template;

/// The expansion of `#[tool(..)]` and its sisters.
pub(crate) fn attribute(kind: Kind, attribute: TokenStream, item: TokenStream) -> TokenStream {
    let parse = |input: ParseStream<'_>| Item::parse(input, kind);
    match parse.parse2(item.clone()) {
        Ok(Item::Function(function)) => free_function(kind, attribute, &function),
        Ok(Item::Impl(methods)) => of_impl(attribute, &methods),
        Err(error) => {
            let (item, error) = (plain(item), error.into_compile_error());
            quote! { #item #error }
        }
    }
}

/// What could not be parsed, without attributes that only the macro understands: they would be
/// mistakes of their own.
fn plain(tokens: TokenStream) -> TokenStream {
    let mut left: Vec<TokenTree> = Vec::new();
    for token in tokens {
        match token {
            TokenTree::Group(group) if group.delimiter() == Delimiter::Bracket && is_ours(&left, &group) => {
                _ = left.pop()
            }
            TokenTree::Group(group) => {
                let mut inner = Group::new(group.delimiter(), plain(group.stream()));
                inner.set_span(group.span());
                left.push(inner.into());
            }
            other => left.push(other),
        }
    }
    left.into_iter().collect()
}

/// Whether `#` and a group are `#[tool(..)]`, one of its sisters, or `#[arg(..)]`.
fn is_ours(before: &[TokenTree], group: &Group) -> bool {
    let is_attribute = matches!(before.last(), Some(TokenTree::Punct(punct)) if punct.as_char() == '#');
    let name = group.stream().into_iter().next();
    is_attribute && matches!(name, Some(TokenTree::Ident(name)) if name == "arg" || Kind::from_noun(&name).is_some())
}

fn free_function(kind: Kind, attribute: TokenStream, function: &FunctionItem) -> TokenStream {
    let mut diag = Diagnostics::default();
    let attributes = Attributes::parse(kind, attribute, &mut diag);
    let model = FunctionModel::new(kind, function, attributes, Place::Module, &mut diag);
    let mut tokens = function.to_token_stream();
    if diag.is_empty() {
        tokens.extend(glue(&model, |runtime| {
            let spec = spec(&model, runtime);
            quote! { &#spec }
        }));
    } else {
        // The type is there all the same: one mistake must not make every `tools![..]` another.
        // Only where methods are, no type can be.
        if !model::is_of_impl(&function.signature) && !model::is_primitive(&model.glue) {
            tokens.extend(glue(&model, |runtime| {
                let (private, unfinished) = (runtime.private(), kind.names().unfinished);
                quote! { #private::#unfinished }
            }));
        }
        tokens.extend(diag.into_compile_errors());
    }
    tokens
}

/// The hidden type.
fn glue(model: &FunctionModel, spec: impl FnOnce(&Runtime) -> TokenStream) -> TokenStream {
    let FunctionModel { glue, visibility, conditions, allowances, .. } = model;
    let runtime = Runtime::of(&model.attributes);
    let (private, spec, names) = (runtime.private(), spec(&runtime), model.kind.names());
    let Names { function, spec: spec_type, .. } = names;
    // Lints that a crate forbids cannot be allowed: `repr(C)` types may be spelled like functions,
    // and what is made once is not dead.
    quote! {
        #(#conditions)*
        #[doc(hidden)]
        #[repr(C)]
        #[allow(missing_debug_implementations, clippy::exhaustive_structs)]
        #visibility struct #glue {}

        #(#conditions)*
        const _: #glue = #glue {};

        #(#conditions)*
        #[automatically_derived]
        #(#allowances)*
        impl #private::#function for #glue {
            const SPEC: &'static #private::#spec_type = #spec;
        }
    }
}

/// What the author allows for the function: the glue names its types and calls it.
pub(crate) fn allowances(attributes: &[Attribute]) -> Vec<Attribute> {
    let allowed = |attribute: &Attribute| match &attribute.meta {
        Meta::List(list) if list.path.is_ident("allow") => Some(attribute.clone()),
        Meta::List(list) if list.path.is_ident("expect") => {
            let lints = &list.tokens;
            Some(parse_quote! { #[allow(#lints)] })
        }
        meta if meta.path().is_ident("deprecated") => Some(parse_quote! { #[allow(deprecated)] }),
        _ => None,
    };
    attributes.iter().filter_map(allowed).collect()
}

pub(crate) fn spec(model: &FunctionModel, runtime: &Runtime) -> TokenStream {
    let FunctionModel { name, title, description, params, returns, owner, .. } = model;
    let private = runtime.private();
    let params = params.iter().enumerate().map(|(index, param)| param_spec(param, &params[..index], *owner, runtime));
    let here = runtime.private_at(returns.span());
    let more = match (model.kind, &model.attributes.template) {
        (Kind::Tool, _) => quote_spanned! { returns.span()=> <#returns as #here::IntoToolResult>::output_schema },
        (Kind::Resource, Some(Template { uri, .. })) => {
            let mime_type = match &model.attributes.mime {
                Some(mime) => quote! { ::core::option::Option::Some(#mime) },
                None => quote! { ::core::option::Option::None },
            };
            let usual = quote_spanned! { returns.span()=> <#returns as #here::IntoResourceResult>::MIME_TYPE };
            quote! {
                #private::ResourceFacts { uri: #uri, mime_type: #mime_type, usual_mime_type: #usual }
            }
        }
        _ => quote! { () },
    };
    let call = call(model, runtime);
    let details = function_details(model, runtime);
    let spec = model.kind.names().spec;
    quote! {
        #private::#spec::new(
            [#name, #title, #description, ::core::module_path!()],
            const { &[#(#params),*] },
            #more,
            #call,
        ) #details
    }
}

fn param_spec(param: &ParamModel, earlier: &[ParamModel], owner: Owner, runtime: &Runtime) -> TokenStream {
    let ParamModel { name, description, conditions, .. } = param;
    let (private, role) = (runtime.private(), role(param, runtime));
    let mut kind = quote_spanned! { param.ty.span()=> #role::KIND };
    let mut beside = |rule: &str, earlier: &ParamModel, span: Span| {
        let (rule, here) = (Ident::new(rule, span), runtime.private_at(span));
        let (held, earlier) = (held(param, runtime), self::held(earlier, runtime));
        kind = quote_spanned! { span=>
            #here::checked(
                <<#held as #here::Marked<_>>::Marker as #here::#rule<<#earlier as #here::Marked<_>>::Marker>>::HOLDS,
                #kind,
            )
        };
    };
    // Whether it is a context, its type decides. An alias gets by: two contexts do no harm.
    if let Some(twin) = earlier.iter().find(|earlier| earlier.is_spelled_like(param)) {
        beside("Beside", twin, param.ty.span());
    }
    if let Some(rival) = earlier.iter().find(|earlier| param.has_name_of(earlier))
        && !(rival.is_argument() && param.is_argument())
    {
        beside("Distinct", rival, param.arg.name.as_ref().map_or_else(|| param.ty.span(), LitStr::span));
    }
    let details = param_details(param, owner, runtime);
    quote! { #(#conditions)* #private::ParamSpec::new(#name, #description, #kind) #details }
}

/// `<Type as Trait>`: the trait says what the parameter can be.
fn role(param: &ParamModel, runtime: &Runtime) -> TokenStream {
    let span = param.ty.span();
    let (held, here) = (held(param, runtime), runtime.private_at(span));
    match param.role {
        Role::Any => quote_spanned! { span=> <#held as #here::ToolParam<_>> },
        Role::Argument => quote_spanned! { span=> <#held as #here::ToolArgument> },
        Role::Unnamed => quote_spanned! { span=> <#held as #here::Unnamed<_>> },
        Role::Undescribed => quote_spanned! { span=> <#held as #here::Undescribed<_>> },
        Role::NoVariable => quote_spanned! { span=> <#held as #here::NoVariable<_>> },
    }
}

/// The type that owns the argument during the call.
pub(crate) fn held(param: &ParamModel, runtime: &Runtime) -> TokenStream {
    let ty = &param.ty;
    let here = runtime.private_at(ty.span());
    match param.passing {
        Passing::Value => ty.to_token_stream(),
        Passing::Reference => quote_spanned! { ty.span()=> <#ty as #here::ToolRef>::Held },
        Passing::Inside => {
            let mut held = ty.clone();
            OwnInside(runtime).visit_type_mut(&mut held);
            held.to_token_stream()
        }
    }
}

/// `Option<&str>` → `Option<<str as ToolRef>::Held>`.
struct OwnInside<'r>(&'r Runtime);

impl VisitMut for OwnInside<'_> {
    fn visit_type_mut(&mut self, ty: &mut Type) {
        if let Type::Reference(reference) = ty {
            let (inner, here) = (&reference.elem, self.0.private_at(reference.elem.span()));
            *ty = parse_quote_spanned! { inner.span()=> <#inner as #here::ToolRef>::Held };
        } else {
            visit_mut::visit_type_mut(self, ty);
        }
    }
}

/// Decodes the arguments and enters the function.
fn call(model: &FunctionModel, runtime: &Runtime) -> TokenStream {
    let FunctionModel { function, params, returns, owner, .. } = model;
    let call = local("call");
    let this = local("this");
    let locals: Vec<Ident> = (0..params.len()).map(|index| local(&format!("arg{index}"))).collect();
    let takes = params.iter().zip(&locals).map(|(param, local)| {
        let (conditions, role) = (&param.conditions, role(param, runtime));
        let taken = match param.passing {
            // It returns before the request is gone.
            Passing::Reference if model.mode == Mode::Plain => {
                let (ty, here) = (&param.ty, runtime.private_at(param.ty.span()));
                quote_spanned! { ty.span()=> <#ty as #here::ToolRef>::lent(#call, #role::take) }
            }
            _ => quote_spanned! { param.ty.span()=> #role::take(#call) },
        };
        quote! { #(#conditions)* let #local = #taken; }
    });
    let opens = params.iter().zip(&locals).map(|(param, local)| {
        let conditions = &param.conditions;
        quote! {
            #(#conditions)*
            let ::core::option::Option::Some(#local) = #local else { return #call.refuse() };
        }
    });
    let passed = params.iter().zip(&locals).map(|(param, local)| {
        let conditions = &param.conditions;
        let value = match param.passing {
            Passing::Value => local.to_token_stream(),
            Passing::Reference => quote! { &#local },
            Passing::Inside => {
                // All of it as if it stood where the type is: then an error about it points there.
                let span = Span::mixed_site().located_at(param.ty.span());
                let (here, local) = (runtime.private_at(span), Ident::new(&local.to_string(), span));
                quote_spanned! { span=> #here::Lend::lend(&#local) }
            }
        };
        quote! { #(#conditions)* #value }
    });
    let receive = match owner {
        Owner::None | Owner::Type => TokenStream::new(),
        Owner::Borrowed | Owner::Shared => quote! {
            let ::core::option::Option::Some(#this) = #call.receiver::<Self>() else { return #call.refuse() };
        },
    };
    let function_call = match owner {
        Owner::None => quote_spanned! { function.span()=> #function(#(#passed),*) },
        Owner::Type => quote_spanned! { function.span()=> Self::#function(#(#passed),*) },
        Owner::Borrowed => quote! { Self::#function(&#this, #(#passed),*) },
        Owner::Shared => {
            let (ty, span) = (&model.receiver, model.receiver.span());
            let here = runtime.private_at(span);
            let this = quote_spanned! { span=> <#ty as #here::FromShared<Self>>::from_shared(#this) };
            quote! { Self::#function(#this, #(#passed),*) }
        }
    };
    let here = runtime.private_at(returns.span());
    let Names { result, convert, .. } = model.kind.names();
    let [result, convert] = [result, convert].map(|name| Ident::new(&name.to_string(), returns.span()));
    let converted = |value: TokenStream| {
        quote_spanned! { returns.span()=> <#returns as #here::#result>::#convert(#value) }
    };
    let owns_all = params.iter().all(|param| matches!(param.passing, Passing::Value))
        && matches!(owner, Owner::None | Owner::Type);
    // Whatever is wrong with the future is said at the function's name.
    let started = match model.mode {
        Mode::Plain => {
            quote_spanned! { returns.span()=> <#returns as #here::#result>::returned(#function_call, #call) }
        }
        Mode::Queued => {
            let result = converted(function_call);
            quote_spanned! { function.span()=> #call.running(async move { #result }, ::core::convert::identity) }
        }
        // A future that borrows nothing needs none around it that holds what it borrows.
        Mode::Async if owns_all => {
            let convert = quote_spanned! { returns.span()=> <#returns as #here::#result>::#convert };
            quote_spanned! { function.span()=> #call.running(#function_call, #convert) }
        }
        Mode::Async => {
            let result = converted(quote! { #function_call.await });
            quote_spanned! { function.span()=> #call.running(async move { #result }, ::core::convert::identity) }
        }
        Mode::Blocking => {
            let result = converted(function_call);
            quote_spanned! { function.span()=> #call.blocking(move || #result) }
        }
    };
    quote! {
        |#call| {
            #(#takes)*
            if !#call.is_fine() {
                return #call.refuse();
            }
            #(#opens)*
            #receive
            #started
        }
    }
}

#[cfg(test)]
mod tests {
    use proc_macro2::TokenStream;
    use quote::quote;

    use crate::kind::Kind;

    fn assert_expansion(name: &str, attribute: TokenStream, item: TokenStream) {
        assert_expansion_of(Kind::Tool, name, attribute, item);
    }

    /// Compares an expansion with the file of its name. `EXPECTORATE=overwrite` writes it down.
    fn assert_expansion_of(kind: Kind, name: &str, attribute: TokenStream, item: TokenStream) {
        let expansion = syn::parse2(super::attribute(kind, attribute, item)).expect("the expansion is Rust");
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
    fn arguments_of_which_something_is_said() {
        assert_expansion(
            "constraints",
            quote! { annotations(read_only), timeout = "5s" },
            quote! {
                pub async fn search(
                    #[arg(default = 10, range = 1..=100)] limit: u32,
                    #[arg(length = 1.., pattern = "^[a-z]+$", description = "What.")] query: &str,
                    State(db): State<Db>,
                ) -> Vec<String> {
                    db.search(query, limit).await
                }
            },
        );
    }

    #[test]
    fn methods() {
        assert_expansion(
            "methods",
            quote! {},
            quote! {
                impl<S: Store> Catalog<S> {
                    fn helper(&self) {}

                    /// Rename a product.
                    #[tool]
                    async fn rename(&self, id: u64, name: String) -> Result<()> {
                        self.store.rename(id, name).await
                    }

                    /// A product.
                    #[resource("product://{id}")]
                    fn product(&self, #[arg(complete = Self::ids)] id: u64) -> Option<Json<Product>> {
                        self.store.find(id)
                    }
                }
            },
        );
    }

    #[test]
    fn a_prompt() {
        assert_expansion_of(
            Kind::Prompt,
            "prompt",
            quote! { title = "Code Review" },
            quote! {
                /// Review code.
                async fn review(
                    /// The code.
                    code: &str,
                    #[arg(default = 3, range = 1..=10)] findings: u8,
                    #[arg(complete = languages)] language: &str,
                    ctx: Context,
                ) -> Result<String> {
                    ask(ctx, code, findings, language).await
                }
            },
        );
    }

    #[test]
    fn a_resource() {
        assert_expansion_of(
            Kind::Resource,
            "resource",
            quote! {
                "product://{id}{?currency}",
                mime = "application/json",
                annotations(audience = ["user", "assistant"], priority = 0.5),
                ttl = "1m",
                cache_scope = "public",
            },
            quote! {
                /// A product.
                pub fn product(id: u64, currency: Option<&str>, db: State<Db>) -> Option<String> {
                    db.find(id, currency)
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
        let expansion = super::attribute(Kind::Tool, quote! {}, quote! { fn half(a: u8) -> u8 { a. } }).to_string();
        assert!(expansion.contains("fn half (a : u8) -> u8 { a . }"), "{expansion}");
    }

    #[test]
    fn mistakes_leave_the_function_and_its_type_standing() {
        assert_expansion("mistake", quote! { naem = "x" }, quote! { pub fn ping() {} });
    }
}
