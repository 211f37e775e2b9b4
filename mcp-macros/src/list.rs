//! `tools![..]` and its sisters: a list of paths, each once.

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens as _, quote, quote_spanned};
use syn::parse::{ParseStream, Parser as _};
use syn::spanned::Spanned as _;
use syn::{Attribute, Path, Token};

use crate::diag::Diagnostics;
use crate::keys::rest;
use crate::kind::{Kind, Names};

/// The expansion of `tools![..]` and its sisters. The input begins with the path of the runtime and
/// what the list is of.
pub(crate) fn list(input: TokenStream) -> TokenStream {
    let mut diag = Diagnostics::default();
    let parsed = (|input: ParseStream<'_>| {
        let runtime: Path = input.parse()?;
        input.parse::<Token![;]>()?;
        let noun: Ident = input.parse()?;
        let kind = Kind::from_noun(&noun).ok_or_else(|| input.error("expected `tool`, `prompt` or `resource`"))?;
        input.parse::<Token![;]>()?;
        let mut listed: Vec<(Vec<Attribute>, Path)> = Vec::new();
        while !input.is_empty() {
            one(kind, input, &mut listed, &mut diag)?;
            input.parse::<Option<Token![,]>>()?;
        }
        Ok((runtime, kind, listed))
    })
    .parse2(input);
    let Some((runtime, kind, listed)) = diag.accept(parsed) else { return diag.into_compile_errors() };
    let Names { list, function, .. } = kind.names();
    let specs = listed.iter().map(|(conditions, path)| {
        // As if written where the path stands: then an error about it points there alone.
        let runtime = respanned(&runtime, path);
        let function = Ident::new(&function.to_string(), path.span());
        quote_spanned! { path.span()=> #(#conditions)* <#path as #runtime::__private::#function>::SPEC }
    });
    let list = quote! { #runtime::#list::new(&[#(#specs),*]) };
    if diag.is_empty() {
        return list;
    }
    let errors = diag.into_compile_errors();
    quote! { { #errors #list } }
}

fn one(
    kind: Kind,
    input: ParseStream<'_>,
    listed: &mut Vec<(Vec<Attribute>, Path)>,
    diag: &mut Diagnostics,
) -> syn::Result<()> {
    let noun = kind.noun();
    let conditions = input.call(Attribute::parse_outer)?;
    let ahead = input.fork();
    let path = ahead.call(Path::parse_mod_style);
    match path {
        Ok(path) if ahead.is_empty() || ahead.peek(Token![,]) => {
            syn::parse::discouraged::Speculative::advance_to(input, &ahead);
            let written = path.to_token_stream().to_string();
            let is_same = |(conditions, earlier): &(Vec<Attribute>, Path)| {
                conditions.is_empty() && earlier.to_token_stream().to_string() == written
            };
            if conditions.is_empty() && listed.iter().any(is_same) {
                diag.error(&path, format!("`{}` is listed twice; remove one of them", written.replace(' ', "")));
            } else if let Some(owner) = owner(&path) {
                diag.error(
                    &path,
                    format!(
                        "this names a method: `#[tool]` goes on its `impl` too, and all of its {noun}s are in the `{noun}s()` \
                         of a value: `.{noun}s({}.{noun}s())`",
                        owner.to_lowercase()
                    ),
                );
            } else {
                listed.push((conditions, path));
            }
        }
        _ => diag.error(
            rest(input),
            format!(
                "expected the path of a {noun}, such as `{example}` or `catalog::{example}`",
                example = match kind {
                    Kind::Tool => "add",
                    Kind::Prompt => "review",
                    Kind::Resource => "product",
                }
            ),
        ),
    }
    Ok(())
}

/// The type whose method a path names, going by how types are written.
fn owner(path: &Path) -> Option<String> {
    let owner = path.segments.iter().rev().nth(1)?.ident.to_string();
    owner.starts_with(char::is_uppercase).then_some(owner)
}

fn respanned(runtime: &Path, at: &Path) -> TokenStream {
    let mut runtime = runtime.clone();
    for segment in &mut runtime.segments {
        // `$crate` knows its crate by its span, which must keep its hygiene.
        segment.ident.set_span(segment.ident.span().located_at(at.span()));
    }
    runtime.into_token_stream()
}
