//! Which constraints of `#[arg(..)]` a type can have. The glue calls these on the type of the
//! parameter, so that a constraint which does not fit is an error there.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashSet, VecDeque};
use std::hash::BuildHasher;
use std::num::{
    NonZeroI8, NonZeroI16, NonZeroI32, NonZeroI64, NonZeroIsize, NonZeroU8, NonZeroU16, NonZeroU32, NonZeroU64,
    NonZeroUsize,
};
use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use regex_lite::Regex;
use serde::Serialize;

use super::param::ParamDetails;
use crate::schema::{Format, Number, Rule};

/// Marks a [`NumberArgument`] without fractions.
#[derive(Debug)]
pub enum Whole {}

/// Marks a [`NumberArgument`] that may have a fraction.
#[derive(Debug)]
pub enum Real {}

/// What can bound a number of kind `K`: integers all, fractions only [`Real`] ones.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a bound of this argument",
    label = "not a number of its kind",
    note = "an integer is bounded by integers: `range = 1..=100`; a float by integers or floats"
)]
pub trait IntoBound<K> {
    /// Converts.
    fn into_bound(self) -> Number;
}

/// An argument that is a number in JSON, so that `range`, `multiple_of` and a `one_of` of numbers
/// can be said of it. Implement it for a type of your own that serializes as one:
///
/// ```
/// use mcp_runtime::prelude::*;
/// use mcp_runtime::{NumberArgument, Whole};
///
/// #[derive(serde::Deserialize, schemars::JsonSchema)]
/// #[serde(transparent)]
/// struct Quantity(u32);
///
/// impl NumberArgument for Quantity {
///     type Kind = Whole;
/// }
///
/// #[tool]
/// fn order(#[arg(range = 1..=99)] quantity: Quantity) -> u32 {
///     quantity.0
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`range`, `multiple_of` and numbers in `one_of` are for numbers, and `{Self}` is none",
    label = "not a number",
    note = "for text there are `length`, `pattern`, `format` and `one_of`, for lists `items`; \
            a type of your own that is a number in JSON can implement `NumberArgument`"
)]
pub trait NumberArgument {
    /// [`Whole`] or [`Real`].
    type Kind;

    #[doc(hidden)]
    fn least(details: &mut ParamDetails, bound: Number) {
        details.rule(Rule::Least(bound));
    }

    #[doc(hidden)]
    fn most(details: &mut ParamDetails, bound: Number) {
        details.rule(Rule::Most(bound));
    }

    #[doc(hidden)]
    fn above(details: &mut ParamDetails, bound: Number) {
        details.rule(Rule::Above(bound));
    }

    #[doc(hidden)]
    fn below(details: &mut ParamDetails, bound: Number) {
        details.rule(Rule::Below(bound));
    }

    #[doc(hidden)]
    fn multiple_of(details: &mut ParamDetails, unit: Number) {
        details.rule(Rule::MultipleOf(unit));
    }

    #[doc(hidden)]
    fn one_of<const N: usize>(details: &mut ParamDetails, numbers: [Number; N]) {
        details.rule(Rule::OneOfNumbers(numbers.to_vec()));
    }
}

macro_rules! numbers {
    ($($number:ty),+ => $kind:ty) => {$(
        #[diagnostic::do_not_recommend]
        impl NumberArgument for $number {
            type Kind = $kind;
        }
    )+};
}
numbers!(i8, i16, i32, i64, i128, isize, u8, u16, u32, u64, u128, usize => Whole);
numbers!(NonZeroI8, NonZeroI16, NonZeroI32, NonZeroI64, NonZeroIsize => Whole);
numbers!(NonZeroU8, NonZeroU16, NonZeroU32, NonZeroU64, NonZeroUsize => Whole);
numbers!(f32, f64 => Real);

#[diagnostic::do_not_recommend]
impl<T: NumberArgument> NumberArgument for Option<T> {
    type Kind = T::Kind;
}

macro_rules! bounds {
    (|$it:ident| $value:expr => $($number:ty),+) => {$(
        #[diagnostic::do_not_recommend]
        impl IntoBound<Whole> for $number {
            #[allow(clippy::unnecessary_fallible_conversions, reason = "not for each type")]
            fn into_bound(self) -> Number {
                let $it = self;
                // What is larger is larger than what JSON carries.
                Number::Whole(i128::try_from($value).unwrap_or(i128::MAX))
            }
        }
        #[diagnostic::do_not_recommend]
        impl IntoBound<Real> for $number {
            fn into_bound(self) -> Number {
                IntoBound::<Whole>::into_bound(self)
            }
        }
    )+};
}
bounds!(|it| it => i8, i16, i32, i64, i128, isize, u8, u16, u32, u64, u128, usize);
bounds!(|it| it.get() => NonZeroI8, NonZeroI16, NonZeroI32, NonZeroI64, NonZeroIsize);
bounds!(|it| it.get() => NonZeroU8, NonZeroU16, NonZeroU32, NonZeroU64, NonZeroUsize);

