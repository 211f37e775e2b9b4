//! What functions are to their callers, and how each says what is wrong.

use crate::engine::Kind;
use crate::protocol::{CallToolResult, ErrorCode, ErrorObject, GetPromptResult, ReadResourceResult, ServerResult};

/// The model reads what went wrong, and can do better.
pub(crate) static TOOL: Kind = Kind {
    noun: "tool",
    failed: |text| Ok(ServerResult::CallTool(CallToolResult::error(text))),
    refused: |text| Ok(ServerResult::CallTool(CallToolResult::error(text))),
};

pub(crate) static PROMPT: Kind = Kind { noun: "prompt", ..OF_REQUESTS };

pub(crate) static RESOURCE: Kind = Kind { noun: "resource", ..OF_REQUESTS };

/// Their results have no place for an error: the request is answered with one.
const OF_REQUESTS: Kind = Kind {
    noun: "",
    failed: |text| Err(ErrorObject::new(ErrorCode::InternalError, text)),
    refused: |text| Err(ErrorObject::invalid_params(text)),
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
}

impl Answer {
    /// Of which kind it is, is known where it is made: nothing is left of the choice there.
    #[inline]
    pub(super) fn finished(self) -> crate::engine::Finished {
        match self {
            Self::Tool(result) => Ok(ServerResult::CallTool(result)),
            Self::Prompt(result) => Ok(ServerResult::GetPrompt(Box::new(result))),
            Self::Resource(Some(result)) => Ok(ServerResult::ReadResource(Box::new(result))),
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
