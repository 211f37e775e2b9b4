use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;

use super::question::QuestionError;
use crate::engine::{Finished, Kind};
use crate::protocol::{ClientCapabilities, ErrorObject};

type BoxError = Box<dyn StdError + Send + Sync>;

/// What a tool returns when it fails; the model reads it and can do better. Resources and prompts
/// fail with it, too: their request is answered with an error then.
///
/// Every error that implements [`std::error::Error`] converts into it, and so does text: `?` does
/// it. It does not implement [`std::error::Error`] itself, which is what makes that possible.
///
/// The text of an error made by [`ToolError::new`] is meant for the caller. The text of a
/// converted one is what that error says, with its sources; a server that
/// [masks errors](crate::Server::mask_errors) hides it.
///
/// ```
/// use mcp_runtime::prelude::*;
///
/// fn quantity(text: &str) -> Result<u32> {
///     let quantity: u32 = text.parse()?;
///     if quantity == 0 {
///         return Err(ToolError::new("order at least one"));
///     }
///     Ok(quantity)
/// }
///
/// assert_eq!(quantity("0").unwrap_err().to_string(), "order at least one");
/// assert_eq!(quantity("x").unwrap_err().to_string(), "invalid digit found in string");
/// ```
pub struct ToolError {
    origin: Origin,
}

enum Origin {
    /// Written for the caller.
    Said(Cow<'static, str>),
    /// Converted from another error.
    Converted(BoxError),
}

impl ToolError {
    /// An error whose text the caller reads, masked or not.
    pub fn new(text: impl Into<Cow<'static, str>>) -> Self {
        Self { origin: Origin::Said(text.into()) }
    }

    /// The error that it was converted from, if it was, and if it is of type `E`.
    #[must_use]
    pub fn downcast_ref<E: StdError + 'static>(&self) -> Option<&E> {
        match &self.origin {
            Origin::Said(_) => None,
            Origin::Converted(error) => error.downcast_ref(),
        }
    }

    /// The capability without which a question could not be asked, however deep that is wrapped.
    fn missing_capability(&self) -> Option<&ClientCapabilities> {
        let Origin::Converted(error) = &self.origin else { return None };
        let mut next: Option<&(dyn StdError + 'static)> = Some(&**error);
        while let Some(error) = next {
            if let Some(QuestionError::Unsupported { required, .. }) = error.downcast_ref() {
                return Some(required);
            }
            next = error.source();
        }
        None
    }

    /// What the caller gets.
    pub(crate) fn into_outcome(self, kind: &Kind, mask: bool) -> Finished {
        if let Some(required) = self.missing_capability() {
            return Err(ErrorObject::missing_capability(required));
        }
        let text = match &self.origin {
            Origin::Converted(error) if mask => {
                let noun = kind.noun;
                tracing::error!(error = &**error, "a {noun} failed; its caller sees no details");
                format!("the {noun} failed; the server does not say why")
            }
            _ => self.to_string(),
        };
        (kind.failed)(text)
    }
}

impl<E: Into<BoxError>> From<E> for ToolError {
    fn from(error: E) -> Self {
        Self { origin: Origin::Converted(error.into()) }
    }
}

impl fmt::Display for ToolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.origin {
            Origin::Said(text) => f.write_str(text),
            Origin::Converted(error) => {
                write!(f, "{error}")?;
                let mut said = error.to_string();
                let mut source = error.source();
                while let Some(error) = source {
                    // Many errors repeat their source; once is enough.
                    let text = error.to_string();
                    if !said.contains(&text) {
                        write!(f, ": {text}")?;
                    }
                    said = text;
                    source = error.source();
                }
                Ok(())
            }
        }
    }
}

/// The text with its sources, as a program that returns it from `main` prints it.
impl fmt::Debug for ToolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What can stand as `E` in the `Result<T, E>` of a tool: everything that converts into
/// [`ToolError`]. It is implemented for all such types; do not implement it yourself.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the error of a tool",
    label = "does not convert into `ToolError`",
    note = "implement `std::error::Error` for `{Self}` (for example with `thiserror`), \
            or convert it: `.map_err(|e| ToolError::new(e.to_string()))`"
)]
pub trait IntoToolError {
    /// Converts.
    fn into_tool_error(self) -> ToolError;
}

#[diagnostic::do_not_recommend]
impl<E: Into<ToolError>> IntoToolError for E {
    fn into_tool_error(self) -> ToolError {
        self.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("the catalog is closed")]
    struct Closed(#[source] std::io::Error);

    fn closed() -> ToolError {
        Closed(std::io::Error::other("disk is full")).into()
    }

    fn text(error: ToolError, mask: bool) -> String {
        const REFUSED: fn(String) -> Finished = |text| Err(ErrorObject::invalid_params(text));
        let kind = Kind { noun: "tool", failed: REFUSED, refused: REFUSED, if_slow: "" };
        error.into_outcome(&kind, mask).expect_err("it failed").message.into_owned()
    }

    #[test]
    fn sources_are_said_once() {
        assert_eq!(closed().to_string(), "the catalog is closed: disk is full");
        assert_eq!(format!("{:?}", closed()), "the catalog is closed: disk is full");
    }

    #[test]
    fn masking_hides_what_was_not_written_for_the_caller() {
        assert!(!text(closed(), true).contains("disk"));
        assert_eq!(text(ToolError::new("sold out"), true), "sold out");
        assert_eq!(text(closed(), false), "the catalog is closed: disk is full");
    }
}
