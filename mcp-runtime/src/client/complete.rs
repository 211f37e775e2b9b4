//! Asks a server for values of an argument.

use std::future::{Future, IntoFuture};
use std::pin::Pin;

use serde_json::{Map, Value, json};

use super::{Client, decode};
use crate::error::Error;
use crate::protocol::{CompleteResult, Completion, Method, ProtocolVersion};

/// A request for values of an argument. Made by [`Client::complete_prompt`] and [`Client::complete_resource`]; it is
/// sent when it is awaited.
#[derive(Debug)]
#[must_use = "nothing is asked until it is awaited"]
pub struct Complete<'c> {
    client: &'c Client,
    reference: Value,
    argument: Value,
    arguments: Map<String, Value>,
}

impl Client {
    /// Asks for values of an argument of a prompt, with what was typed so far ([specification]).
    ///
    /// ```
    /// use mcp_runtime::Client;
    /// use mcp_runtime::prelude::*;
    ///
    /// fn frameworks(asked: &Completing) -> &'static [&'static str] {
    ///     match asked.text("language") {
    ///         Some("python") => &["django", "flask"],
    ///         _ => &[],
    ///     }
    /// }
    ///
    /// /// Review code.
    /// #[prompt]
    /// fn review(
    ///     /// The language of the code.
    ///     #[arg(complete = ["python", "rust"])]
    ///     language: &str,
    ///     /// What it is written with.
    ///     #[arg(complete = frameworks)]
    ///     framework: &str,
    /// ) -> String {
    ///     format!("Review this {language} code, written with {framework}.")
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<()> {
    /// let client = Client::in_memory(Server::new("reviewer").prompts(prompts![review])).connect().await?;
    /// let languages = client.complete_prompt("review", "language", "py").await?;
    /// assert_eq!(languages.values, ["python"]);
    /// let frameworks = client.complete_prompt("review", "framework", "").argument("language", "python").await?;
    /// assert_eq!(frameworks.values, ["django", "flask"]);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// It resolves to [`ErrorKind::Refused`](crate::ErrorKind::Refused) when the server answers with an error, as for
    /// an argument that is not there, or completes nothing at all, and to those of the connection.
    ///
    /// [specification]: https://modelcontextprotocol.io/specification/2026-07-28/server/utilities/completion
    pub fn complete_prompt(&self, name: &str, argument: &str, typed: &str) -> Complete<'_> {
        self.complete_argument(json!({ "type": "ref/prompt", "name": name }), argument, typed)
    }

    /// Asks for values of a variable of a resource template, as
    /// [`list_resource_templates`](Client::list_resource_templates) has it, with what was typed so far
    /// ([specification]).
    ///
    /// ```
    /// use mcp_runtime::Client;
    /// use mcp_runtime::prelude::*;
    ///
    /// /// A page of the manual.
    /// #[resource("manual://{language}/{page}")]
    /// fn page(#[arg(one_of = ["de", "en"])] language: String, page: &str) -> String {
    ///     format!("{page} in {language}")
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<()> {
    /// let client = Client::in_memory(Server::new("manual").resources(resources![page])).connect().await?;
    /// let languages = client.complete_resource("manual://{language}/{page}", "language", "").await?;
    /// assert_eq!(languages.values, ["de", "en"]);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`Client::complete_prompt`].
    ///
    /// [specification]: https://modelcontextprotocol.io/specification/2026-07-28/server/utilities/completion
    pub fn complete_resource(&self, template: &str, variable: &str, typed: &str) -> Complete<'_> {
        self.complete_argument(json!({ "type": "ref/resource", "uri": template }), variable, typed)
    }

    fn complete_argument(&self, reference: Value, argument: &str, typed: &str) -> Complete<'_> {
        let argument = json!({ "name": argument, "value": typed });
        Complete { client: self, reference, argument, arguments: Map::new() }
    }
}

impl Complete<'_> {
    /// Says what another argument is filled in with. Servers of revisions before 2025-06-18 are not told.
    pub fn argument(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.arguments.insert(name.into(), Value::String(value.into()));
        self
    }
}

impl<'c> IntoFuture for Complete<'c> {
    type Output = Result<Completion, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'c>>;

    fn into_future(self) -> Self::IntoFuture {
        let Self { client, reference, argument, arguments } = self;
        let mut params = Map::from_iter([("ref".to_owned(), reference), ("argument".to_owned(), argument)]);
        if !arguments.is_empty() && client.protocol_version() >= ProtocolVersion::V2025_06_18 {
            params.insert("context".to_owned(), json!({ "arguments": arguments }));
        }
        Box::pin(async move {
            let method = Method::CompletionComplete.as_str();
            let answer = client.request(method, params).await?;
            decode::<CompleteResult>(method, answer.get()).map(|result| result.completion)
        })
    }
}
