//! Outcomes of rounds as bytes have them.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Outcome, RawParams};
use crate::protocol::{
    CallToolResult, ErrorObject, GetPromptResult, InputRequest, InputRequiredResult, Meta, Method, ReadResourceResult,
    ServerResult, Task,
};

/// An outcome as bytes have it.
#[derive(Serialize, Deserialize)]
pub(super) enum Written {
    Empty,
    /// With its metadata, which results do not write themselves.
    CallTool(CallToolResult, Option<Meta>),
    ReadResource(ReadResourceResult, Option<Meta>),
    GetPrompt(GetPromptResult, Option<Meta>),
    CreateTask(Task),
    Error(ErrorObject),
    /// Key, method and parameters of each question, and the state.
    InputRequired(Vec<(String, String, RawParams)>, Option<String>),
}

impl Written {
    pub(super) fn of(outcome: &Outcome) -> Option<Self> {
        Some(match outcome {
            Outcome::Complete(Err(error)) => Self::Error(error.clone()),
            Outcome::Complete(Ok(ServerResult::Empty)) => Self::Empty,
            Outcome::Complete(Ok(ServerResult::CallTool(result))) => {
                Self::CallTool(result.clone(), result.meta.clone())
            }
            Outcome::Complete(Ok(ServerResult::ReadResource(result))) => {
                Self::ReadResource((**result).clone(), result.meta.clone())
            }
            Outcome::Complete(Ok(ServerResult::GetPrompt(result))) => {
                Self::GetPrompt((**result).clone(), result.meta.clone())
            }
            Outcome::Complete(Ok(ServerResult::CreateTask(task))) => Self::CreateTask((**task).clone()),
            // Nothing else takes rounds.
            Outcome::Complete(Ok(_)) => return None,
            Outcome::InputRequired(InputRequiredResult { input_requests, request_state }) => {
                let question = |(key, InputRequest { method, params }): &(String, InputRequest)| {
                    (key.clone(), (*method).to_owned(), params.clone())
                };
                Self::InputRequired(input_requests.iter().map(question).collect(), request_state.clone())
            }
        })
    }

    pub(super) fn into_outcome(self) -> Option<Outcome> {
        Some(match self {
            Self::Empty => Outcome::Complete(Ok(ServerResult::Empty)),
            Self::CallTool(mut result, meta) => {
                result.meta = meta;
                Outcome::Complete(Ok(ServerResult::CallTool(result)))
            }
            Self::ReadResource(mut result, meta) => {
                result.meta = meta;
                Outcome::Complete(Ok(ServerResult::ReadResource(Arc::new(result))))
            }
            Self::GetPrompt(mut result, meta) => {
                result.meta = meta;
                Outcome::Complete(Ok(ServerResult::GetPrompt(Arc::new(result))))
            }
            Self::CreateTask(task) => Outcome::Complete(Ok(ServerResult::CreateTask(Arc::new(task)))),
            Self::Error(error) => Outcome::Complete(Err(error)),
            Self::InputRequired(questions, request_state) => {
                let input_requests = questions
                    .into_iter()
                    .map(|(key, method, params)| {
                        let method = Method::from_name(&method)?.as_str();
                        Some((key, InputRequest { method, params }))
                    })
                    .collect::<Option<_>>()?;
                Outcome::InputRequired(InputRequiredResult { input_requests, request_state })
            }
        })
    }
}
