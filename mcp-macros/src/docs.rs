//! Doc comments to descriptions.

use syn::{Attribute, Expr, ExprLit, Lit, Meta};

/// The text of doc comments, as it reads: without the space that follows `///`.
pub(crate) fn description(attributes: &[Attribute]) -> String {
    let lines: Vec<String> = attributes.iter().filter_map(line).collect();
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

/// Whether a description is there, but only the compiler will know it: `include_str!`.
pub(crate) fn is_computed(attribute: &Attribute) -> bool {
    is_doc(attribute) && matches!(attribute.meta, Meta::NameValue(_)) && line(attribute).is_none()
}

fn line(attribute: &Attribute) -> Option<String> {
    match &attribute.meta {
        Meta::NameValue(pair) if is_doc(attribute) => match &pair.value {
            Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Some(without_stars(text.value())),
            _ => None,
        },
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

    use super::description;

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
