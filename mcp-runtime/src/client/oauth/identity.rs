//! Who the client is to an authorization server ([specification]).
//!
//! [specification]: https://modelcontextprotocol.io/specification/2026-07-28/basic/authorization/client-registration

use std::fmt;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use serde_json::json;
use url::Url;

use super::address::{is_loopback, without_query};
use super::assertion::PrivateKey;
use super::authorization_server::AuthorizationServer;
use super::fetch::Fetch;
use super::refusal::Refusal;
use super::{distrusted, refused};
use crate::error::{Error, ErrorKind};

/// A client that an authorization server knows already, because somebody has registered it there
/// ([specification]). `Debug` does not show its secret.
///
/// ```
/// use mcp_runtime::client::oauth::RegisteredClient;
///
/// let client = RegisteredClient::new("weather-desk").secret("s3cr3t").issuer("https://login.example.com");
/// assert!(!format!("{client:?}").contains("s3cr3t"));
/// ```
///
/// [specification]: https://modelcontextprotocol.io/specification/2026-07-28/basic/authorization/client-registration#pre-registration
#[derive(Clone)]
pub struct RegisteredClient {
    pub(super) id: String,
    pub(super) issuer: Option<String>,
    credential: Credential,
}

/// What only the client has, or can make.
#[derive(Clone)]
enum Credential {
    None,
    Secret(String),
    Key(Arc<PrivateKey>),
}

impl RegisteredClient {
    /// A client of this id, without anything else: a public one.
    pub fn new(id: impl Into<String>) -> Self {
        Self { id: id.into(), issuer: None, credential: Credential::None }
    }

    /// The secret that was given to it. It is sent in a header, or in the form if the authorization server takes
    /// only that.
    #[must_use]
    pub fn secret(mut self, secret: impl Into<String>) -> Self {
        self.credential = Credential::Secret(secret.into());
        self
    }

    /// The key with which it signs, instead of a secret (`private_key_jwt`).
    #[must_use]
    pub fn private_key(mut self, key: PrivateKey) -> Self {
        self.credential = Credential::Key(Arc::new(key));
        self
    }

    /// The authorization server where it is registered, written exactly as that one writes it.
    ///
    /// Without it, it belongs to the first one that a server names, as long as the program runs: give it if the
    /// client has a secret and you do not trust all servers that it calls. [`OAuth::workload`](super::OAuth::workload)
    /// and [`OAuth::enterprise_managed`](super::OAuth::enterprise_managed) want it. With another one it is not used:
    /// that is an error.
    #[must_use]
    pub fn issuer(mut self, issuer: impl Into<String>) -> Self {
        self.issuer = Some(issuer.into());
        self
    }

    pub(super) fn is_public(&self) -> bool {
        matches!(self.credential, Credential::None)
    }

    /// It at this authorization server.
    pub(super) fn at(&self, server: &AuthorizationServer) -> Result<Identity, Error> {
        let cannot = |what: &str| {
            let issuer = server.issuer.escape_debug();
            Error::new(ErrorKind::Configuration, format!("the authorization server \"{issuer}\" takes no {what}"))
        };
        let authentication = match &self.credential {
            Credential::None => Authentication::None,
            Credential::Secret(secret) if server.takes("client_secret_basic") => Authentication::Basic(secret.clone()),
            Credential::Secret(secret) if server.takes("client_secret_post") => Authentication::Post(secret.clone()),
            Credential::Secret(_) => return Err(cannot("secrets of clients")),
            Credential::Key(key) => {
                let algorithm = key.algorithm().as_str();
                let methods = &server.token_methods;
                if methods.as_ref().is_some_and(|it| !it.iter().any(|it| it == "private_key_jwt")) {
                    return Err(cannot("signatures of clients"));
                }
                if server.signing_algorithms.as_ref().is_some_and(|it| !it.iter().any(|it| it == algorithm)) {
                    return Err(cannot(&format!("signatures with {algorithm}")));
                }
                Authentication::Key(key.clone())
            }
        };
        Ok(Identity { id: self.id.clone(), authentication, kind: IdentityKind::Given })
    }
}

impl fmt::Debug for RegisteredClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RegisteredClient").field("id", &self.id).field("issuer", &self.issuer).finish_non_exhaustive()
    }
}

/// Who the client is to one authorization server.
#[derive(Clone)]
pub(super) struct Identity {
    pub(super) id: String,
    pub(super) authentication: Authentication,
    pub(super) kind: IdentityKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum IdentityKind {
    /// The program, or the address of a document, says so.
    Given,
    /// The authorization server made it up, and may forget it.
    Registered,
}

/// How a client shows who it is at the token endpoint.
#[derive(Clone)]
pub(super) enum Authentication {
    None,
    Basic(String),
    Post(String),
    Key(Arc<PrivateKey>),
}

/// The address of a client's metadata, if it can be one ([specification]).
///
/// [specification]: https://modelcontextprotocol.io/specification/2026-07-28/basic/authorization/client-registration#client-id-metadata-documents
pub(super) fn is_document(text: &str) -> bool {
    Url::parse(text).is_ok_and(|url| {
        // What the parser has changed an authorization server would not find equal.
        url.as_str() == text
            && url.scheme() == "https"
            && !matches!(url.path(), "" | "/")
            && url.fragment().is_none()
            && url.username().is_empty()
            && url.password().is_none()
    })
}

/// A registration as it is kept.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Registration {
    client_id: String,
    client_secret: Option<String>,
    method: String,
    pub(super) redirect_uri: String,
    /// In seconds since 1970; 0 for never.
    secret_expires_at: u64,
}

