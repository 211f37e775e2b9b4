//! What functions are to their callers, and how each says what is wrong.

use std::sync::Arc;

use crate::engine::Kind;
use crate::protocol::{
    CallToolResult, CompleteResult, Completion, ErrorCode, ErrorObject, GetPromptResult, ReadResourceResult,
    ServerResult,
};

/// The model reads what went wrong, and can do better.
pub(crate) static TOOL: Kind = Kind {
    noun: "tool",
    failed: |text| Ok(ServerResult::CallTool(CallToolResult::error(text))),
    refused: |text| Ok(ServerResult::CallTool(CallToolResult::error(text))),
    if_slow: "await instead of blocking, or mark a function that must block `#[tool(blocking)]`",
};

pub(crate) static PROMPT: Kind = Kind {
    noun: "prompt",
    if_slow: "await instead of blocking, or mark a function that must block `#[prompt(blocking)]`",
    ..OF_REQUESTS
};

pub(crate) static RESOURCE: Kind = Kind {
    noun: "resource",
    if_slow: "await instead of blocking, or mark a function that must block `#[resource(blocking)]`",
    ..OF_REQUESTS
};

/// What completes an argument of one of the two.
pub(crate) static COMPLETION: Kind =
    Kind { noun: "completion", if_slow: "make its function `async`, and await instead of blocking", ..OF_REQUESTS };

/// Their results have no place for an error: the request is answered with one.
const OF_REQUESTS: Kind = Kind {
    noun: "",
    failed: |text| Err(ErrorObject::new(ErrorCode::InternalError, text)),
    refused: |text| Err(ErrorObject::invalid_params(text)),
    if_slow: "",
};

/// What a function has given, of any kind.
#[derive(Debug)]
pub enum Answer {
    /// Of a tool.
    Tool(CallToolResult),
    /// Of a prompt.
    Prompt(GetPromptResult),
    /// Of a resource; `None` if there is none.
    Resource(Option<ReadResourceResult>),
    /// Of what completes an argument.
    Completion(Completion),
}

impl Answer {
    /// Of which kind it is, is known where it is made: nothing is left of the choice there.
    #[inline]
    pub(super) fn finished(self) -> crate::engine::Finished {
        match self {
            Self::Tool(result) => Ok(ServerResult::CallTool(result)),
            Self::Prompt(result) => Ok(ServerResult::GetPrompt(Arc::new(result))),
            Self::Resource(Some(result)) => Ok(ServerResult::ReadResource(Arc::new(result))),
            Self::Completion(completion) => {
                Ok(ServerResult::Complete(Arc::new(CompleteResult { completion, ..CompleteResult::default() })))
            }
            // Whoever knows what was asked for says more.
            Self::Resource(None) => Err(ErrorObject::new(ErrorCode::ResourceNotFound, "there is no such resource")),
        }
    }
}

impl From<CallToolResult> for Answer {
    #[inline]
    fn from(result: CallToolResult) -> Self {
        Self::Tool(result)
    }
}

impl From<GetPromptResult> for Answer {
    fn from(result: GetPromptResult) -> Self {
        Self::Prompt(result)
    }
}

impl From<Option<ReadResourceResult>> for Answer {
    fn from(result: Option<ReadResourceResult>) -> Self {
        Self::Resource(result)
    }
}

impl From<Completion> for Answer {
    fn from(completion: Completion) -> Self {
        Self::Completion(completion)
    }
}
