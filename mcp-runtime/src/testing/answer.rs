use serde_json::{Map, Value};

use crate::protocol::{CreateMessageResult, ElicitResult};

/// What a scripted model or user may answer: `R` itself, or something shorter that stands for it.
///
/// For a model that is text; for a user it is the fields of the form, as a JSON object.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no answer of type `{R}`",
    note = "a model answers with text or a `CreateMessageResult`, \
            a user with a JSON object (`json!({{ .. }})`) or an `ElicitResult`"
)]
pub trait Answer<R> {
    /// The answer as the client sends it.
    fn into_answer(self) -> R;
}

impl Answer<CreateMessageResult> for CreateMessageResult {
    fn into_answer(self) -> CreateMessageResult {
        self
    }
}

impl Answer<CreateMessageResult> for String {
    fn into_answer(self) -> CreateMessageResult {
        CreateMessageResult::text("scripted", self)
    }
}

impl Answer<CreateMessageResult> for &str {
    fn into_answer(self) -> CreateMessageResult {
        self.to_owned().into_answer()
    }
}

impl Answer<ElicitResult> for ElicitResult {
    fn into_answer(self) -> ElicitResult {
        self
    }
}

impl Answer<ElicitResult> for Map<String, Value> {
    fn into_answer(self) -> ElicitResult {
        ElicitResult::accept(self)
    }
}

/// Anything but an object panics.
impl Answer<ElicitResult> for Value {
    fn into_answer(self) -> ElicitResult {
        match self {
            Self::Object(fields) => fields.into_answer(),
            other => panic!("a user fills in fields, so that the answer must be a JSON object; it is {other}"),
        }
    }
}
