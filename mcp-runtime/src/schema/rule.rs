//! Constraints of JSON Schema: how each one reads in a schema, and whether a value keeps it.

use std::borrow::Cow;
use std::cmp::Ordering;

use regex_lite::Regex;
use serde::de::IgnoredAny;
use serde_json::{Map, Value, json};

use super::check::first_repeated;
use super::format::Format;
use crate::protocol::{Raw, text};

/// A number of JSON: whole as far as that goes.
#[derive(Debug, Clone, Copy)]
pub enum Number {
    /// Without a fraction.
    Whole(i128),
    /// With one, or too large.
    Real(f64),
}

impl Number {
    fn parse(raw: &str) -> Option<Self> {
        match raw.parse() {
            Ok(whole) => Some(Self::Whole(whole)),
            Err(_) => raw.parse().ok().map(Self::real),
        }
    }

    /// A number that was parsed.
    pub(crate) fn of(number: &serde_json::Number) -> Self {
        let small = number.as_i64().map(i128::from).or_else(|| number.as_u64().map(i128::from));
        small.map_or_else(|| Self::real(number.as_f64().unwrap_or(f64::NAN)), Self::Whole)
    }

    pub(crate) fn real(real: f64) -> Self {
        // `5.0` is 5.
        if real.fract() == 0.0 && real.abs() < 1e30 { Self::Whole(real as i128) } else { Self::Real(real) }
    }

    fn to_real(self) -> f64 {
        match self {
            Self::Whole(whole) => whole as f64,
            Self::Real(real) => real,
        }
    }

    pub(crate) fn compare(self, other: Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Whole(one), Self::Whole(other)) => Some(one.cmp(&other)),
            _ => self.to_real().partial_cmp(&other.to_real()),
        }
    }

    pub(crate) fn is(self, other: Self) -> bool {
        self.compare(other) == Some(Ordering::Equal)
    }

    fn is_multiple_of(self, unit: Self) -> bool {
        match (self, unit) {
            (Self::Whole(number), Self::Whole(unit)) => unit != 0 && number % unit == 0,
            _ => {
                let times = self.to_real() / unit.to_real();
                // Decimal fractions have no exact form in binary, which the quotient shows.
                self.to_real() == 0.0
                    || times.is_finite()
                        && times.round() != 0.0
                        && (times - times.round()).abs() <= 4.0 * f64::EPSILON * times.abs()
            }
        }
    }

    fn to_json(self) -> Value {
        match self {
            Self::Whole(whole) => match i64::try_from(whole) {
                Ok(small) => json!(small),
                Err(_) => u64::try_from(whole).map_or_else(|_| json!(whole as f64), |large| json!(large)),
            },
            Self::Real(real) => json!(real),
        }
    }
}

