//! A conversation with a model that may use tools.

use std::fmt;
use std::future::ready;
use std::sync::Arc;

use serde_json::value::to_raw_value;

use super::answer::SamplingResult;
use super::ask::{CreateMessage, missing_sampling_tools};
use super::{More, OneTurn, WholeAnswer};
use crate::context::question::QuestionError;
use crate::context::step::{Failure, Inside, Scope, once};
use crate::context::toolbox::Toolbox;
use crate::context::{Context, Requester, SampleStep};
use crate::engine::digest_of;
use crate::protocol::{
    BoxFuture, CallToolResult, CreateMessageRequestParams, Role, SamplingMessage, Tool, ToolChoice, ToolResultContent,
    ToolUseContent,
};
use crate::sampling::SamplingFallback;
use crate::side_by_side::in_order;

/// A conversation with a model that may use tools, up to now.
pub struct Conversation {
    context: Context,
    params: CreateMessageRequestParams,
    key: Option<String>,
    fallback: Option<SamplingFallback>,
    toolbox: Option<Arc<dyn Toolbox>>,
    pub(super) max_turns: u32,
    pub(super) turns: u32,
    at_once: usize,
    execute: bool,
    pub(super) attempts: u32,
}

impl Conversation {
    pub(super) fn new(first: CreateMessage, more: More) -> Result<Self, QuestionError> {
        let More { toolbox, max_turns, at_once, execute, attempts } = more;
        let CreateMessage { mut params, key, call, host, fallback, .. } = first;
        let context = Context::new(call, host);
        let toolbox = match toolbox {
            Some(Err(reason)) => return Err(QuestionError::ToolsDoNotFit { reason }),
            Some(Ok(toolbox)) => Some(toolbox),
            None => None,
        };
        if let Some(toolbox) = &toolbox {
            let round = context.call.round();
            params.tools.extend(toolbox.described(&|| Requester::new((*round).clone())));
        }
        Ok(Self { context, params, key, fallback, toolbox, max_turns, turns: 0, at_once, execute, attempts })
    }

    /// Whether a model can be asked that knows tools, without asking another one than for a plain
    /// question.
    pub(super) fn has_tools(&self) -> bool {
        if !self.params.tools.is_empty() {
            return true;
        }
        let host = &self.context.host;
        let own = host.model.as_ref().map(|model| model.has_tools());
        let round = self.context.call.round();
        let at_client = || missing_sampling_tools(round.capabilities()).is_none();
        match (self.fallback.unwrap_or(host.fallback), own) {
            (SamplingFallback::Always, Some(own)) => own,
            (SamplingFallback::IfUnsupported | SamplingFallback::IfRefused, Some(own))
                if round.capabilities().sampling.is_none() =>
            {
                own
            }
            _ => at_client(),
        }
    }

    /// Offers one more tool, which the conversation itself knows what to do with.
    pub(super) fn offer(&mut self, tool: Tool) -> Result<(), QuestionError> {
        if self.params.tools.iter().any(|it| it.name == tool.name) {
            let reason = format!("`{}` is the name under which the model gives its answer", tool.name);
            return Err(QuestionError::ToolsDoNotFit { reason });
        }
        self.params.tools.push(tool);
        Ok(())
    }

    /// Takes all other tools away.
    pub(super) fn offer_only(&mut self, name: &str) {
        self.params.tools.retain(|tool| tool.name == name);
    }

    pub(super) fn choose(&mut self, choice: ToolChoice) {
        self.params.tool_choice = Some(choice);
    }

    pub(super) fn is_last_turn(&self) -> bool {
        self.turns >= self.max_turns
    }

    /// Says something to the model.
    pub(super) fn say(&mut self, text: String) {
        self.params.messages.push(SamplingMessage::user(text));
    }

    /// Adds to what is said to the model last, if that is the user's and text.
    pub(super) fn add(&mut self, text: String) {
        match self.params.messages.last_mut().map(|message| (message.role, &mut message.content[..])) {
            Some((Role::User, [crate::protocol::SamplingContent::Text(block)])) => {
                block.text.push_str("\n\n");
                block.text.push_str(&text);
            }
            _ => self.say(text),
        }
    }

    /// One turn of the model.
    pub(super) async fn turn(&mut self) -> Result<SamplingResult, QuestionError> {
        self.turns += 1;
        let params = std::mem::take(&mut self.params);
        let mut asking = CreateMessage::new(self.context.call.clone(), self.context.host.clone(), params);
        asking.key = self.key.clone();
        asking.fallback = self.fallback;
        let answer = (&mut asking).await;
        self.params = std::mem::take(&mut asking.params);
        Ok(SamplingResult::new(answer?, Vec::new(), self.turns))
    }

