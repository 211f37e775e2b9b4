//! What a server says of itself: which resource it is, and who authorizes its clients
//! ([RFC 9728](https://www.rfc-editor.org/rfc/rfc9728)).

use serde::Deserialize;
use url::Url;

use super::address::{Guard, without_query};
use super::challenge::Challenge;
use super::distrusted;
use super::dpop;
use super::fetch::Fetch;
use super::scope::Scopes;
use crate::error::Error;

const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

/// The metadata of a protected resource, as far as a client needs them.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct ResourceMetadata {
    /// The resource, as tokens for it are asked for: exactly so.
    pub(super) resource: String,
    #[serde(default)]
    pub(super) authorization_servers: Vec<String>,
    pub(super) scopes_supported: Option<Vec<String>>,
    dpop_signing_alg_values_supported: Option<Vec<String>>,
    #[serde(default)]
    dpop_bound_access_tokens_required: bool,
}

impl ResourceMetadata {
    /// Those of a server: from where its challenge says, or else from where they usually are
    /// ([specification]). `None` if it has none, as servers had before 2025-06-18.
    ///
    /// [specification]: https://modelcontextprotocol.io/specification/2026-07-28/basic/authorization/authorization-server-discovery#protected-resource-metadata-discovery-requirements
    pub(super) async fn discover(
        fetch: &Fetch,
        guard: Guard,
        server: &Url,
        challenge: &Challenge,
    ) -> Result<Option<Self>, Error> {
        if let Some(named) = challenge.resource_metadata() {
            let url = guard.parse(named, "the metadata of the server")?;
            let answer = fetch.document(guard, &url).await?;
            let document = answer.status.is_success().then(|| answer.object()).flatten().ok_or_else(|| {
                let (at, status) = (without_query(&url), answer.status.as_u16());
                distrusted(format!(
                    "there are no metadata of the server at {at}, where it says that they are ({status})"
                ))
            })?;
            return Self::read(document, server, &url).map(Some);
        }
        for url in usual_places(server) {
            let answer = fetch.document(guard, &url).await?;
            if answer.status.is_server_error() {
                let (at, status) = (without_query(&url), answer.status.as_u16());
                return Err(distrusted(format!("the metadata of the server are not to be had: {at} answers {status}")));
            }
            // Some servers answer to every path, with a page.
            if let (true, Some(document)) = (answer.status.is_success(), answer.object()) {
                return Self::read(document, server, &url).map(Some);
            }
        }
        Ok(None)
    }

    fn read(document: serde_json::Value, server: &Url, url: &Url) -> Result<Self, Error> {
        let at = without_query(url);
        let metadata: Self = serde_json::from_value(document)
            .map_err(|error| distrusted(format!("the metadata of the server at {at} are not valid: {error}")))?;
        if !covers(&metadata.resource, server) {
            let server = without_query(server);
            return Err(distrusted(format!("the metadata at {at} are those of another resource than {server}")));
        }
        if metadata.authorization_servers.is_empty() {
            return Err(distrusted(format!("the metadata at {at} name no authorization server")));
        }
        Ok(metadata)
    }

    /// Whether the server takes tokens that are bound to a key, as this client can make it.
    pub(super) fn takes_proofs(&self) -> bool {
        match &self.dpop_signing_alg_values_supported {
            Some(algorithms) => algorithms.iter().any(|it| it == dpop::ALGORITHM),
            None => self.dpop_bound_access_tokens_required,
        }
    }

    pub(super) fn scopes(&self) -> Option<Scopes> {
        self.scopes_supported.as_ref().map(Scopes::from_iter)
    }
}

/// Where metadata are if nobody says so: under the path of the server, then at the root.
fn usual_places(server: &Url) -> Vec<Url> {
    let at = |path: &str| {
        let mut url = server.clone();
        url.set_path(path);
        url.set_fragment(None);
        url
    };
    let mut root = at(WELL_KNOWN);
    root.set_query(None);
    match server.path() {
        "/" | "" => vec![root],
        path => vec![at(&format!("{WELL_KNOWN}{path}")), root],
    }
}

/// Whether the server is this resource, or part of it.
fn covers(resource: &str, server: &Url) -> bool {
    let Ok(resource) = Url::parse(resource) else { return false };
    let (whole, part) = (resource.path().trim_end_matches('/'), server.path());
    let below = part.strip_prefix(whole).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    resource.fragment().is_none()
        && resource.origin() == server.origin()
        && below
        && (resource.query().is_none() || resource.query() == server.query())
}

/// The resource that a server is if it does not say so ([specification]).
///
/// [specification]: https://modelcontextprotocol.io/specification/2026-07-28/basic/authorization#canonical-server-uri
pub(super) fn canonical(server: &Url) -> String {
    let mut url = server.clone();
    url.set_fragment(None);
    let is_root = url.path() == "/" && url.query().is_none();
    let text = String::from(url);
    match text.strip_suffix('/') {
        Some(bare) if is_root => bare.to_owned(),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        text.parse().unwrap()
    }

    #[test]
    fn a_resource_covers_what_is_below_it() {
        let server = url("https://mcp.example/public/mcp?tenant=1");
        let cases = [
            ("https://mcp.example/public/mcp", true),
            ("https://mcp.example/public/mcp/", true),
            ("https://MCP.example:443/public/mcp?tenant=1", true),
            ("https://mcp.example/public", true),
            ("https://mcp.example/", true),
            ("https://mcp.example", true),
            ("https://mcp.example/pub", false),
            ("https://mcp.example/public/mcp/more", false),
            ("https://mcp.example/public/mcp?tenant=2", false),
            ("https://mcp.example/public/mcp#here", false),
            ("http://mcp.example/public/mcp", false),
            ("https://mcp.example:8443/public/mcp", false),
            ("https://mcp.example.evil.example/public/mcp", false),
            ("https://evil.example/public/mcp", false),
            ("/public/mcp", false),
            ("", false),
        ];
        for (resource, expected) in cases {
            assert_eq!(covers(resource, &server), expected, "{resource}");
        }
    }

    #[test]
    fn metadata_are_looked_for_under_the_path_and_at_the_root() {
        let places = |server| usual_places(&url(server)).into_iter().map(String::from).collect::<Vec<_>>();
        assert_eq!(places("https://mcp.example/"), ["https://mcp.example/.well-known/oauth-protected-resource"]);
        assert_eq!(
            places("https://mcp.example/public/mcp?a=b"),
            [
                "https://mcp.example/.well-known/oauth-protected-resource/public/mcp?a=b",
                "https://mcp.example/.well-known/oauth-protected-resource",
            ]
        );
    }

    #[test]
    fn the_canonical_resource_has_no_slash_at_its_end() {
        assert_eq!(canonical(&url("https://MCP.example")), "https://mcp.example");
        assert_eq!(canonical(&url("https://mcp.example/mcp#a")), "https://mcp.example/mcp");
        assert_eq!(canonical(&url("https://mcp.example/mcp/")), "https://mcp.example/mcp/");
    }
}
