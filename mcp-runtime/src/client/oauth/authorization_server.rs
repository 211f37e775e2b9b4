//! What an authorization server says of itself ([RFC 8414](https://www.rfc-editor.org/rfc/rfc8414), and OpenID
//! Connect Discovery, which is much the same).

use serde::Deserialize;
use serde_json::Value;
use url::Url;

use super::address::{Guard, without_query};
use super::distrusted;
use super::dpop;
use super::fetch::Fetch;
use super::scope::Scopes;
use crate::error::Error;

/// The metadata, as they come.
#[derive(Deserialize)]
struct Metadata {
    issuer: String,
    authorization_endpoint: Option<String>,
    token_endpoint: String,
    registration_endpoint: Option<String>,
    scopes_supported: Option<Vec<String>>,
    response_types_supported: Option<Vec<String>>,
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
    token_endpoint_auth_signing_alg_values_supported: Option<Vec<String>>,
    code_challenge_methods_supported: Option<Vec<String>>,
    authorization_response_iss_parameter_supported: Option<bool>,
    client_id_metadata_document_supported: Option<bool>,
    dpop_signing_alg_values_supported: Option<Vec<String>>,
}

/// An authorization server whose metadata have been checked.
#[derive(Debug, Clone)]
pub(super) struct AuthorizationServer {
    /// Who it is. Everything that it gives belongs to this name, character for character.
    pub(super) issuer: String,
    pub(super) authorization_endpoint: Option<Url>,
    pub(super) token_endpoint: Url,
    pub(super) registration_endpoint: Option<Url>,
    pub(super) scopes: Option<Scopes>,
    /// How clients may show who they are at the token endpoint, if it says so.
    pub(super) token_methods: Option<Vec<String>>,
    pub(super) signing_algorithms: Option<Vec<String>>,
    /// Whether it protects codes as OAuth 2.1 wants it.
    pub(super) has_pkce: bool,
    /// Whether it gives codes at all.
    pub(super) has_codes: bool,
    /// Whether its answers say who it is.
    pub(super) names_itself: bool,
    /// Whether clients may be known by the address of their metadata.
    pub(super) has_client_documents: bool,
    /// Whether it may bind tokens to a key, as far as it says so.
    pub(super) takes_proofs: bool,
    /// Whether nobody has said any of this, and it is where an old revision has it.
    pub(super) is_guessed: bool,
}

impl AuthorizationServer {
    /// The one of this issuer ([specification]).
    ///
    /// [specification]: https://modelcontextprotocol.io/specification/2026-07-28/basic/authorization/authorization-server-discovery#authorization-server-metadata-discovery
    pub(super) async fn discover(fetch: &Fetch, guard: Guard, issuer: &str) -> Result<Self, Error> {
        let found = Self::look_for(fetch, guard, issuer, &[issuer]).await?;
        found.ok_or_else(|| {
            let issuer = issuer.escape_debug();
            distrusted(format!("the authorization server \"{issuer}\" has no metadata where they have to be"))
        })
    }

    /// The one that a server from before 2025-06-18 is itself. It may have no metadata; then its endpoints are where
    /// that revision has them ([specification]).
    ///
    /// [specification]: https://modelcontextprotocol.io/specification/2025-03-26/basic/authorization#fallbacks-for-servers-without-metadata-discovery
    pub(super) async fn of_server(fetch: &Fetch, guard: Guard, server: &Url) -> Result<Self, Error> {
        let issuer = server.origin().ascii_serialization();
        // Nobody has said how the name of the root is written.
        let names = [issuer.as_str(), &format!("{issuer}/")];
        if let Some(found) = Self::look_for(fetch, guard, &issuer, &names).await? {
            return Ok(found);
        }
        let at = |path: &str| {
            let mut url = server.clone();
            url.set_path(path);
            url.set_query(None);
            url.set_fragment(None);
            url
        };
        Ok(Self {
            authorization_endpoint: Some(at("/authorize")),
            token_endpoint: at("/token"),
            registration_endpoint: Some(at("/register")),
            scopes: None,
            token_methods: None,
            signing_algorithms: None,
            // That revision requires it of all clients.
            has_pkce: true,
            has_codes: true,
            names_itself: false,
            has_client_documents: false,
            takes_proofs: false,
            is_guessed: true,
            issuer,
        })
    }

