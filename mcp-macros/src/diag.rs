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
    let nearest = known.iter().map(|known| (strsim::levenshtein(word, known), *known)).min()?;
    (nearest.0 <= 2.max(word.len() / 3)).then_some(nearest.1)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn misspelt_words_are_recognised_and_others_are_not() {
        let known = ["name", "title", "description", "blocking"];
        assert_eq!(nearest("nmae", &known), Some("name"));
        assert_eq!(nearest("desc", &known), None);
        assert_eq!(nearest("descripton", &known), Some("description"));
        assert_eq!(nearest("block", &known), None);
        assert_eq!(nearest("retries", &known), None);
    }
}