#[diagnostic::do_not_recommend]
impl IntoBound<Real> for f64 {
    fn into_bound(self) -> Number {
        Number::real(self)
    }
}

#[diagnostic::do_not_recommend]
impl IntoBound<Real> for f32 {
    fn into_bound(self) -> Number {
        Number::real(self.into())
    }
}

/// An argument that is a string in JSON, so that `length`, `pattern`, `format` and a `one_of` of
/// text can be said of it. Implement it for a type of your own that serializes as one.
#[diagnostic::on_unimplemented(
    message = "`length`, `pattern`, `format` and text in `one_of` are for text, and `{Self}` is none",
    label = "not text",
    note = "for numbers there are `range`, `multiple_of` and `one_of`, for lists `items`; \
            a type of your own that is a string in JSON can implement `TextArgument`"
)]
pub trait TextArgument {
    #[doc(hidden)]
    fn length(details: &mut ParamDetails, least: Bound<usize>, most: Bound<usize>) {
        let (least, most) = counts(least, most);
        details.rules.extend(least.map(Rule::MinLength));
        details.rules.extend(most.map(Rule::MaxLength));
    }

    #[doc(hidden)]
    fn pattern(details: &mut ParamDetails, pattern: &str) {
        // The macro has compiled it already.
        details.rules.extend(Regex::new(pattern).map(Rule::Pattern));
    }

    #[doc(hidden)]
    fn format(details: &mut ParamDetails, format: &str) {
        details.rules.extend(Format::from_name(format).map(Rule::Format));
    }

    #[doc(hidden)]
    fn one_of<const N: usize>(details: &mut ParamDetails, texts: [&str; N]) {
        details.rule(Rule::OneOfTexts(texts.map(str::to_owned).to_vec()));
    }
}

macro_rules! texts {
    ($($text:ty),+) => {$(
        #[diagnostic::do_not_recommend]
        impl TextArgument for $text {}
    )+};
}
texts!(String, Cow<'static, str>, Box<str>, Arc<str>, PathBuf, char);

#[diagnostic::do_not_recommend]
impl<T: TextArgument> TextArgument for Option<T> {}

/// An argument that is an array in JSON, so that `items` can be said of it. Implement it for a
/// type of your own that serializes as one.
#[diagnostic::on_unimplemented(
    message = "`items` is for lists, and `{Self}` is none",
    label = "not a list",
    note = "for text there is `length`, for numbers `range`; \
            a type of your own that is an array in JSON can implement `ListArgument`"
)]
pub trait ListArgument {
    #[doc(hidden)]
    fn items(details: &mut ParamDetails, least: Bound<usize>, most: Bound<usize>) {
        let (least, most) = counts(least, most);
        details.rules.extend(least.map(Rule::MinItems));
        details.rules.extend(most.map(Rule::MaxItems));
    }
}

#[diagnostic::do_not_recommend]
impl<T> ListArgument for Vec<T> {}
#[diagnostic::do_not_recommend]
impl<T> ListArgument for VecDeque<T> {}
#[diagnostic::do_not_recommend]
impl<T> ListArgument for Box<[T]> {}
#[diagnostic::do_not_recommend]
impl<T, S: BuildHasher> ListArgument for HashSet<T, S> {
    fn items(details: &mut ParamDetails, least: Bound<usize>, most: Bound<usize>) {
        set(details, least, most);
    }
}
#[diagnostic::do_not_recommend]
impl<T> ListArgument for BTreeSet<T> {
    fn items(details: &mut ParamDetails, least: Bound<usize>, most: Bound<usize>) {
        set(details, least, most);
    }
}
#[diagnostic::do_not_recommend]
impl<T: ListArgument> ListArgument for Option<T> {
    fn items(details: &mut ParamDetails, least: Bound<usize>, most: Bound<usize>) {
        T::items(details, least, most);
    }
}

/// Items that are there twice would make a set smaller than the number that was checked.
fn set(details: &mut ParamDetails, least: Bound<usize>, most: Bound<usize>) {
    <Vec<()> as ListArgument>::items(details, least, most);
    details.rules.push(Rule::Unique);
}

fn counts(least: Bound<usize>, most: Bound<usize>) -> (Option<usize>, Option<usize>) {
    let least = match least {
        Bound::Included(0) | Bound::Unbounded => None,
        Bound::Included(least) => Some(least),
        Bound::Excluded(least) => Some(least + 1),
    };
    let most = match most {
        Bound::Unbounded => None,
        Bound::Included(most) => Some(most),
        Bound::Excluded(most) => Some(most.saturating_sub(1)),
    };
    (least, most)
}

