//! Every mistake of one expansion, reported together.

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::Error;

#[derive(Default)]
pub(crate) struct Diagnostics {
    errors: Option<Error>,
}

impl Diagnostics {
    /// Notes a mistake at these tokens.
    pub(crate) fn error(&mut self, at: impl ToTokens, message: impl std::fmt::Display) {
        self.push(Error::new_spanned(at, message));
    }

    /// Takes the value of a parser, or its error.
    pub(crate) fn accept<T>(&mut self, result: syn::Result<T>) -> Option<T> {
        result.map_err(|error| self.push(error)).ok()
    }

    fn push(&mut self, error: Error) {
        match &mut self.errors {
            Some(errors) => errors.combine(error),
            None => self.errors = Some(error),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.errors.is_none()
    }

    /// How many mistakes there are so far.
    pub(crate) fn len(&self) -> usize {
        self.errors.iter().flat_map(|errors| errors.clone()).count()
    }

    pub(crate) fn into_compile_errors(self) -> TokenStream {
        self.errors.map(Error::into_compile_error).unwrap_or_default()
    }
}

/// The known word that was probably meant.
pub(crate) fn nearest<'k>(word: &str, known: &[&'k str]) -> Option<&'k str> {
    let nearest = known.iter().map(|known| (distance(word, known), *known)).min()?;
    (nearest.0 <= 2.max(word.len() / 3)).then_some(nearest.1)
}

/// How many letters must be put in, left out or changed to make one word of the other (Levenshtein).
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    // How far the letters of one so far are from the first letters of the other: none, one and so on.
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, letter) in one.chars().enumerate() {
        let mut before = std::mem::replace(&mut row[0], i + 1);
        for (j, wanted) in other.iter().enumerate() {
            let changed = before + usize::from(letter != *wanted);
            before = row[j + 1];
            row[j + 1] = changed.min(before + 1).min(row[j] + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{distance, nearest};

    #[test]
    fn misspelt_words_are_recognised_and_others_are_not() {
        let known = ["name", "title", "description", "blocking"];
        assert_eq!(nearest("nmae", &known), Some("name"));
        assert_eq!(nearest("desc", &known), None);
        assert_eq!(nearest("descripton", &known), Some("description"));
        assert_eq!(nearest("block", &known), None);
        assert_eq!(nearest("retries", &known), None);
    }

    proptest! {
        #[test]
        fn distances_are_those_of_strsim(one in "[a-cé]{0,10}", other in "[a-cé]{0,10}") {
            prop_assert_eq!(distance(&one, &other), strsim::levenshtein(&one, &other));
        }
    }
}
