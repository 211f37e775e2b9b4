//! The annotated function as it was written: its signature parsed, its body kept as tokens,
//! which may be half typed.

use proc_macro2::TokenStream;
use quote::{ToTokens, TokenStreamExt as _};
use syn::parse::{Parse, ParseStream};
use syn::{Attribute, FnArg, Signature, Visibility, parse_quote};

use crate::docs::is_doc;

pub(crate) struct ToolItem {
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) visibility: Visibility,
    pub(crate) signature: Signature,
    body: TokenStream,
}

impl Parse for ToolItem {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let attributes = input.call(Attribute::parse_outer)?;
        let visibility = input.parse()?;
        if !starts_function(input) {
            return Err(input.error("`#[tool]` goes on a function: `#[tool] fn name(..) -> .. { .. }`"));
        }
        Ok(Self { attributes, visibility, signature: input.parse()?, body: input.parse()? })
    }
}

fn starts_function(input: ParseStream<'_>) -> bool {
    let ahead = input.fork();
    ahead.parse::<Signature>().is_ok() || {
        // A signature with a mistake in it: its own error is the better one.
        let ahead = input.fork();
        while !ahead.is_empty() && !ahead.peek(syn::token::Paren) && !ahead.peek(syn::token::Brace) {
            if ahead.peek(syn::Token![fn]) {
                return true;
            }
            if ahead.parse::<proc_macro2::TokenTree>().is_err() {
                return false;
            }
        }
        false
    }
}

/// The function without what only the macro understands.
impl ToTokens for ToolItem {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        let mut signature = self.signature.clone();
        for input in &mut signature.inputs {
            if let FnArg::Typed(param) = input {
                param.attrs.retain(|attribute| !is_doc(attribute));
            }
        }
        // Spans of attributes survive, so that editors find their way.
        tokens.append_all(&self.attributes);
        self.visibility.to_tokens(tokens);
        signature.to_tokens(tokens);
        self.body.to_tokens(tokens);
    }
}

impl ToolItem {
    /// The type that the function returns.
    pub(crate) fn returns(&self) -> syn::Type {
        match &self.signature.output {
            syn::ReturnType::Default => parse_quote!(()),
            syn::ReturnType::Type(_, returned) => (**returned).clone(),
        }
    }
}
