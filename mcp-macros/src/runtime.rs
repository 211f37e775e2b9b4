//! How tokens name the runtime, and what they call their own.

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens as _, quote, quote_spanned};
use syn::Path;

use crate::attrs::Attributes;

/// How tokens name the runtime.
pub(crate) struct Runtime {
    path: TokenStream,
    /// Whether the user wrote it.
    is_given: bool,
}

impl Runtime {
    pub(crate) fn of(attributes: &Attributes) -> Self {
        Self::at(attributes.runtime.as_ref())
    }

    pub(crate) fn at(given: Option<&Path>) -> Self {
        let path = given.map_or_else(|| quote! { ::mcp_runtime }, Path::to_token_stream);
        Self { path, is_given: given.is_some() }
    }

    pub(crate) fn private(&self) -> TokenStream {
        self.private_at(Span::mixed_site())
    }

    /// The runtime's names, as if written where something of the user's stands: then an error
    /// about that points at it alone.
    pub(crate) fn private_at(&self, span: Span) -> TokenStream {
        let located = self.path.clone().into_iter().map(|mut token: TokenTree| {
            // `$crate` knows its crate by its span, which must keep its hygiene.
            token.set_span(if self.is_given { token.span().located_at(span) } else { span });
            token
        });
        let runtime: TokenStream = located.collect();
        quote_spanned! { span=> #runtime::__private }
    }
}

/// A name of the glue's own. An item of the user's must not have it: hygiene keeps locals apart
/// from locals, but a `static` would stand in a pattern's way.
pub(crate) fn local(name: &str) -> Ident {
    Ident::new(&format!("mcp_{name}"), Span::mixed_site())
}
