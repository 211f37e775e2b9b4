//! Which candidates fit what was typed, and which of them come first.

use crate::protocol::Completion;

/// How a candidate fits, the best one first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fit {
    Equal,
    /// It begins with what was typed.
    Prefix,
    /// One of its words does.
    Word,
    /// What was typed stands inside of it.
    Inside,
    /// All that was typed stands in it, in this order, with something between.
    Scattered,
}

/// The candidates that fit what was typed, the best ones first, and the others in the order they came.
/// Capitals do not matter.
pub(crate) fn rank<T: AsRef<str> + Into<String>>(candidates: impl IntoIterator<Item = T>, typed: &str) -> Completion {
    let typed = typed.to_lowercase();
    // No more is kept of each than can be shown: there may be very many.
    let mut kept: [Vec<String>; 5] = Default::default();
    let mut total: u64 = 0;
    for candidate in candidates {
        let Some(fit) = fit(candidate.as_ref(), &typed) else { continue };
        total += 1;
        let place = &mut kept[fit as usize];
        if place.len() < Completion::MOST {
            place.push(candidate.into());
        }
    }
    let values: Vec<String> = kept.into_iter().flatten().take(Completion::MOST).collect();
    let has_more = total > Completion::MOST as u64;
    Completion::new(values).total(total).has_more(has_more)
}

/// How a candidate fits something that was typed in small letters.
fn fit(candidate: &str, typed: &str) -> Option<Fit> {
    if typed.is_empty() {
        return Some(Fit::Prefix);
    }
    let candidate = candidate.to_lowercase();
    if candidate == typed {
        return Some(Fit::Equal);
    }
    if candidate.starts_with(typed) {
        return Some(Fit::Prefix);
    }
    if candidate.contains(typed) {
        let begins_word = |(at, separator): (usize, char)| {
            !separator.is_alphanumeric() && candidate[at + separator.len_utf8()..].starts_with(typed)
        };
        return Some(if candidate.char_indices().any(begins_word) { Fit::Word } else { Fit::Inside });
    }
    let mut letters = candidate.chars();
    typed.chars().all(|wanted| letters.any(|letter| letter == wanted)).then_some(Fit::Scattered)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ranked(candidates: &[&str], typed: &str) -> Vec<String> {
        rank(candidates.iter().copied(), typed).values
    }

    #[test]
    fn a_candidate_fits_in_one_of_five_ways() {
        for (candidate, typed, expected) in [
            ("Python", "python", Some(Fit::Equal)),
            ("python", "PYTHON", Some(Fit::Equal)),
            ("pytorch", "py", Some(Fit::Prefix)),
            ("anything", "", Some(Fit::Prefix)),
            ("", "", Some(Fit::Prefix)),
            ("new-york", "yo", Some(Fit::Word)),
            ("New York", "york", Some(Fit::Word)),
            ("xa-a-a", "a-a", Some(Fit::Word)),
            ("Größe ändern", "ÄN", Some(Fit::Word)),
            ("snake_case", "case", Some(Fit::Word)),
            ("newyork", "york", Some(Fit::Inside)),
            ("a1b", "1b", Some(Fit::Inside)),
            ("new york", "w y", Some(Fit::Inside)),
            ("JavaScript", "jst", Some(Fit::Scattered)),
            ("python", "pynoth", None),
            ("py", "python", None),
            ("", "a", None),
        ] {
            assert_eq!(fit(candidate, &typed.to_lowercase()), expected, "{candidate} {typed}");
        }
    }

    #[test]
    fn the_best_come_first_and_others_as_they_came() {
        let candidates = ["a-rust-b", "crust", "rusty", "Rust", "r-u-s-t", "go", "rustic", "thrust", "my rust"];
        assert_eq!(
            ranked(&candidates, "rust"),
            ["Rust", "rusty", "rustic", "a-rust-b", "my rust", "crust", "thrust", "r-u-s-t"]
        );
        assert_eq!(ranked(&candidates, ""), candidates);
        assert_eq!(ranked(&candidates, "python"), [""; 0]);
    }

    #[test]
    fn the_best_are_shown_however_late_they_come() {
        let many = (0..250).map(|number| format!("x{number}")).chain(["0".to_owned()]);
        let completion = rank(many, "0");
        assert_eq!((completion.values.len(), completion.total, completion.has_more), (44, Some(44), false));
        assert_eq!(completion.values[0], "0");
        let completion = rank((0..250).map(|number| format!("x{number}")).chain(["x".to_owned()]), "x");
        assert_eq!((completion.values.len(), completion.total, completion.has_more), (100, Some(251), true));
        assert_eq!(completion.values[0], "x");
        let exactly = rank((0..100).map(|number| number.to_string()), "");
        assert_eq!((exactly.values.len(), exactly.total, exactly.has_more), (100, Some(100), false));
    }

    proptest! {
        #[test]
        fn what_is_proposed_is_among_the_candidates(
            candidates in prop::collection::vec("[a-cA-C_ÄßİΣ -]{0,6}", 0..150),
            typed in "[a-cA-CÄßİΣ -]{0,3}",
        ) {
            let completion = rank(candidates.iter(), &typed);
            let total = usize::try_from(completion.total.unwrap_or_default()).unwrap_or_default();
            prop_assert!(completion.values.len() <= Completion::MOST);
            prop_assert_eq!(completion.values.len(), total.min(Completion::MOST));
            prop_assert_eq!(completion.has_more, total > Completion::MOST);
            prop_assert!(completion.values.iter().all(|value| candidates.contains(value)));
            if typed.is_empty() {
                prop_assert_eq!(total, candidates.len());
            }
            // Whoever types a candidate finds it.
            if let Some(one) = candidates.first() {
                let found = rank(candidates.iter(), one);
                prop_assert!(one.is_empty() || found.values[0].to_lowercase() == one.to_lowercase());
            }
        }
    }
}
