//! Lists of a server, whole.

use std::collections::HashSet;

use serde::de::DeserializeOwned;
use serde_json::{Map, json};

use super::{Client, decode};
use crate::error::{Error, ErrorKind};
use crate::protocol::{
    ListPromptsResult, ListResourceTemplatesResult, ListResourcesResult, ListToolsResult, Method, Prompt, Resource,
    ResourceTemplate, Tool,
};

/// How many pages a list has at most.
const MOST_PAGES: usize = 10_000;
/// How many items a list has at most.
const MOST_ITEMS: usize = 1_000_000;

impl Client {
    /// All tools of the server, over all pages ([specification]). Over HTTP, tools whose `x-mcp-header` breaks the
    /// [rules] are left out, with a warning in the log.
    ///
    /// [rules]: https://modelcontextprotocol.io/specification/2026-07-28/basic/transports/streamable-http#schema-extension
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] when the server answers with an error, and those of the connection.
    ///
    /// [specification]: https://modelcontextprotocol.io/specification/2026-07-28/server/tools#listing-tools
    pub async fn list_tools(&self) -> Result<Vec<Tool>, Error> {
        let mut tools = self.list(Method::ToolsList, |page: ListToolsResult| (page.tools, page.next_cursor)).await?;
        self.wire.link().learn(&mut tools);
        Ok(tools)
    }

    /// All resources of the server, over all pages ([specification]).
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] when the server answers with an error, and those of the connection.
    ///
    /// [specification]: https://modelcontextprotocol.io/specification/2026-07-28/server/resources#listing-resources
    pub async fn list_resources(&self) -> Result<Vec<Resource>, Error> {
        self.list(Method::ResourcesList, |page: ListResourcesResult| (page.resources, page.next_cursor)).await
    }

    /// All templates of resources of the server, over all pages ([specification]).
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] when the server answers with an error, and those of the connection.
    ///
    /// [specification]: https://modelcontextprotocol.io/specification/2026-07-28/server/resources#resource-templates
    pub async fn list_resource_templates(&self) -> Result<Vec<ResourceTemplate>, Error> {
        let split = |page: ListResourceTemplatesResult| (page.resource_templates, page.next_cursor);
        self.list(Method::ResourcesTemplatesList, split).await
    }

    /// All prompts of the server, over all pages ([specification]).
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] when the server answers with an error, and those of the connection.
    ///
    /// [specification]: https://modelcontextprotocol.io/specification/2026-07-28/server/prompts#listing-prompts
    pub async fn list_prompts(&self) -> Result<Vec<Prompt>, Error> {
        self.list(Method::PromptsList, |page: ListPromptsResult| (page.prompts, page.next_cursor)).await
    }

    /// All that a list has, over all pages.
    pub(super) async fn list<P: DeserializeOwned, T>(
        &self,
        method: Method,
        split: impl Fn(P) -> (Vec<T>, Option<String>),
    ) -> Result<Vec<T>, Error> {
        let mut all = Vec::new();
        let (mut cursor, mut seen) = (None::<String>, HashSet::new());
        let mut is_anew = false;
        for _ in 0..MOST_PAGES {
            let mut params = Map::new();
            if let Some(cursor) = &cursor {
                params.insert("cursor".to_owned(), json!(cursor));
            }
            let answer = match self.cached(method, params).await {
                // The pages before are of a list that is no more.
                Err(error) if error.kind() == ErrorKind::Refused && cursor.is_some() && !is_anew => {
                    self.options.cache.void_all(method);
                    (is_anew, cursor) = (true, None);
                    all.clear();
                    seen.clear();
                    continue;
                }
                other => other?,
            };
            let (items, next) = split(decode(method.as_str(), answer.get())?);
            if all.len() + items.len() > MOST_ITEMS {
                return Err(endless(method, MOST_ITEMS, "items"));
            }
            all.extend(items);
            let Some(next) = next else { return Ok(all) };
            if !seen.insert(next.clone()) {
                return Err(Error::new(ErrorKind::Protocol, "the server's list does not end: a cursor came twice"));
            }
            cursor = Some(next);
        }
        Err(endless(method, MOST_PAGES, "pages"))
    }

    /// Sees to it that the transport knows the tools.
    pub(super) async fn learn_tools(&self) -> Result<(), Error> {
        let link = self.wire.link();
        if link.knows_tools() {
            return Ok(());
        }
        let _turn = self.learning.lock().await;
        if link.knows_tools() {
            return Ok(());
        }
        match self.list_tools().await {
            // A server that does not tell has nothing to want.
            Err(error) if error.kind() == ErrorKind::Refused => {
                link.learn(&mut Vec::new());
                Ok(())
            }
            other => other.map(drop),
        }
    }
}

fn endless(method: Method, most: usize, what: &str) -> Error {
    let message = format!("the server's list does not end: `{}` brought more than {most} {what}", method.as_str());
    Error::new(ErrorKind::Protocol, message)
}
