//! Tools that a model may use in the middle of a call.

use std::cell::LazyCell;
use std::future::ready;
use std::sync::Arc;

use serde_json::value::to_raw_value;
use serde_json::{Map, Value};

use super::{Built, Describe, Offers, Policy, Section, Tools};
use crate::context::{Context, Kind, Requester, Sample, Toolbox};
use crate::engine::{Finished, Running, Work};
use crate::protocol::{self, BoxFuture, CallToolResult, ServerResult};
use crate::tool::{Means, Progress, Started, TOOL};

impl<K: Kind> Sample<K> {
    /// Offers tools to the model, which may use them until it has the answer. They are called here,
    /// several at the same time if it asks for several, and the model is told what they return, also
    /// when they fail.
    ///
    /// They need not be tools of the server. They run in the call that offers them: their
    /// [`Context`] asks its client. However often the function of that call runs, each use of a tool
    /// is executed once, as a [step](Context::step) is. Of what `#[tool(..)]` says, `timeout`,
    /// `concurrency` (within one conversation) and `visible` count here.
    ///
    /// The client must have declared `sampling.tools`, or the server must have a model that knows
    /// tools ([`Server::sampling_fallback`](crate::Server::sampling_fallback)).
    ///
    /// ```
    /// use mcp_runtime::prelude::*;
    ///
    /// /// Which words were searched for most?
    /// #[tool]
    /// fn popular() -> Vec<String> {
    ///     vec!["waterproof".to_owned(), "light".to_owned()]
    /// }
    ///
    /// /// Suggest keywords.
    /// #[tool]
    /// async fn suggest_keywords(product: String, ctx: Context) -> Result<Vec<String>> {
    ///     let prompt = format!("Suggest five keywords for {product}, like those that are popular.");
    ///     Ok(ctx.sample(prompt).tools(tools![popular]).json().await?)
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// It resolves to [`QuestionError::Unsupported`](crate::QuestionError::Unsupported) before anything
    /// is asked when nobody knows tools, to
    /// [`QuestionError::ToolsDoNotFit`](crate::QuestionError::ToolsDoNotFit) when two of them have one
    /// name or need a state that the server was not given, and to
    /// [`QuestionError::EndlessTools`](crate::QuestionError::EndlessTools) when the model does not end.
    pub fn tools(self, tools: impl Into<Tools>) -> Self {
        self.with_toolbox(|host| {
            let policy = Policy { describe: Describe::Silently, ..Policy::default() };
            let built = Built::new(Offers { tools: tools.into(), ..Offers::default() }, policy);
            let problems = built.problems(&host.states);
            match problems.is_empty() {
                true => Ok(Arc::new(Offered(built.registry.tools)) as Arc<dyn Toolbox>),
                false => Err(problems.join("; ")),
            }
        })
    }
}

struct Offered(Section<protocol::Tool>);

impl Toolbox for Offered {
    fn described(&self, requester: &dyn Fn() -> Requester) -> Vec<protocol::Tool> {
        let requester = LazyCell::new(requester);
        self.0
            .seen_by(&requester)
            .map(|described| {
                let mut tool = protocol::Tool::default();
                // What a model does not read is not sent.
                tool.name.clone_from(&described.name);
                tool.description.clone_from(&described.description);
                tool.input_schema.clone_from(&described.input_schema);
                tool
            })
            .collect()
    }

    fn call(&self, name: &str, arguments: Map<String, Value>, context: Context) -> BoxFuture<'static, CallToolResult> {
        let call = context.call().clone();
        let host = context.host().clone();
        let requester = || Requester::new((*call.round()).clone());
        let lazy: &dyn Fn() -> Requester = &requester;
        let lazy = LazyCell::new(lazy);
        let entry = match self.0.named(&TOOL, name, &lazy) {
            Ok(entry) => entry,
            Err(unknown) => return Box::pin(ready(CallToolResult::error(unknown.message))),
        };
        let arguments = match to_raw_value(&arguments) {
            Ok(arguments) => arguments,
            Err(error) => return Box::pin(ready(CallToolResult::error(error.to_string()))),
        };
        let extensions = call.round().extensions.clone();
        let (arguments, context) = (Some((&*arguments).into()), || Context::new(call.clone(), host.clone()));
        let means = Means { extensions: &extensions, requester: &requester, context: &context, write: None };
        let work = match entry.enter(name, entry.host(&host), arguments, &means) {
            Started(Progress::Running(work)) => work,
            Started(Progress::Finished(finished)) => Work::Future(Box::pin(ready(finished))),
        };
        let running = Running::within(entry.name.clone(), entry.kind, &entry.limits, work, call.clone());
        Box::pin(async move { result(running.await) })
    }
}

/// What a model is told of how a tool ended.
fn result(finished: Finished) -> CallToolResult {
    match finished {
        Ok(ServerResult::CallTool(result)) => result,
        Ok(_) => CallToolResult::error("the tool has no result"),
        Err(error) => CallToolResult::error(error.message),
    }
}
