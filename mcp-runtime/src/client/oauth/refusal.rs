use std::fmt;

use serde_json::Value;

use super::fetch::Answer;

/// The longest text of somebody else's that messages repeat.
const LONGEST: usize = 200;

/// Why an authorization server says no ([RFC 6749]).
///
/// [RFC 6749]: https://www.rfc-editor.org/rfc/rfc6749#section-5.2
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) error: String,
    description: Option<String>,
}

impl Refusal {
    pub(super) fn new(error: &str, description: Option<&str>) -> Self {
        let description = description.map(readable).filter(|it| !it.is_empty());
        Self { error: readable(error), description }
    }

    /// The one in the body of an answer.
    pub(super) fn read(answer: &Answer) -> Option<Self> {
        let body = answer.object()?;
        let description = body.get("error_description").and_then(Value::as_str);
        Some(Self::new(body.get("error")?.as_str()?, description))
    }
}

/// What can be shown to somebody: text from outside may be long, or more than text.
fn readable(text: &str) -> String {
    text.chars().filter(|it| !it.is_control()).take(LONGEST).collect()
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.description {
            Some(description) => write!(f, "{} ({description})", self.error),
            None => f.write_str(&self.error),
        }
    }
}