/// An argument that can be mirrored into an HTTP header: text, an integer, a `bool`
/// ([specification]).
///
/// [specification]: https://modelcontextprotocol.io/specification/2026-07-28/server/tools#x-mcp-header
#[diagnostic::on_unimplemented(
    message = "an argument of type `{Self}` cannot be mirrored into a header",
    label = "not text, an integer or a `bool`",
    note = "remove `header`, or take the argument as text"
)]
pub trait HeaderArgument {
    #[doc(hidden)]
    fn header(details: &mut ParamDetails, header: &'static str) {
        details.header = Some(header);
    }
}

macro_rules! headers {
    ($($plain:ty),+; $($integer:ty),+) => {
        $(
            #[diagnostic::do_not_recommend]
            impl HeaderArgument for $plain {}
        )+
        $(
            #[diagnostic::do_not_recommend]
            impl HeaderArgument for $integer {
                fn header(details: &mut ParamDetails, header: &'static str) {
                    details.header = Some(header);
                    // Whoever reads the header may know only floats.
                    details.rule(Rule::Least(Number::Whole(-LARGEST_SAFE)));
                    details.rule(Rule::Most(Number::Whole(LARGEST_SAFE)));
                }
            }
        )+
    };
}
headers!(String, Cow<'static, str>, Box<str>, Arc<str>, char, bool;
    i8, i16, i32, i64, isize, u8, u16, u32, u64, usize);

/// 2⁵³ − 1.
const LARGEST_SAFE: i128 = 9_007_199_254_740_991;

#[diagnostic::do_not_recommend]
impl<T: HeaderArgument> HeaderArgument for Option<T> {
    fn header(details: &mut ParamDetails, header: &'static str) {
        T::header(details, header);
    }
}

/// An argument that can have a default. The default stands in the schema, so it must be
/// serializable.
#[diagnostic::on_unimplemented(
    message = "a parameter of type `{Self}` cannot have a default",
    label = "cannot be written into the schema",
    note = "a default stands in the schema: for a type of your own add `#[derive(serde::Serialize)]`; \
            what the server gives, such as `Context`, has none"
)]
pub trait DefaultArgument: Sized {
    #[doc(hidden)]
    fn default_value(details: &mut ParamDetails, value: Self);
}

#[diagnostic::do_not_recommend]
impl<T: Serialize> DefaultArgument for T {
    fn default_value(details: &mut ParamDetails, value: Self) {
        details.default_value(&value);
    }
}

/// A default as it can be written for an argument that is borrowed: what is borrowed, or what owns
/// it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not the default of an argument that is kept as `{Held}`",
    label = "the default is of another type than the argument"
)]
pub trait IntoDefault<Held> {
    #[doc(hidden)]
    fn into_default(self) -> Held;
}

impl<T> IntoDefault<T> for T {
    fn into_default(self) -> T {
        self
    }
}

impl IntoDefault<String> for &str {
    fn into_default(self) -> String {
        self.to_owned()
    }
}

impl IntoDefault<PathBuf> for &str {
    fn into_default(self) -> PathBuf {
        self.into()
    }
}

impl IntoDefault<PathBuf> for &Path {
    fn into_default(self) -> PathBuf {
        self.to_owned()
    }
}

impl<T: Clone> IntoDefault<Vec<T>> for &[T] {
    fn into_default(self) -> Vec<T> {
        self.to_vec()
    }
}

impl<T: Clone, const N: usize> IntoDefault<Vec<T>> for &[T; N] {
    fn into_default(self) -> Vec<T> {
        self.to_vec()
    }
}

impl IntoDefault<Option<String>> for Option<&str> {
    fn into_default(self) -> Option<String> {
        self.map(str::to_owned)
    }
}

impl<T: Clone> IntoDefault<Option<Vec<T>>> for Option<&[T]> {
    fn into_default(self) -> Option<Vec<T>> {
        self.map(<[T]>::to_vec)
    }
}

/// An argument whose default is that of its type.
#[diagnostic::on_unimplemented(
    message = "a parameter of type `{Self}` has no default of its own",
    label = "no default that could stand in the schema",
    note = "for a type of your own add `#[derive(Default, serde::Serialize)]`, or write the value: `default = ..`; \
            what the server gives, such as `Context`, has no default"
)]
pub trait TypeDefault {
    #[doc(hidden)]
    fn default_of_type(details: &mut ParamDetails);
}

#[diagnostic::do_not_recommend]
impl<T: Default + Serialize> TypeDefault for T {
    fn default_of_type(details: &mut ParamDetails) {
        details.default_value(&T::default());
    }
}

/// An argument whose default can be given as text in quotes.
#[diagnostic::on_unimplemented(
    message = "text cannot be the default of a parameter of type `{Self}`",
    label = "not text",
    note = "write a value of that type: `default = 5`, `default = Kind::Usual`"
)]
pub trait TextDefault {
    #[doc(hidden)]
    fn default_text(details: &mut ParamDetails, text: &str) {
        details.default_value(text);
    }
}

#[diagnostic::do_not_recommend]
impl<T: TextArgument> TextDefault for T {}
