//! The question to the user, and what comes back of it.

use std::fmt;

use url::Url;

use super::address::without_query;
use super::authorization_server::AuthorizationServer;
use super::dpop::ProofKey;
use super::random::{Proof, random_text};
use super::refusal::Refusal;
use super::scope::{OFFLINE_ACCESS, Scopes};
use super::{distrusted, refused};
use crate::error::Error;

/// A page where a user decides whether the client may act for them, as
/// [`OAuthBuilder::on_authorize`](super::OAuthBuilder::on_authorize) gets it.
#[derive(Clone)]
pub struct AuthorizationRequest {
    pub(super) url: Url,
    pub(super) server: Url,
    pub(super) issuer: String,
    pub(super) scopes: Scopes,
    pub(super) redirect_uri: String,
}

impl AuthorizationRequest {
    /// The page, for a browser. It is good for one visit.
    #[must_use]
    pub fn url(&self) -> &str {
        self.url.as_str()
    }

    /// The MCP server that wants it.
    #[must_use]
    pub fn server(&self) -> &str {
        self.server.as_str()
    }

    /// The authorization server that asks the user.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// What the client asks for; nothing if it leaves that to the authorization server.
    pub fn scopes(&self) -> impl Iterator<Item = &str> {
        self.scopes.iter()
    }

    /// Where the browser is sent when the user has decided.
    #[must_use]
    pub fn redirect_uri(&self) -> &str {
        &self.redirect_uri
    }
}

/// Without the query, which has what makes the visit this one.
impl fmt::Debug for AuthorizationRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthorizationRequest")
            .field("url", &without_query(&self.url))
            .field("server", &without_query(&self.server))
            .field("issuer", &self.issuer)
            .field("scopes", &self.scopes)
            .field("redirect_uri", &self.redirect_uri)
            .finish()
    }
}

/// How the user's decision comes back.
#[derive(Clone)]
pub enum Callback {
    /// The browser is sent to a port of this machine, where the client waits for it.
    Wait,
    /// It was sent to this address, which the program has seen itself: a web application, or one
    /// without a browser.
    Url(String),
}

impl From<()> for Callback {
    fn from((): ()) -> Self {
        Self::Wait
    }
}

impl From<String> for Callback {
    fn from(url: String) -> Self {
        Self::Url(url)
    }
}

/// Without the address, which has the code.
impl fmt::Debug for Callback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Wait => "Wait",
            Self::Url(_) => "Url(..)",
        })
    }
}

/// An authorization that is under way: all that its answer is held against.
pub(super) struct Visit {
    pub(super) url: Url,
    pub(super) state: String,
    verifier: String,
    /// Who will have to have answered.
    issuer: String,
    names_itself: bool,
}

/// What is exchanged for tokens.
pub(super) struct Code {
    pub(super) code: String,
    pub(super) verifier: String,
}

impl Visit {
    /// A new one ([specification]).
    ///
    /// [specification]: https://modelcontextprotocol.io/specification/2026-07-28/basic/authorization#authorization-flow-steps
    pub(super) fn new(
        server: &AuthorizationServer,
        client_id: &str,
        redirect_uri: &str,
        resource: &str,
        scopes: &Scopes,
        key: Option<&ProofKey>,
    ) -> Result<Self, Error> {
        let issuer = server.issuer.escape_debug();
        let mut url = match &server.authorization_endpoint {
            Some(url) if server.has_codes => url.clone(),
            _ => return Err(refused(format!("the authorization server \"{issuer}\" asks no users"))),
        };
        if !server.has_pkce {
            let told = format!(
                "the authorization server \"{issuer}\" does not say that it protects codes (PKCE with S256), as MCP \
                 requires it"
            );
            return Err(refused(told));
        }
        let (proof, state) = (Proof::new()?, random_text()?);
        let mut query = url.query_pairs_mut();
        query
            .append_pair("response_type", "code")
            .append_pair("client_id", client_id)
            .append_pair("redirect_uri", redirect_uri)
            .append_pair("code_challenge", &proof.challenge)
            .append_pair("code_challenge_method", "S256")
            .append_pair("state", &state)
            .append_pair("resource", resource);
        if !scopes.is_empty() {
            query.append_pair("scope", &scopes.to_string());
        }
        if let Some(key) = key {
            // Whoever gets hold of the code cannot use it without the key.
            query.append_pair("dpop_jkt", &key.thumbprint());
        }
        if scopes.has(OFFLINE_ACCESS) {
            // OpenID Connect Core, section 11: without it, the scope is ignored.
            query.append_pair("prompt", "consent");
        }
        drop(query);
        let names_itself = server.names_itself;
        Ok(Self { url, state, verifier: proof.verifier, issuer: server.issuer.clone(), names_itself })
    }

    /// The code in what came back ([specification]). That it is ours, and from whom it should be, is clear before
    /// anything else in it is looked at.
    ///
    /// [specification]: https://modelcontextprotocol.io/specification/2026-07-28/basic/authorization#authorization-response-validation
    pub(super) fn read(self, callback: &Url) -> Result<Code, Error> {
        let one = |name: &str| {
            let mut values = callback.query_pairs().filter(|(key, _)| key == name).map(|(_, value)| value);
            match (values.next(), values.next()) {
                (value, None) => Ok(value),
                _ => Err(distrusted(format!("what came back from the authorization has more than one `{name}`"))),
            }
        };
        if one("state")?.as_deref() != Some(self.state.as_str()) {
            return Err(distrusted(
                "what came back is not the answer to this authorization: its `state` is another one",
            ));
        }
        match one("iss")? {
            Some(issuer) if issuer == self.issuer.as_str() => {}
            None if !self.names_itself => {}
            None => {
                return Err(distrusted(
                    "what came back from the authorization does not say from whom: `iss` is missing",
                ));
            }
            Some(_) => {
                let told = "what came back from the authorization is from another authorization server: its `iss` is \
                            not the issuer";
                return Err(distrusted(told));
            }
        }
        if let Some(error) = one("error")? {
            let refusal = Refusal::new(&error, one("error_description")?.as_deref());
            return Err(refused(format!("the authorization was refused: {refusal}")));
        }
        match one("code")? {
            Some(code) if !code.is_empty() => Ok(Code { code: code.into_owned(), verifier: self.verifier }),
            _ => Err(distrusted("what came back from the authorization has no code")),
        }
    }
}