    /// Looks at all places where the metadata may be, for those of one of these names.
    async fn look_for(fetch: &Fetch, guard: Guard, issuer: &str, names: &[&str]) -> Result<Option<Self>, Error> {
        let base = guard.parse(issuer, "the authorization server")?;
        if base.query().is_some() {
            return Err(distrusted("the name of an authorization server has no query"));
        }
        let mut wrong = None;
        for url in usual_places(&base) {
            let answer = fetch.document(guard, &url).await?;
            if answer.status.is_server_error() {
                let (at, status) = (without_query(&url), answer.status.as_u16());
                let told = format!("the metadata of the authorization server are not to be had: {at} answers {status}");
                return Err(distrusted(told));
            }
            // Some servers answer to every path, with a page.
            let Some(document) = answer.status.is_success().then(|| answer.object()).flatten() else { continue };
            match Self::read(document, guard, names) {
                Ok(server) => return Ok(Some(server)),
                // A server of several issuers may answer with the metadata of another one at the wrong place.
                Err(error) => wrong = wrong.or(Some(error)),
            }
        }
        wrong.map_or(Ok(None), Err)
    }

    fn read(document: Value, guard: Guard, names: &[&str]) -> Result<Self, Error> {
        let metadata: Metadata = serde_json::from_value(document)
            .map_err(|error| distrusted(format!("the metadata of the authorization server are not valid: {error}")))?;
        if !names.contains(&metadata.issuer.as_str()) {
            let expected = names.first().copied().unwrap_or_default();
            let told = format!("the metadata of the authorization server \"{expected}\" are those of another one");
            return Err(distrusted(told));
        }
        let has =
            |list: &Option<Vec<String>>, name: &str| list.as_ref().is_some_and(|it| it.iter().any(|it| it == name));
        let endpoint = |url: &Option<String>, what| url.as_ref().map(|it| guard.parse(it, what)).transpose();
        Ok(Self {
            authorization_endpoint: endpoint(&metadata.authorization_endpoint, "the authorization endpoint")?,
            token_endpoint: guard.parse(&metadata.token_endpoint, "the token endpoint")?,
            registration_endpoint: endpoint(&metadata.registration_endpoint, "the registration endpoint")?,
            scopes: metadata.scopes_supported.map(Scopes::from_iter),
            has_pkce: has(&metadata.code_challenge_methods_supported, "S256"),
            has_codes: metadata.response_types_supported.is_none() || has(&metadata.response_types_supported, "code"),
            token_methods: metadata.token_endpoint_auth_methods_supported,
            signing_algorithms: metadata.token_endpoint_auth_signing_alg_values_supported,
            names_itself: metadata.authorization_response_iss_parameter_supported == Some(true),
            has_client_documents: metadata.client_id_metadata_document_supported == Some(true),
            // Whoever does not know proofs ignores them.
            takes_proofs: metadata.dpop_signing_alg_values_supported.is_none()
                || has(&metadata.dpop_signing_alg_values_supported, dpop::ALGORITHM),
            is_guessed: false,
            issuer: metadata.issuer,
        })
    }

    /// Whether clients may show who they are in this way.
    pub(super) fn takes(&self, method: &str) -> bool {
        match &self.token_methods {
            Some(methods) => methods.iter().any(|it| it == method),
            // <https://www.rfc-editor.org/rfc/rfc8414#section-2>
            None => method == "client_secret_basic",
        }
    }
}

/// Where the metadata of an issuer may be, in the order in which to look.
fn usual_places(issuer: &Url) -> Vec<Url> {
    let at = |path: String| {
        let mut url = issuer.clone();
        url.set_path(&path);
        url
    };
    let path = issuer.path().trim_end_matches('/');
    let mut places = vec![
        at(format!("/.well-known/oauth-authorization-server{path}")),
        at(format!("/.well-known/openid-configuration{path}")),
    ];
    if !path.is_empty() {
        places.push(at(format!("{path}/.well-known/openid-configuration")));
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_are_looked_for_in_the_specifications_order() {
        let places = |issuer: &str| {
            let places = usual_places(&issuer.parse().unwrap());
            places.into_iter().map(String::from).collect::<Vec<_>>()
        };
        let root = [
            "https://auth.example/.well-known/oauth-authorization-server",
            "https://auth.example/.well-known/openid-configuration",
        ];
        assert_eq!(places("https://auth.example"), root);
        assert_eq!(places("https://auth.example/"), root);
        assert_eq!(
            places("https://auth.example/tenant1/"),
            [
                "https://auth.example/.well-known/oauth-authorization-server/tenant1",
                "https://auth.example/.well-known/openid-configuration/tenant1",
                "https://auth.example/tenant1/.well-known/openid-configuration",
            ]
        );
    }
}
