//! Who may call: requests without a token that is worth something here are turned away before anything is read
//! ([specification]).
//!
//! [specification]: https://modelcontextprotocol.io/specification/2026-07-28/basic/authorization

use std::collections::HashMap;
use std::fmt::{self, Write as _};
use std::sync::Arc;

use http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, AUTHORIZATION, HeaderValue, WWW_AUTHENTICATE};
use http::request::Parts;
use http::{HeaderMap, StatusCode, Uri};
use serde_json::{Map, Value, json};

use super::StreamableHttp;
use super::answer::Answer;
use crate::auth::{AccessToken, AnyVerifier, TokenError, TokenVerifier};
use crate::protocol::{ErrorCode, ErrorObject, Extensions, RequestId};

/// For whom a server asks for tokens, and what it says to those who have none ([specification]).
///
/// See [`auth`](crate::auth).
///
/// [specification]: https://modelcontextprotocol.io/specification/2026-07-28/basic/authorization
#[derive(Clone)]
pub struct Authorization {
    resource: String,
    /// Where the metadata are.
    metadata: String,
    servers: Vec<String>,
    supported: Vec<String>,
    required: Vec<String>,
    implied: HashMap<String, Vec<String>>,
    name: Option<String>,
    documentation: Option<String>,
    verifier: Arc<dyn AnyVerifier>,
}

/// Before the path of a resource, where its metadata are
/// ([RFC 9728](https://www.rfc-editor.org/rfc/rfc9728#section-3.1)).
const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

impl Authorization {
    /// Asks for tokens for this resource, which is the URL at which clients reach the server, such as
    /// `https://mcp.example.com/mcp`; `verifier` says what they are worth.
    pub fn new(resource: impl Into<String>, verifier: impl TokenVerifier) -> Self {
        let resource = resource.into();
        let metadata = metadata_url(&resource);
        Self {
            resource,
            metadata,
            servers: Vec::new(),
            supported: Vec::new(),
            required: Vec::new(),
            implied: HashMap::new(),
            name: None,
            documentation: None,
            verifier: Arc::new(verifier),
        }
    }

    /// Where clients get tokens: the issuer of an authorization server.
    #[must_use]
    pub fn server(mut self, issuer: impl Into<String>) -> Self {
        self.servers.push(issuer.into());
        self
    }

    /// What every request needs to be allowed.
    #[must_use]
    pub fn scopes<S: Into<String>>(mut self, scopes: impl IntoIterator<Item = S>) -> Self {
        self.required.extend(scopes.into_iter().map(Into::into));
        self
    }

    /// What clients may ask for at first, beside what every request needs. Tools say themselves what more they
    /// need, when it comes to that.
    #[must_use]
    pub fn supports<S: Into<String>>(mut self, scopes: impl IntoIterator<Item = S>) -> Self {
        self.supported.extend(scopes.into_iter().map(Into::into));
        self
    }

    /// Whoever is allowed `scope` is allowed all of these, too.
    ///
    /// ```
    /// # use mcp_runtime::auth::{AccessToken, Authorization, TokenError};
    /// # let verifier = |_: String| async { Err::<AccessToken, _>(TokenError::Invalid("no")) };
    /// let authorization = Authorization::new("https://mcp.example.com/mcp", verifier)
    ///     .implies("catalog:write", ["catalog:read"]);
    /// ```
    #[must_use]
    pub fn implies<S: Into<String>>(mut self, scope: impl Into<String>, others: impl IntoIterator<Item = S>) -> Self {
        self.implied.entry(scope.into()).or_default().extend(others.into_iter().map(Into::into));
        self
    }

    /// The name of the server, for those who decide whether a client may use it.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// A page that explains the server to those who write clients.
    #[must_use]
    pub fn documentation(mut self, url: impl Into<String>) -> Self {
        self.documentation = Some(url.into());
        self
    }