    /// The conversation goes on behind this answer.
    pub(super) fn go_on(&mut self, answer: SamplingResult) {
        let content = answer.into_message().content;
        // Models are not given silence to read.
        if !content.is_empty() {
            self.params.messages.push(SamplingMessage::new(Role::Assistant, content));
        }
    }

    /// The answer that ends the conversation.
    fn end(self, answer: SamplingResult) -> SamplingResult {
        SamplingResult::new(answer.into_message(), self.params.messages, self.turns)
    }

    /// Uses tools, each once, as many at a time as may be; the results are in the order of the uses.
    /// Those that `known` has a result for are not called.
    pub(super) async fn use_tools(
        &self,
        uses: &[ToolUseContent],
        known: impl Fn(&ToolUseContent) -> Option<ToolResultContent>,
    ) -> Vec<ToolResultContent> {
        let results = uses.iter().map(|asked| -> BoxFuture<'_, _> {
            match known(asked) {
                Some(result) => Box::pin(ready(result)),
                None => Box::pin(self.use_tool(asked)),
            }
        });
        in_order(results.collect(), self.at_once).await
    }

    /// Calls one tool, once: its result is kept like that of a step, whatever it is, since the model
    /// is told of it.
    async fn use_tool(&self, asked: &ToolUseContent) -> ToolResultContent {
        let Context { call, host } = &self.context;
        let Some(toolbox) = &self.toolbox else {
            let error = CallToolResult::error("there are no tools");
            return ToolResultContent::of(asked, error);
        };
        let run = || async {
            let context = Context::new(call.clone(), host.clone());
            let result = toolbox.call(&asked.name, asked.input.clone(), context).await;
            Ok::<_, std::convert::Infallible>(ToolResultContent::of(asked, result))
        };
        if let Some((_, Scope::Closed)) = Inside::step(call) {
            return run().await.unwrap_or_else(|never| match never {});
        }
        // What the model calls it is of any length.
        let id = to_raw_value(asked).map(|asked| digest_of(&asked)).unwrap_or_default();
        let name = format!("mcp-runtime/tool/{}", String::from_utf8_lossy(&id));
        match once(call, &name, Scope::Open, run).await {
            Ok(result) => result,
            Err(Failure::Body(never)) => match never {},
            Err(Failure::Step(error)) => ToolResultContent::of(asked, CallToolResult::error(error.to_string())),
        }
    }

    /// A whole conversation, until the model asks for no more tools.
    pub(super) async fn whole(mut self) -> Result<SamplingResult, QuestionError> {
        loop {
            if self.turns > 0 {
                // What must be was done in the first turn.
                self.params.tool_choice = None;
            }
            if self.turns + 1 >= self.max_turns {
                self.choose(ToolChoice::none());
            }
            let answer = self.turn().await?;
            let uses: Vec<_> = answer.tool_uses().cloned().collect();
            if uses.is_empty() {
                return Ok(self.end(answer));
            }
            if self.is_last_turn() {
                return Err(self.endless(&uses));
            }
            self.go_on(answer);
            let results = self.use_tools(&uses, |_| None).await;
            self.answer(results);
        }
    }

    pub(super) fn endless(&self, uses: &[ToolUseContent]) -> QuestionError {
        let tools = uses.iter().map(|asked| crate::schema::shortened(&asked.name)).collect();
        QuestionError::EndlessTools { turns: self.turns, tools }
    }

    /// Answers the uses of an answer that the conversation goes on behind.
    pub(super) fn answer(&mut self, results: Vec<ToolResultContent>) {
        self.params.messages.push(SamplingMessage::tool_results(results));
    }

    /// One turn, and what the tools return that it asks for.
    async fn one_turn(mut self) -> Result<SampleStep, QuestionError> {
        let answer = self.turn().await?;
        let uses: Vec<_> = answer.tool_uses().cloned().collect();
        let results = match self.execute {
            true => self.use_tools(&uses, |_| None).await,
            false => Vec::new(),
        };
        Ok(SampleStep { answer: self.end(answer), results })
    }
}

impl fmt::Debug for Conversation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Conversation").field("params", &self.params).finish_non_exhaustive()
    }
}

impl super::Kind for WholeAnswer {
    type Output = SamplingResult;
    const PLAIN: Option<fn(SamplingResult) -> SamplingResult> = Some(|answer| answer);

    fn run(conversation: Conversation) -> impl Future<Output = Result<Self::Output, QuestionError>> + Send {
        conversation.whole()
    }
}

impl super::Kind for OneTurn {
    type Output = SampleStep;
    const PLAIN: Option<fn(SamplingResult) -> SampleStep> = Some(|answer| SampleStep { answer, results: Vec::new() });

    fn run(conversation: Conversation) -> impl Future<Output = Result<Self::Output, QuestionError>> + Send {
        conversation.one_turn()
    }
}