/// What rules look at of a value.
#[derive(Debug)]
pub(crate) enum Facts<'a> {
    Number(Number),
    Text(Cow<'a, str>),
    /// A list, with so many items.
    Items(usize, Items<'a>),
    Other,
}

/// The items of a list, for the one rule that must look at them.
#[derive(Debug)]
pub(crate) enum Items<'a> {
    Raw(Raw<'a>),
    Values(&'a [Value]),
}

impl Items<'_> {
    fn has_repeated(&self) -> bool {
        match self {
            Self::Raw(raw) => {
                serde_json::from_str::<Vec<Value>>(raw.get()).is_ok_and(|it| first_repeated(&it).is_some())
            }
            Self::Values(values) => first_repeated(values).is_some(),
        }
    }
}

impl<'a> Facts<'a> {
    pub(crate) fn of(raw: Raw<'a>) -> Self {
        match raw.get().as_bytes().first() {
            Some(b'"') => text(raw).map_or(Self::Other, Self::Text),
            Some(b'[') => {
                let items = serde_json::from_str::<Vec<IgnoredAny>>(raw.get());
                items.map_or(Self::Other, |it| Self::Items(it.len(), Items::Raw(raw)))
            }
            Some(b'-' | b'0'..=b'9') => Number::parse(raw.get()).map_or(Self::Other, Self::Number),
            _ => Self::Other,
        }
    }

    pub(crate) fn of_value(value: &'a Value) -> Self {
        match value {
            Value::String(text) => Self::Text(Cow::Borrowed(text)),
            Value::Array(items) => Self::Items(items.len(), Items::Values(items)),
            Value::Number(number) => Self::Number(Number::of(number)),
            _ => Self::Other,
        }
    }
}

/// One constraint. It says nothing about values of another kind than its own, like JSON Schema.
#[derive(Debug, Clone)]
pub(crate) enum Rule {
    Least(Number),
    Most(Number),
    Above(Number),
    Below(Number),
    MultipleOf(Number),
    MinLength(usize),
    MaxLength(usize),
    MinItems(usize),
    MaxItems(usize),
    Unique,
    Pattern(Regex),
    Format(Format),
    OneOfTexts(Vec<String>),
    OneOfNumbers(Vec<Number>),
}

impl Rule {
    /// The rule that a keyword of a schema says, if it says one.
    pub(crate) fn from_keyword(keyword: &str, value: &Value) -> Option<Self> {
        let number = || value.as_number().map(Number::of);
        let count = || value.as_u64().map(|count| usize::try_from(count).unwrap_or(usize::MAX));
        Some(match keyword {
            "minimum" => Self::Least(number()?),
            "maximum" => Self::Most(number()?),
            "exclusiveMinimum" => Self::Above(number()?),
            "exclusiveMaximum" => Self::Below(number()?),
            "multipleOf" => Self::MultipleOf(number()?),
            "minLength" => Self::MinLength(count()?),
            "maxLength" => Self::MaxLength(count()?),
            "minItems" => Self::MinItems(count()?),
            "maxItems" => Self::MaxItems(count()?),
            "pattern" => Self::Pattern(Regex::new(value.as_str()?).ok()?),
            "format" => Self::Format(Format::from_name(value.as_str()?)?),
            _ => return None,
        })
    }

    /// Whether it is a bound at infinity, which JSON has no word for.
    pub(crate) fn says_nothing(&self) -> bool {
        match self {
            Self::Least(bound) | Self::Above(bound) => bound.to_real() == f64::NEG_INFINITY,
            Self::Most(bound) | Self::Below(bound) => bound.to_real() == f64::INFINITY,
            _ => false,
        }
    }

    /// Writes the rule into a schema. Of two bounds the tighter one stays.
    pub(crate) fn write(&self, schema: &mut Map<String, Value>) {
        let mut tighten = |keyword: &str, bound: Number, tighter: Ordering| {
            let there = schema.get(keyword).and_then(Value::as_number).map(Number::of);
            if there.is_none_or(|there| bound.compare(there).is_none_or(|is| is == tighter)) {
                schema.insert(keyword.to_owned(), bound.to_json());
            }
        };
        match self {
            Self::Least(bound) => tighten("minimum", *bound, Ordering::Greater),
            Self::Most(bound) => tighten("maximum", *bound, Ordering::Less),
            Self::Above(bound) => tighten("exclusiveMinimum", *bound, Ordering::Greater),
            Self::Below(bound) => tighten("exclusiveMaximum", *bound, Ordering::Less),
            Self::MultipleOf(unit) => _ = schema.insert("multipleOf".to_owned(), unit.to_json()),
            Self::MinLength(count) => _ = schema.insert("minLength".to_owned(), json!(count)),
            Self::MaxLength(count) => _ = schema.insert("maxLength".to_owned(), json!(count)),
            Self::MinItems(count) => _ = schema.insert("minItems".to_owned(), json!(count)),
            Self::MaxItems(count) => _ = schema.insert("maxItems".to_owned(), json!(count)),
            Self::Unique => _ = schema.insert("uniqueItems".to_owned(), json!(true)),
            Self::Pattern(pattern) => _ = schema.insert("pattern".to_owned(), json!(pattern.as_str())),
            Self::Format(format) => _ = schema.insert("format".to_owned(), json!(format.name())),
            Self::OneOfTexts(texts) => _ = schema.insert("enum".to_owned(), json!(texts)),
            Self::OneOfNumbers(numbers) => {
                schema.insert("enum".to_owned(), numbers.iter().map(|it| it.to_json()).collect());
            }
        }
    }

    /// Whether a value keeps the rule.
    pub(crate) fn holds(&self, facts: &Facts<'_>) -> bool {
        let is = |bound: &Number, wanted: &[Ordering]| match facts {
            Facts::Number(number) => number.compare(*bound).is_some_and(|is| wanted.contains(&is)),
            _ => true,
        };
        match (self, facts) {
            (Self::Least(bound), _) => is(bound, &[Ordering::Greater, Ordering::Equal]),
            (Self::Most(bound), _) => is(bound, &[Ordering::Less, Ordering::Equal]),
            (Self::Above(bound), _) => is(bound, &[Ordering::Greater]),
            (Self::Below(bound), _) => is(bound, &[Ordering::Less]),
            (Self::MultipleOf(unit), Facts::Number(number)) => number.is_multiple_of(*unit),
            (Self::MinLength(least), Facts::Text(text)) => text.chars().count() >= *least,
            (Self::MaxLength(most), Facts::Text(text)) => text.chars().count() <= *most,
            (Self::MinItems(least), Facts::Items(count, _)) => count >= least,
            (Self::MaxItems(most), Facts::Items(count, _)) => count <= most,
            (Self::Unique, Facts::Items(_, items)) => !items.has_repeated(),
            (Self::Pattern(pattern), Facts::Text(text)) => pattern.is_match(text),
            (Self::Format(format), Facts::Text(text)) => format.matches(text),
            (Self::OneOfTexts(texts), Facts::Text(text)) => texts.iter().any(|it| it == text),
            (Self::OneOfNumbers(numbers), Facts::Number(number)) => numbers.iter().any(|it| it.is(*number)),
            _ => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(rule: &Rule, json: &str) -> bool {
        let raw = crate::protocol::Scanner::new(json).value().expect("JSON");
        let value: Value = serde_json::from_str(json).expect("JSON");
        let held = rule.holds(&Facts::of(raw));
        assert_eq!(held, rule.holds(&Facts::of_value(&value)), "{rule:?} {json}");
        held
    }

    #[test]
    fn each_rule_keeps_to_its_kind() {
        for (keyword, value, good, bad) in [
            ("minimum", json!(1), ["1", "1.0", "\"0\""], "0.5"),
            ("maximum", json!(u64::MAX), ["18446744073709551615", "-1", "null"], "18446744073709551616"),
            ("exclusiveMinimum", json!(0), ["0.1", "1", "[]"], "0"),
            ("exclusiveMaximum", json!(1.5), ["1.4", "1", "{}"], "1.5"),
            ("multipleOf", json!(0.1), ["0.3", "7", "\"x\""], "0.35"),
            ("multipleOf", json!(5), ["10", "-5", "0"], "7"),
            ("multipleOf", json!(0.01), ["5000000.01", "19.99", "0"], "5000000.005"),
            ("multipleOf", json!(0.01), ["0.07", "1e3", "-0.3"], "1e-12"),
            ("multipleOf", json!(2.5), ["1250000002.5", "-5", "0.0"], "1250000001"),
            ("minLength", json!(2), ["\"äö\"", "1", "\"abc\""], "\"ä\""),
            ("maxLength", json!(2), ["\"\\u00e4b\"", "123", "[1,2,3]"], "\"abc\""),
            ("minItems", json!(1), ["[1]", "\"\"", "{}"], "[]"),
            ("maxItems", json!(1), ["[1]", "[]", "\"ab\""], "[1,2]"),
            ("pattern", json!("^[a-z]+$"), ["\"abc\"", "1", "null"], "\"Abc\""),
            ("format", json!("date"), ["\"2026-02-28\"", "1", "null"], "\"2026-02-30\""),
        ] {
            let rule = Rule::from_keyword(keyword, &value).expect("a rule");
            for good in good {
                assert!(holds(&rule, good), "{keyword} {value} {good}");
            }
            assert!(!holds(&rule, bad), "{keyword} {value} {bad}");
        }
    }

    #[test]
    fn the_tighter_bound_stays() {
        let mut schema = Map::from_iter([("minimum".to_owned(), json!(0)), ("maximum".to_owned(), json!(255))]);
        Rule::Least(Number::Whole(-5)).write(&mut schema);
        Rule::Most(Number::Whole(100)).write(&mut schema);
        assert_eq!(Value::Object(schema), json!({ "minimum": 0, "maximum": 100 }));
    }
}