/// What a registration endpoint answers ([RFC 7591]).
///
/// [RFC 7591]: https://www.rfc-editor.org/rfc/rfc7591#section-3.2.1
#[derive(Deserialize)]
struct RegistrationAnswer {
    client_id: String,
    client_secret: Option<String>,
    client_secret_expires_at: Option<u64>,
    token_endpoint_auth_method: Option<String>,
}

const PUBLIC: &str = "none";
const BASIC: &str = "client_secret_basic";
const POST: &str = "client_secret_post";

impl Registration {
    /// Registers the client ([specification]).
    ///
    /// [specification]: https://modelcontextprotocol.io/specification/2026-07-28/basic/authorization/client-registration#dynamic-client-registration
    pub(super) async fn make(
        fetch: &Fetch,
        server: &AuthorizationServer,
        name: &str,
        redirect_uri: &str,
    ) -> Result<Self, Error> {
        let Some(endpoint) = &server.registration_endpoint else {
            let told = format!(
                "the authorization server \"{}\" registers no clients: register one there, and give it with \
                 `registered`",
                server.issuer.escape_debug()
            );
            return Err(refused(told));
        };
        // A program on the user's machine cannot keep a secret, so it asks for none if it has the choice.
        let wanted = match &server.token_methods {
            None => PUBLIC,
            Some(methods) => [PUBLIC, BASIC, POST]
                .into_iter()
                .find(|it| methods.iter().any(|method| method == it))
                .ok_or_else(|| refused("the authorization server takes clients in no way that this one knows"))?,
        };
        let is_native = Url::parse(redirect_uri).is_ok_and(|it| is_loopback(&it));
        let body = json!({
            "client_name": name,
            "redirect_uris": [redirect_uri],
            "grant_types": ["authorization_code", "refresh_token"],
            "response_types": ["code"],
            "token_endpoint_auth_method": wanted,
            "application_type": if is_native { "native" } else { "web" },
        });
        let answer = fetch.json(endpoint, &body).await?;
        if !answer.status.is_success() {
            let (at, status) = (without_query(endpoint), answer.status.as_u16());
            return Err(refused(match Refusal::read(&answer) {
                Some(refusal) => format!("the authorization server does not register the client: {refusal}"),
                None if server.is_guessed => format!(
                    "the server wants authorization, but does not say who gives it, and registers no clients itself: \
                     {at} answers {status}"
                ),
                None => format!("the authorization server does not register the client: {at} answers {status}"),
            }));
        }
        let object = answer.object().unwrap_or_default();
        let answer: RegistrationAnswer = serde_json::from_value(object)
            .map_err(|error| distrusted(format!("what came is not the registration of a client: {error}")))?;
        let method = answer.token_endpoint_auth_method.unwrap_or_else(|| wanted.to_owned());
        Ok(Self {
            client_id: answer.client_id,
            client_secret: answer.client_secret,
            method,
            redirect_uri: redirect_uri.to_owned(),
            secret_expires_at: answer.client_secret_expires_at.unwrap_or(0),
        })
    }

    pub(super) fn is_over(&self) -> bool {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        self.secret_expires_at != 0 && self.secret_expires_at <= now
    }

    pub(super) fn identity(&self) -> Result<Identity, Error> {
        let secret = || {
            let told = "the authorization server wants a secret of the client, and gave it none";
            self.client_secret.clone().ok_or_else(|| distrusted(told))
        };
        let authentication = match self.method.as_str() {
            PUBLIC => Authentication::None,
            BASIC => Authentication::Basic(secret()?),
            POST => Authentication::Post(secret()?),
            _ => return Err(distrusted("the authorization server wants the client to show itself in an unknown way")),
        };
        Ok(Identity { id: self.client_id.clone(), authentication, kind: IdentityKind::Registered })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_at_https_addresses_with_a_path() {
        assert!(is_document("https://app.example/client.json"));
        assert!(is_document("https://app.example/client.json?v=1"));
        for wrong in [
            "https://app.example",
            "https://app.example/",
            "http://app.example/client.json",
            "https://app.example/client.json#a",
            "https://user@app.example/client.json",
            "https://app.example/a/../client.json",
            "HTTPS://app.example/client.json",
            "client.json",
        ] {
            assert!(!is_document(wrong), "{wrong}");
        }
    }
}
