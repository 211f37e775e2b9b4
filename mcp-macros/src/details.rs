//! What `#[arg(..)]` and the attribute of a function say beyond names and types, as calls that say it when the
//! server starts.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens as _, quote, quote_spanned};
use syn::spanned::Spanned as _;
use syn::{Expr, ExprLit, Lit, RangeLimits};

use crate::arg::{ArgAttributes, DefaultValue, OneOf, number};
use crate::attrs::{Hint, TaskWhen};
use crate::expand::held;
use crate::model::{FunctionModel, Owner};
use crate::param::{ParamModel, Passing};
use crate::runtime::{Runtime, local};

/// `.with(|details| ..)` for what `#[arg(..)]` says, if it says something.
pub(crate) fn param_details(param: &ParamModel, owner: Owner, runtime: &Runtime) -> TokenStream {
    let arg = &param.arg;
    let details = local("details");
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
        let local = local("value");
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
    if let Some(completer) = &arg.complete {
        // Whatever is wrong with it is said there.
        said.extend(match owner {
            Owner::None => quote_spanned! { completer.span()=> #details.complete(#completer); },
            _ => quote_spanned! { completer.span()=> #details.complete_of::<Self, _, _, _>(#completer); },
        });
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

/// `.with(|details| ..)` for what the attribute of a function says, if it says something.
pub(crate) fn function_details(model: &FunctionModel, runtime: &Runtime) -> TokenStream {
    let attributes = &model.attributes;
    let details = local("details");
    let mut said = TokenStream::new();
    for (hint, is_so) in attributes.annotations.iter().flatten() {
        let hint = Ident::new(&hint.to_string(), Span::mixed_site());
        said.extend(quote! { #details.#hint(#is_so); });
    }
    let mut say = |method: &str, value: TokenStream| {
        let method = Ident::new(method, Span::mixed_site());
        said.extend(quote! { #details.#method(#value); });
    };
    for Hint { method, value } in attributes.hints.iter().flatten() {
        let value = match (method == "audience", value) {
            (true, Expr::Lit(ExprLit { lit: Lit::Str(role), .. })) => {
                let role = Ident::new(if role.value() == "user" { "User" } else { "Assistant" }, role.span());
                let private = runtime.private();
                quote! { #private::Role::#role }
            }
            _ => value.to_token_stream(),
        };
        say(&method.to_string(), value);
    }
    if let Some(size) = &attributes.size {
        say("size", size.to_token_stream());
    }
    if let Some(ttl) = &attributes.ttl {
        say("ttl", ttl.duration.clone());
    }
    if let Some(cache) = &attributes.cache_scope {
        say(&cache.to_string(), TokenStream::new());
    }
    if let Some(icons) = &attributes.icons {
        say("icons", icons.to_token_stream());
    }
    if let Some(tags) = &attributes.tags {
        say("tags", tags.to_token_stream());
    }
    if let Some(scopes) = &attributes.scopes {
        say("scopes", quote! { [#(#scopes),*] });
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
    if let Some(resume) = &attributes.resume {
        let private = runtime.private();
        say("resume", quote! { #private::Resume::#resume });
    }
    if let Some(task) = &attributes.task {
        match &task.when {
            TaskWhen::Always => say("task", TokenStream::new()),
            TaskWhen::Required => say("task_required", TokenStream::new()),
            TaskWhen::After(time) => say("task_after", time.clone()),
        }
    }
    if attributes.strict.is_some() {
        say("strict", TokenStream::new());
    }
    if attributes.lenient.is_some() {
        say("lenient", TokenStream::new());
    }
    if let Some(visible) = &attributes.visible {
        let (private, local) = (runtime.private(), local("visible"));
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
