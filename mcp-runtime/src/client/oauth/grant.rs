//! What is asked of a token endpoint ([specification]).
//!
//! [specification]: https://modelcontextprotocol.io/specification/2026-07-28/basic/authorization#resource-parameter-implementation

use reqwest::StatusCode;
use serde::de::DeserializeOwned;
use url::form_urlencoded::byte_serialize;

use super::address::without_query;
use super::authorization_server::AuthorizationServer;
use super::authorize::Code;
use super::dpop::ProofKey;
use super::fetch::{Answer, Basic, Fetch, Form};
use super::identity::{Authentication, Identity};
use super::refusal::Refusal;
use super::scope::Scopes;
use super::token::TokenAnswer;
use super::{distrusted, refused};
use crate::error::{Error, ErrorKind};

/// What the client has to show for the tokens that it wants.
pub(super) enum Grant<'a> {
    /// A user has agreed.
    Code { code: &'a Code, redirect_uri: &'a str },
    /// A user has agreed earlier.
    Refresh(&'a str),
    /// It acts for itself.
    Client(&'a Scopes),
    /// Somebody whom the authorization server trusts says for whom it acts
    /// ([RFC 7523](https://www.rfc-editor.org/rfc/rfc7523#section-2.1)).
    Assertion { assertion: &'a str, scopes: &'a Scopes },
}

/// Why there are no tokens.
#[derive(Debug)]
pub(super) enum Failure {
    /// The authorization server says no.
    Refused(Refusal),
    /// It could not be asked, or what it says makes no sense.
    Broken(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Broken(error)
    }
}

impl Failure {
    /// Whether the authorization server does not know the client, which it may have made up itself.
    pub(super) fn is_unknown_client(&self) -> bool {
        matches!(self, Self::Refused(refusal) if refusal.error == "invalid_client")
    }

    /// Whether asking again would be of no use.
    pub(super) fn is_final(&self) -> bool {
        const PASSING: [&str; 3] = ["temporarily_unavailable", "server_error", "slow_down"];
        matches!(self, Self::Refused(refusal) if !PASSING.contains(&refusal.error.as_str()))
    }

    pub(super) fn into_error(self) -> Error {
        match self {
            Self::Refused(refusal) => refused(format!("the authorization server gives no token: {refusal}")),
            Self::Broken(error) => error,
        }
    }
}

impl Grant<'_> {
    /// Asks for tokens for this resource, bound to this key.
    pub(super) async fn ask(
        self,
        fetch: &Fetch,
        server: &AuthorizationServer,
        client: &Identity,
        resource: &str,
        key: Option<&ProofKey>,
    ) -> Result<TokenAnswer, Failure> {
        let mut form = Form::default();
        let mut scopes = None;
        match self {
            Self::Code { code: Code { code, verifier }, redirect_uri } => form
                .field("grant_type", "authorization_code")
                .field("code", code)
                .field("redirect_uri", redirect_uri)
                .field("code_verifier", verifier),
            Self::Refresh(token) => form.field("grant_type", "refresh_token").field("refresh_token", token),
            Self::Client(wanted) => {
                scopes = Some(wanted);
                form.field("grant_type", "client_credentials")
            }
            Self::Assertion { assertion, scopes: wanted } => {
                scopes = Some(wanted);
                form.field("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer").field("assertion", assertion)
            }
        };
        if let Some(scopes) = scopes.filter(|it| !it.is_empty()) {
            form.field("scope", scopes.to_string());
        }
        form.field("resource", resource);
        request(fetch, server, client, &form, key).await
    }
}

/// What a token endpoint answers to this form of a client.
pub(super) async fn request<T: DeserializeOwned>(
    fetch: &Fetch,
    server: &AuthorizationServer,
    client: &Identity,
    form: &Form,
    key: Option<&ProofKey>,
) -> Result<T, Failure> {
    let mut answer = send(fetch, server, client, form, key).await?;
    let mut refusal = Refusal::read(&answer);
    let wants_nonce = refusal.as_ref().is_some_and(|it| it.error == "use_dpop_nonce");
    if key.is_some() && wants_nonce && answer.has_nonce {
        // It has just said what has to be in the proof. That may happen once.
        answer = send(fetch, server, client, form, key).await?;
        refusal = Refusal::read(&answer);
    }
    let (status, at) = (answer.status.as_u16(), without_query(&server.token_endpoint));
    // Some say no with a status that says yes.
    if answer.status.is_success() && refusal.is_none() {
        let object = answer.object().unwrap_or_default();
        return serde_json::from_value(object).map_err(|_| {
            // The error of the library would repeat what it does not understand, which may be a token.
            distrusted(format!("what {at} answers has no token that the client can use")).into()
        });
    }
    if answer.status.is_server_error() || answer.status == StatusCode::TOO_MANY_REQUESTS {
        let told = format!("{at} answers {status}, and gives no token at the moment");
        return Err(Error::new(ErrorKind::Io, told).into());
    }
    Err(match refusal {
        Some(refusal) => Failure::Refused(refusal),
        None => refused(format!("{at} answers {status}, and gives no token")).into(),
    })
}

/// Sends a form with what shows who the client is, of which signatures and proofs are good once.
async fn send(
    fetch: &Fetch,
    server: &AuthorizationServer,
    client: &Identity,
    form: &Form,
    key: Option<&ProofKey>,
) -> Result<Answer, Error> {
    let mut form = form.clone();
    // <https://www.rfc-editor.org/rfc/rfc6749#section-2.3.1>: encoded as in a form, before Base64.
    let encoded = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
    let mut header = None;
    match &client.authentication {
        Authentication::Basic(secret) => header = Some((encoded(&client.id), encoded(secret))),
        Authentication::None => _ = form.field("client_id", &client.id),
        Authentication::Post(secret) => {
            form.field("client_id", &client.id).field("client_secret", secret);
        }
        Authentication::Key(key) => {
            form.field("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
                .field("client_assertion", key.assertion(&client.id, &server.issuer)?);
        }
    }
    let basic = header.as_ref().map(|(name, password)| Basic { name, password });
    fetch.form(&server.token_endpoint, &form, basic, key).await
}