    /// The metadata, if that is what is asked for.
    pub(super) fn metadata(&self, uri: &Uri) -> Option<Answer> {
        if !is_metadata(uri) {
            return None;
        }
        let mut scopes: Vec<&String> = self.required.iter().chain(&self.supported).collect();
        scopes.dedup();
        let mut document = Map::new();
        document.insert("resource".to_owned(), json!(self.resource));
        document.insert("authorization_servers".to_owned(), json!(self.servers));
        document.insert("bearer_methods_supported".to_owned(), json!(["header"]));
        if !scopes.is_empty() {
            document.insert("scopes_supported".to_owned(), json!(scopes));
        }
        for (key, text) in [("resource_name", &self.name), ("resource_documentation", &self.documentation)] {
            if let Some(text) = text {
                document.insert(key.to_owned(), json!(text));
            }
        }
        let answer = Answer::message(StatusCode::OK, Value::Object(document).to_string().into_bytes());
        // It is there for everybody.
        Some(answer.with(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*")))
    }

    /// Lets a request through, with what its token says; or not.
    pub(super) async fn admit(&self, parts: &mut Parts) -> Result<(), Answer> {
        let token = match bearer(&parts.headers) {
            Ok(Some(token)) => token,
            // Whoever has none is told where to get one, and not that it is wrong.
            Ok(None) => {
                return Err(self.challenge(StatusCode::UNAUTHORIZED, &self.required, None, "a token is needed", None));
            }
            Err(message) => {
                let error = Some("invalid_request");
                return Err(self.challenge(StatusCode::BAD_REQUEST, &self.required, error, message, None));
            }
        };
        let mut token = match self.verifier.verify(token).await {
            Ok(token) => token,
            Err(TokenError::Invalid(why)) => {
                let error = Some("invalid_token");
                return Err(self.challenge(StatusCode::UNAUTHORIZED, &self.required, error, why, None));
            }
            Err(error @ TokenError::Unavailable(_)) => {
                tracing::error!(error = &error as &dyn std::error::Error, "a token could not be verified");
                return Err(Answer::busy("tokens cannot be verified at the moment; try again later"));
            }
        };
        if !self.implied.is_empty() {
            token = self.widened(token);
        }
        let missing = self.required.iter().any(|scope| !token.has_scope(scope));
        if missing {
            return Err(self.refuse(&self.required, None));
        }
        parts.extensions.insert(token.principal().clone());
        parts.extensions.insert(token);
        Ok(())
    }

    /// With what its scopes imply.
    fn widened(&self, token: AccessToken) -> AccessToken {
        let mut all: Vec<String> = token.granted().map(str::to_owned).collect();
        let mut next = 0;
        while let Some(scope) = all.get(next).cloned() {
            next += 1;
            for implied in self.implied.get(&scope).into_iter().flatten() {
                if !all.contains(implied) {
                    all.push(implied.clone());
                }
            }
        }
        token.scopes(all)
    }

    /// Asks for a token that allows more.
    fn refuse<S: AsRef<str>>(&self, needed: &[S], id: Option<&RequestId>) -> Answer {
        let message = "the token does not allow this; `scope` has what is needed";
        self.challenge(StatusCode::FORBIDDEN, needed, Some("insufficient_scope"), message, id)
    }

    fn challenge<S: AsRef<str>>(
        &self,
        status: StatusCode,
        scopes: &[S],
        error: Option<&str>,
        description: &str,
        id: Option<&RequestId>,
    ) -> Answer {
        let mut challenge = "Bearer ".to_owned();
        if let Some(error) = error {
            _ = write!(challenge, "error=\"{error}\", error_description=\"{}\", ", description.replace('"', "'"));
        }
        if !scopes.is_empty() {
            let scopes: Vec<&str> = scopes.iter().map(AsRef::as_ref).collect();
            _ = write!(challenge, "scope=\"{}\", ", scopes.join(" "));
        }
        _ = write!(challenge, "resource_metadata=\"{}\"", self.metadata);
        let body = ErrorObject::new(ErrorCode::InvalidRequest, description.to_owned());
        let answer = Answer::error(status, id, &body);
        match HeaderValue::from_str(&challenge) {
            Ok(challenge) => answer.with(WWW_AUTHENTICATE, challenge),
            Err(_) => answer,
        }
    }
}

/// Whether somebody asks for metadata.
pub(super) fn is_metadata(uri: &Uri) -> bool {
    uri.path().strip_prefix(WELL_KNOWN).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Whether whoever asks is allowed what a function needs; the answer if not.
pub(super) fn allowed<S: AsRef<str>>(
    authorization: Option<&Authorization>,
    scopes: &[S],
    extensions: &Extensions,
    id: &RequestId,
) -> Result<(), Answer> {
    if scopes.is_empty() {
        return Ok(());
    }
    let token: Option<&AccessToken> = extensions.get();
    if token.is_some_and(|token| scopes.iter().all(|scope| token.has_scope(scope.as_ref()))) {
        return Ok(());
    }
    Err(match authorization {
        Some(authorization) => authorization.refuse(scopes, Some(id)),
        None => {
            let message = "this needs a token, and the server was not told how to verify any";
            let error = ErrorObject::new(ErrorCode::InvalidRequest, message);
            Answer::error(StatusCode::FORBIDDEN, Some(id), &error)
        }
    })
}

/// The token of a request.
fn bearer(headers: &HeaderMap) -> Result<Option<&str>, &'static str> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err("`Authorization` is there more than once");
    }
    let text = value.to_str().map_err(|_| "`Authorization` has characters that no token has")?;
    let (scheme, token) = text.split_once(' ').unwrap_or((text, ""));
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Ok(None);
    }
    let token = token.trim_start_matches(' ');
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte);
    if token.is_empty() || !token.bytes().all(is_token) {
        return Err("`Authorization` must be `Bearer`, a space and a token");
    }
    Ok(Some(token))
}

