//! Doc comments to descriptions.

use proc_macro2::TokenStream;
use quote::{ToTokens as _, quote};
use syn::{Attribute, Expr, ExprLit, Lit, Meta};

/// The text of doc comments as tokens of a `&'static str`; `None` if there is none.
pub(crate) fn description(attributes: &[Attribute]) -> Option<TokenStream> {
    let parts: Vec<Part> = attributes.iter().filter_map(part).collect();
    if parts.iter().all(|part| matches!(part, Part::Line(_))) {
        let text = text(&parts);
        return (!text.is_empty()).then(|| text.into_token_stream());
    }
    // Only the compiler knows what it says: `include_str!`.
    let mut tokens = TokenStream::new();
    let is_line = |part: &Part| matches!(part, Part::Line(_));
    for run in parts.chunk_by(|one, other| is_line(one) && is_line(other)) {
        if !tokens.is_empty() {
            tokens.extend(quote! { "\n", });
        }
        match run {
            [Part::Computed(value)] => tokens.extend(quote! { #value, }),
            lines => {
                let text = text(lines);
                // An empty line before or after the rest parts paragraphs.
                let [before, after] = [lines.first(), lines.last()].map(|line| match line {
                    Some(Part::Line(line)) if line.trim().is_empty() && !text.is_empty() => "\n",
                    _ => "",
                });
                let text = [before, &text, after].concat();
                tokens.extend(quote! { #text, });
            }
        }
    }
    Some(quote! { ::core::concat!(#tokens) })
}

enum Part {
    Line(String),
    Computed(Expr),
}

/// The text as it reads: without the space that follows `///`.
fn text(parts: &[Part]) -> String {
    let lines: Vec<&str> = parts
        .iter()
        .filter_map(|part| match part {
            Part::Line(line) => Some(&**line),
            Part::Computed(_) => None,
        })
        .collect();
    let shared = lines
        .iter()
        .flat_map(|line| line.lines())
        .filter(|line| !line.trim().is_empty())
        .map(|line| line.len() - line.trim_start_matches(' ').len())
        .min()
        .unwrap_or(0);
    let unindented = lines.iter().flat_map(|line| if line.is_empty() { vec![""] } else { line.lines().collect() });
    let text: Vec<&str> = unindented.map(|line| line.get(shared..).unwrap_or("").trim_end()).collect();
    text.join("\n").trim().to_owned()
}

pub(crate) fn is_doc(attribute: &Attribute) -> bool {
    attribute.path().is_ident("doc")
}

fn part(attribute: &Attribute) -> Option<Part> {
    match &attribute.meta {
        Meta::NameValue(pair) if is_doc(attribute) => Some(match &pair.value {
            Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Part::Line(without_stars(text.value())),
            computed => Part::Computed(computed.clone()),
        }),
        _ => None,
    }
}

/// A block comment without the stars at its left.
fn without_stars(text: String) -> String {
    let is_starred = |line: &str| line.trim().is_empty() || line.trim_start().starts_with('*');
    if text.lines().count() < 2 || !text.lines().skip(1).all(is_starred) {
        return text;
    }
    let lines = text.lines().map(|line| line.trim_start().trim_start_matches('*'));
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use syn::parse_quote;

    fn description(attributes: &[syn::Attribute]) -> String {
        let tokens = super::description(attributes).unwrap_or_default();
        syn::parse2::<Option<syn::LitStr>>(tokens).expect("text").map_or_else(String::new, |text| text.value())
    }

    #[test]
    fn indentation_that_all_lines_share_goes_and_the_rest_stays() {
        let item: syn::ItemFn = parse_quote! {
            /// Counts.
            ///
            /// - one
            ///   - two
            fn count() {}
        };
        assert_eq!(description(&item.attrs), "Counts.\n\n- one\n  - two");
    }

    #[test]
    fn computed_lines_stand_among_the_others() {
        let item: syn::ItemFn = parse_quote! {
            /// One.
            /// Two.
            ///
            #[doc = include_str!("x.md")]
            ///
            /// - three
            fn count() {}
        };
        let tokens = super::description(&item.attrs).unwrap_or_default().to_string();
        let expected =
            quote::quote! { ::core::concat!("One.\nTwo.\n", "\n", include_str!("x.md"), "\n", "\n- three",) };
        assert_eq!(tokens, expected.to_string());
    }

    #[test]
    fn stars_at_the_left_of_a_block_are_not_part_of_the_text() {
        let item: syn::ItemFn = parse_quote! {
            /**
             * Counts.
             *
             * All of them.
             */
            fn count() {}
        };
        assert_eq!(description(&item.attrs), "Counts.\n\nAll of them.");
    }

    #[test]
    fn block_comments_and_absent_ones_are_read() {
        let item: syn::ItemFn = parse_quote! {
            /** Counts. */
            fn count() {}
        };
        assert_eq!(description(&item.attrs), "Counts.");
        assert_eq!(description(&[]), "");
    }
}
