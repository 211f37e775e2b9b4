use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Answer;
use crate::protocol::{CreateMessageRequestParams, CreateMessageResult};
use crate::sampling::{ProviderError, ProviderErrorKind, SamplingProvider};

/// A model that gives these answers, one after the other, and remembers what it was asked. Clones are the
/// same model.
///
/// It can be given tools. A question after the last answer is an error. Where the order of questions is not
/// certain, a closure that looks at the question is the better model: see [`Trial::model`](super::Trial::model).
///
/// ```
/// use mcp_runtime::Client;
/// use mcp_runtime::prelude::*;
/// use mcp_runtime::testing::ScriptedModel;
///
/// /// Let the model greet.
/// #[tool]
/// async fn greet(name: String, ctx: Context) -> Result<String> {
///     Ok(ctx.sample(format!("Greet {name}")).await?.text()?.to_owned())
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<()> {
/// let model = ScriptedModel::new(["Hello, Ada!", "Hello, Grace!"]);
/// let server = Server::new("greeter").tools(tools![greet]);
/// let client = Client::in_memory(server).on_sampling(model.clone()).connect().await?;
/// assert_eq!(client.call::<String>("greet", [("name", "Ada")]).await?, "Hello, Ada!");
/// assert_eq!(client.call::<String>("greet", [("name", "Grace")]).await?, "Hello, Grace!");
/// assert_eq!(model.asked()[1].joined_text(), "Greet Grace");
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Default)]
pub struct ScriptedModel {
    script: Arc<Mutex<Script>>,
}

#[derive(Debug, Default)]
struct Script {
    answers: VecDeque<CreateMessageResult>,
    asked: Vec<CreateMessageRequestParams>,
}

impl ScriptedModel {
    /// A model with these answers: text, or [`CreateMessageResult`]s.
    pub fn new<A: Answer<CreateMessageResult>>(answers: impl IntoIterator<Item = A>) -> Self {
        let answers = answers.into_iter().map(Answer::into_answer).collect();
        Self { script: Arc::new(Mutex::new(Script { answers, asked: Vec::new() })) }
    }

    /// What it was asked so far, in the order it came.
    #[must_use]
    pub fn asked(&self) -> Vec<CreateMessageRequestParams> {
        self.lock().asked.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Script> {
        self.script.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SamplingProvider for ScriptedModel {
    async fn create_message(&self, request: CreateMessageRequestParams) -> Result<CreateMessageResult, ProviderError> {
        let mut script = self.lock();
        script.asked.push(request);
        let times = script.asked.len();
        script.answers.pop_front().ok_or_else(|| {
            let message = format!("the scripted model has no answer for question {times}: give it one more");
            ProviderError::new(ProviderErrorKind::Other, message)
        })
    }

    fn supports_tools(&self) -> bool {
        true
    }
}
