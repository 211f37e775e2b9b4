use std::sync::Arc;

use super::{
    CacheScope, CallToolResult, CompleteResult, DetailedTask, GetPromptResult, InitializeResult, InputRequiredResult,
    Meta, ReadResourceResult, Task,
};

/// What a request led to, the same for every revision. Most of it is shared: outcomes are kept for those who ask once
/// more, and what drops a result is wherever requests are served, so that it should be little.
#[derive(Debug, Clone)]
pub(crate) enum ServerResult {
    /// Success that carries no data.
    Empty,
    Initialize(Arc<InitializeResult>),
    CallTool(CallToolResult),
    /// A [`TextResult`], and its response is written already.
    Written,
    ReadResource(Arc<ReadResourceResult>),
    GetPrompt(Arc<GetPromptResult>),
    Complete(Arc<CompleteResult>),
    InputRequired(InputRequiredResult),
    /// The call goes on as a task.
    CreateTask(Arc<Task>),
    /// How far a task has come.
    GetTask(Arc<DetailedTask>),
    /// What the server is and offers; encoded once for each revision.
    Discover,
    /// One of its lists.
    List(Listed),
    /// Of its skills, and who may keep that.
    #[cfg(feature = "skills")]
    Skills(Box<super::SkillsResult>, CacheScope),
    /// The end of a subscription, whose id is in the metadata.
    EndOfSubscription(Meta),
}

/// The result of a tool that is one text, while that is still the function's.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TextResult<'t> {
    pub(crate) text: &'t str,
    pub(crate) structured: Option<Structured<'t>>,
}

/// Structured content, as JSON.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Structured<'j> {
    Whole(&'j str),
    /// What stands in `{"result": ..}`.
    Result(&'j str),
}

impl Structured<'_> {
    pub(crate) fn len(&self) -> usize {
        let (Self::Whole(json) | Self::Result(json)) = self;
        json.len()
    }
}

/// Writes the response that such a result is, where responses go, if it may stand there as it is.
pub(crate) type WriteText<'w> = dyn Fn(&TextResult<'_>) -> bool + 'w;

/// A list of a server; encoded once for each revision.
#[derive(Debug, Clone)]
pub(crate) struct Listed {
    pub(crate) list: ListKind,
    /// Only some of its items, by their places; `None` for all.
    pub(crate) places: Option<Vec<usize>>,
    /// Whether everyone sees the same.
    pub(crate) scope: CacheScope,
    /// What asks for the page after this one.
    pub(crate) next_cursor: Option<String>,
}

/// Which list it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ListKind {
    Tools,
    Prompts,
    Resources,
    ResourceTemplates,
}

impl ServerResult {
    /// The metadata that whoever made it gave it.
    pub(crate) fn meta(&self) -> Option<&Meta> {
        match self {
            Self::CallTool(result) => result.meta.as_ref(),
            Self::ReadResource(result) => result.meta.as_ref(),
            Self::GetPrompt(result) => result.meta.as_ref(),
            Self::Complete(result) => result.meta.as_ref(),
            Self::EndOfSubscription(meta) => Some(meta),
            _ => None,
        }
    }
}