/// Where the metadata of a resource are: the well-known path comes before its own.
fn metadata_url(resource: &str) -> String {
    let without_query = resource.split(['?', '#']).next().unwrap_or(resource);
    let (scheme, rest) = without_query.split_once("://").unwrap_or(("https", without_query));
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let path = path.trim_end_matches('/');
    match path {
        "" => format!("{scheme}://{host}{WELL_KNOWN}"),
        path => format!("{scheme}://{host}{WELL_KNOWN}/{path}"),
    }
}

impl StreamableHttp {
    /// Asks for tokens ([specification]). Requests without one that is worth something get status 401, those that
    /// are not allowed enough 403, with a challenge that says what is needed. The metadata that clients look for
    /// are answered below `/.well-known/oauth-protected-resource`; as part of another service, that path has to
    /// lead here, too.
    ///
    /// [specification]: https://modelcontextprotocol.io/specification/2026-07-28/basic/authorization
    pub fn authorization(self, authorization: Authorization) -> Self {
        self.set(|settings| settings.authorization = Some(Arc::new(authorization)))
    }
}

impl fmt::Debug for Authorization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authorization")
            .field("resource", &self.resource)
            .field("servers", &self.servers)
            .field("scopes", &self.required)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_stand_before_the_path_of_the_resource() {
        let well_known = "https://mcp.example.com/.well-known/oauth-protected-resource";
        assert_eq!(metadata_url("https://mcp.example.com"), well_known);
        assert_eq!(metadata_url("https://mcp.example.com/"), well_known);
        assert_eq!(metadata_url("https://mcp.example.com/a/mcp"), format!("{well_known}/a/mcp"));
        assert_eq!(metadata_url("https://mcp.example.com/mcp/?x=y"), format!("{well_known}/mcp"));
        let local = "http://127.0.0.1:8000/.well-known/oauth-protected-resource/mcp";
        assert_eq!(metadata_url("http://127.0.0.1:8000/mcp"), local);
    }

    #[test]
    fn a_token_is_one_word_after_bearer() {
        let read = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(AUTHORIZATION, value.parse().unwrap());
            }
            bearer(&headers).map(|token| token.map(str::to_owned))
        };
        assert_eq!(read(&[]), Ok(None));
        assert_eq!(read(&["Basic YTpi"]), Ok(None));
        assert_eq!(read(&["Bearer abc.def-_~+/="]), Ok(Some("abc.def-_~+/=".to_owned())));
        assert_eq!(read(&["bearer  abc"]), Ok(Some("abc".to_owned())));
        for wrong in [&["Bearer"][..], &["Bearer "], &["Bearer a b"], &["Bearer \"a\""], &["Bearer a", "Bearer a"]] {
            assert!(read(wrong).is_err(), "{wrong:?}");
        }
    }
}
