//! Model to tokens. Every name is absolute, so that nothing in the user's scope can change it.

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens as _, format_ident, quote, quote_spanned};
use syn::spanned::Spanned as _;
use syn::visit_mut::{self, VisitMut};
use syn::{Expr, GenericParam, LitStr, Path, RangeLimits, Type, parse_quote_spanned};

use crate::arg::{ArgAttributes, DefaultValue, OneOf, number};
use crate::attrs::{ImplAttributes, ToolAttributes};
use crate::diag::Diagnostics;
use crate::item::{ImplItem, Item, Member, ToolItem};
use crate::model::{self, Mode, Owner, Place, ToolModel};
use crate::param::{ParamModel, Passing, Role, named_already};

/// The expansion of `#[tool(..)]`.
pub(crate) fn tool(attribute: TokenStream, item: TokenStream) -> TokenStream {
    match syn::parse2::<Item>(item.clone()) {
        Ok(Item::Function(function)) => free_function(attribute, &function),
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

/// Whether `#` and a group are `#[tool(..)]` or `#[arg(..)]`.
fn is_ours(before: &[TokenTree], group: &Group) -> bool {
    let is_attribute = matches!(before.last(), Some(TokenTree::Punct(punct)) if punct.as_char() == '#');
    let name = group.stream().into_iter().next();
    is_attribute && matches!(name, Some(TokenTree::Ident(name)) if name == "tool" || name == "arg")
}

fn free_function(attribute: TokenStream, function: &ToolItem) -> TokenStream {
    let mut diag = Diagnostics::default();
    let attributes = ToolAttributes::parse(attribute, &mut diag);
    let model = ToolModel::new(function, attributes, Place::Module, &mut diag);
    let mut tokens = function.to_token_stream();
    if diag.is_empty() {
        tokens.extend(glue(&model, |runtime| {
            let spec = spec(&model, runtime);
            quote! { &#spec }
        }));
    } else {
        // The type is there all the same: one mistake must not make every `tools![..]` another.
        // Only where methods are, no type can be.
        if function.signature.receiver().is_none() && !model::is_primitive(&model.glue) {
            tokens.extend(glue(&model, |Runtime { path, .. }| quote! { #path::__private::UNFINISHED }));
        }
        tokens.extend(diag.into_compile_errors());
    }
    tokens
}

/// The hidden type.
fn glue(model: &ToolModel, spec: impl FnOnce(&Runtime) -> TokenStream) -> TokenStream {
    let ToolModel { glue, visibility, conditions, .. } = model;
    let runtime = Runtime::of(&model.attributes);
    let (private, spec) = (runtime.private(), spec(&runtime));
    quote! {
        #(#conditions)*
        #[doc(hidden)]
        #[allow(non_camel_case_types, dead_code, missing_debug_implementations, clippy::exhaustive_structs)]
        #visibility struct #glue {}

        #(#conditions)*
        #[automatically_derived]
        #[allow(deprecated, unused_mut, clippy::all, clippy::pedantic, clippy::nursery)]
        impl #private::Tool for #glue {
            const SPEC: &'static #private::ToolSpec = #spec;
        }
    }
}

fn of_impl(attribute: TokenStream, item: &ImplItem) -> TokenStream {
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
        let Member::Tool(keys, function) = member else { continue };
        let mut keys = ToolAttributes::parse(keys.clone(), &mut diag);
        model::inherit(&mut keys, attributes.undescribed, attributes.runtime.as_ref());
        methods.push(ToolModel::new(function, keys, Place::Impl, &mut diag));
    }
    if methods.is_empty() {
        diag.error(&item.owner, "no method of this `impl` is a tool: put `#[tool]` on those that are, too");
    }
    let runtime = Runtime::at(attributes.runtime.as_ref());
    let private = runtime.private();
    // One mistake must not make every call of `tools()` another.
    let list = if diag.is_empty() {
        let specs = methods.iter().map(|method| {
            let (conditions, spec) = (&method.conditions, spec(method, &Runtime::of(&method.attributes)));
            quote! { #(#conditions)* const { &#spec } }
        });
        quote! { #private::Tools::methods(self, &[#(#specs),*]) }
    } else {
        quote! { #private::Tools::default() }
    };
    let ImplItem { head, generics, owner, of_trait, .. } = item;
    let mut tokens = item.to_token_stream();
    if of_trait.is_none() {
        let method = attributes.method.unwrap_or_else(|| Ident::new("tools", Span::call_site()));
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
        tokens.extend(quote! {
            #[automatically_derived]
            #[allow(deprecated, unused_mut, unreachable_pub, clippy::all, clippy::pedantic, clippy::nursery)]
            #head #params #owner #clause {
                /// The tools of this value, for `Server::tools`.
                #[must_use]
                pub fn #method(self: #private::Arc<Self>) -> #private::Tools
                where
                    #shared,
                    #(#types: 'static,)*
                {
                    #list
                }
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

/// How tokens name the runtime.
struct Runtime {
    path: TokenStream,
    /// Whether the user wrote it.
    is_given: bool,
}

impl Runtime {
    fn of(attributes: &ToolAttributes) -> Self {
        Self::at(attributes.runtime.as_ref())
    }

    fn at(given: Option<&Path>) -> Self {
        Self { path: model::runtime(given), is_given: given.is_some() }
    }

    fn private(&self) -> TokenStream {
        self.private_at(Span::mixed_site())
    }

    /// The runtime's names, as if written where something of the user's stands: then an error
    /// about that points at it alone.
    fn private_at(&self, span: Span) -> TokenStream {
        let located = self.path.clone().into_iter().map(|mut token: TokenTree| {
            // `$crate` knows its crate by its span, which must keep its hygiene.
            token.set_span(if self.is_given { token.span().located_at(span) } else { span });
            token
        });
        let runtime: TokenStream = located.collect();
        quote_spanned! { span=> #runtime::__private }
    }
}

fn spec(model: &ToolModel, runtime: &Runtime) -> TokenStream {
    let ToolModel { name, title, description, params, returns, .. } = model;
    let private = runtime.private();
    let params = params.iter().enumerate().map(|(index, param)| param_spec(param, &params[..index], runtime));
    let here = runtime.private_at(returns.span());
    let output_schema = quote_spanned! { returns.span()=> <#returns as #here::IntoToolResult>::output_schema };
    let call = call(model, runtime);
    let details = tool_details(model, runtime);
    let params = if model.params.len() > 1 {
        // What a tool takes once is known by trait alone.
        let here = runtime.private_at(model.function.span());
        quote_spanned! { model.function.span()=> #here::check_params(const { &[#(#params),*] }) }
    } else {
        quote! { const { &[#(#params),*] } }
    };
    quote! {
        #private::ToolSpec::new(
            [#name, #title, #description, ::core::module_path!()],
            #params,
            #output_schema,
            #call,
        ) #details
    }
}

fn param_spec(param: &ParamModel, earlier: &[ParamModel], runtime: &Runtime) -> TokenStream {
    let ParamModel { name, description, conditions, .. } = param;
    let (private, role) = (runtime.private(), role(param, runtime));
    let mut kind = quote_spanned! { param.ty.span()=> #role::KIND };
    let rival = earlier.iter().find(|earlier| param.has_name_of(earlier));
    if let Some(rival) = rival.filter(|rival| !(rival.is_argument() && param.is_argument())) {
        // Only their types know whether both are arguments.
        let span = param.arg.name.as_ref().map_or_else(|| param.ty.span(), LitStr::span);
        let (here, earlier, problem) = (runtime.private_at(span), self::role(rival, runtime), named_already(name));
        kind = quote_spanned! { span=> #here::apart(#earlier::KIND, #kind, #problem) };
    }
    let details = param_details(param, runtime);
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
    }
}

/// The type that owns the argument during the call.
fn held(param: &ParamModel, runtime: &Runtime) -> TokenStream {
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

/// `.with(|details| ..)` for what `#[arg(..)]` says, if it says something.
fn param_details(param: &ParamModel, runtime: &Runtime) -> TokenStream {
    let arg = &param.arg;
    let details = Ident::new("details", Span::mixed_site());
    let mut said = TokenStream::new();
    if let Some(title) = &arg.title {
        said.extend(quote! { #details.title(#title); });
    }
    if arg.deprecated.is_some() {
        said.extend(quote! { #details.deprecated(); });
    }
    if arg.flatten.is_some() {
        said.extend(quote! { #details.flatten(); });
    }
    if param.undescribed {
        said.extend(quote! { #details.undescribed(); });
    }
    for example in arg.examples.iter().flatten() {
        said.extend(quote_spanned! { example.span()=> #details.example(&#example); });
    }
    let (held, span) = (held(param, runtime), param.ty.span());
    let here = runtime.private_at(span);
    let into_bound = |at: Span, number: TokenStream| {
        let (here, held) = (runtime.private_at(at), &held);
        let kind = quote_spanned! { span=> <#held as #here::NumberArgument>::Kind };
        quote_spanned! { at=> #here::IntoBound::<#kind>::into_bound(#number) }
    };
    constraints(arg, into_bound, |of: &str, method: &str, values: TokenStream| {
        let (of, method) = (Ident::new(of, span), Ident::new(method, span));
        said.extend(quote_spanned! { span=> <#held as #here::#of>::#method(#details, #values); });
    });
    if let Some(DefaultValue::Value(value)) = &arg.default {
        let local = Ident::new("value", Span::mixed_site());
        let is_none = matches!(&**value, Expr::Path(path) if path.path.is_ident("None"));
        said.extend(match param.passing {
            // What is borrowed is owned by the call, and may be written as it is borrowed.
            Passing::Reference | Passing::Inside if !is_none => {
                let here = runtime.private_at(value.span());
                quote_spanned! { value.span()=> let #local = #here::IntoDefault::<#held>::into_default(#value); }
            }
            _ => quote! { let #local: #held = #value; },
        });
        said.extend(quote_spanned! { span=> <#held as #here::DefaultArgument>::default_value(#details, #local); });
    }
    if said.is_empty() {
        TokenStream::new()
    } else {
        quote! { .with(|#details| { #said }) }
    }
}

/// Each constraint as a trait of the argument's type, a method of it, and what that is given.
fn constraints(
    arg: &ArgAttributes,
    into_bound: impl Fn(Span, TokenStream) -> TokenStream,
    mut say: impl FnMut(&str, &str, TokenStream),
) {
    let mut bound = |method: &str, value: Option<&Expr>| {
        if let Some(value) = value {
            say("NumberArgument", method, into_bound(value.span(), number(value)));
        }
    };
    if let Some(range) = &arg.range {
        bound("least", range.start.as_deref());
        bound(if matches!(range.limits, RangeLimits::Closed(_)) { "most" } else { "below" }, range.end.as_deref());
    }
    bound("above", arg.exclusive_minimum.as_ref());
    bound("below", arg.exclusive_maximum.as_ref());
    bound("multiple_of", arg.multiple_of.as_ref());
    for (counts, of, method) in [(&arg.length, "TextArgument", "length"), (&arg.items, "ListArgument", "items")] {
        if let Some(counts) = counts {
            let (least, most) = (&counts.least, &counts.most);
            say(of, method, quote! { ::core::ops::Bound::#least, ::core::ops::Bound::#most });
        }
    }
    if let Some(pattern) = &arg.pattern {
        say("TextArgument", "pattern", pattern.to_token_stream());
    }
    if let Some(format) = &arg.format {
        say("TextArgument", "format", format.to_token_stream());
    }
    match &arg.one_of {
        Some(OneOf::Texts(texts)) => say("TextArgument", "one_of", quote! { [#(#texts),*] }),
        Some(OneOf::Numbers(numbers)) => {
            let numbers = numbers.iter().map(|number| into_bound(number.span(), number.clone()));
            say("NumberArgument", "one_of", quote! { [#(#numbers),*] });
        }
        None => {}
    }
    if let Some(header) = &arg.header {
        say("HeaderArgument", "header", header.to_token_stream());
    }
    match &arg.default {
        Some(DefaultValue::OfType) => {
            say("TypeDefault", "default_of_type", TokenStream::new());
        }
        Some(DefaultValue::Text(text)) => say("TextDefault", "default_text", text.to_token_stream()),
        Some(DefaultValue::Value(_)) | None => {}
    }
}

/// `.with(|details| ..)` for what `#[tool(..)]` says, if it says something.
fn tool_details(model: &ToolModel, runtime: &Runtime) -> TokenStream {
    let attributes = &model.attributes;
    let details = Ident::new("details", Span::mixed_site());
    let mut said = TokenStream::new();
    for (hint, is_so) in attributes.annotations.iter().flatten() {
        let hint = Ident::new(&hint.to_string(), Span::mixed_site());
        said.extend(quote! { #details.#hint(#is_so); });
    }
    let mut say = |method: &str, value: TokenStream| {
        let method = Ident::new(method, Span::mixed_site());
        said.extend(quote! { #details.#method(#value); });
    };
    if let Some(icons) = &attributes.icons {
        say("icons", icons.to_token_stream());
    }
    if let Some(meta) = &attributes.meta {
        say("meta", meta.to_token_stream());
    }
    if let Some(timeout) = &attributes.timeout {
        say("timeout", timeout.duration.clone());
    }
    if let Some(concurrency) = &attributes.concurrency {
        say("concurrency", concurrency.to_token_stream());
    }
    if attributes.strict.is_some() {
        say("strict", TokenStream::new());
    }
    if attributes.lenient.is_some() {
        say("lenient", TokenStream::new());
    }
    if let Some(visible) = &attributes.visible {
        let (private, local) = (runtime.private(), Ident::new("visible", Span::mixed_site()));
        said.extend(quote! {
            let #local: fn(&#private::Requester) -> bool = #visible;
            #details.visible(#local);
        });
    }
    if let Some(schema) = &attributes.output_schema {
        let here = runtime.private_at(schema.span());
        said.extend(quote_spanned! { schema.span()=> <#schema as #here::OutputSchema>::describe(#details); });
    }
    if said.is_empty() {
        TokenStream::new()
    } else {
        quote! { .with(|#details| { #said }) }
    }
}

/// Decodes the arguments and enters the function.
fn call(model: &ToolModel, runtime: &Runtime) -> TokenStream {
    let ToolModel { function, params, returns, owner, .. } = model;
    let call = Ident::new("call", Span::mixed_site());
    let this = Ident::new("this", Span::mixed_site());
    let locals: Vec<Ident> =
        (0..params.len()).map(|index| format_ident!("arg{index}", span = Span::mixed_site())).collect();
    let takes = params.iter().zip(&locals).map(|(param, local)| {
        let (conditions, role) = (&param.conditions, role(param, runtime));
        let taken = quote_spanned! { param.ty.span()=> #role::take(&mut #call) };
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
        Owner::None => quote! { #function(#(#passed),*) },
        Owner::Type => quote! { Self::#function(#(#passed),*) },
        Owner::Borrowed => quote! { Self::#function(&#this, #(#passed),*) },
        Owner::Shared => quote! { Self::#function(#this, #(#passed),*) },
    };
    let here = runtime.private_at(returns.span());
    let converted = |value: TokenStream| {
        quote_spanned! { returns.span()=> <#returns as #here::IntoToolResult>::into_tool_result(#value) }
    };
    // Whatever is wrong with the future is said at the function's name.
    let started = match model.mode {
        Mode::Plain => {
            let result = converted(function_call);
            quote! { #call.returned(#result) }
        }
        Mode::Queued => {
            let result = converted(function_call);
            quote_spanned! { function.span()=> #call.running(async move { #result }) }
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
        assert!(expansion.contains("fn half (a : u8) -> u8 { a . }"), "{expansion}");
    }

    #[test]
    fn mistakes_leave_the_function_and_its_type_standing() {
        assert_expansion("mistake", quote! { naem = "x" }, quote! { pub fn ping() {} });
    }
}
