//! What a server says when it refuses a request for want of authorization.

use super::dpop;
use super::scope::Scopes;
use super::token::AccessToken;

#[cfg(test)]
mod tests;

/// A refusal of a server for want of authorization: the status, and what its `WWW-Authenticate` says
/// ([specification]).
///
/// ```
/// use mcp_runtime::client::oauth::Challenge;
///
/// let challenge = Challenge::new(401, [r#"Bearer scope="files:read files:write""#]);
/// assert_eq!(challenge.status(), 401);
/// assert_eq!(challenge.scopes().collect::<Vec<_>>(), ["files:read", "files:write"]);
/// ```
///
/// [specification]: https://modelcontextprotocol.io/specification/2026-07-28/basic/authorization#error-handling
#[derive(Debug, Clone)]
pub struct Challenge {
    status: u16,
    schemes: Vec<Scheme>,
    scopes: Scopes,
    sent: Option<AccessToken>,
    attempt: u32,
}

/// One of the ways that the server takes, with its parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Scheme {
    name: String,
    parameters: Vec<(String, String)>,
}

impl Challenge {
    /// A challenge from the status of an answer, and its `WWW-Authenticate` headers. There may be none: then it
    /// says only that something is missing. What is malformed in them is skipped.
    pub fn new(status: u16, www_authenticate: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        let mut schemes = Vec::new();
        for header in www_authenticate {
            Parser { rest: header.as_ref() }.read_into(&mut schemes);
        }
        let mut challenge = Self { status, schemes, scopes: Scopes::default(), sent: None, attempt: 0 };
        challenge.scopes = Scopes::from_text(challenge.of_token("scope").unwrap_or_default());
        challenge
    }

    /// The token that the refused request had. Without it, it had none.
    #[must_use]
    pub fn sent(mut self, token: Option<AccessToken>) -> Self {
        self.sent = token;
        self
    }

    /// How many tokens the same request has been repeated with; 0 by default. It ends what would
    /// otherwise go on forever.
    #[must_use]
    pub fn attempt(mut self, attempt: u32) -> Self {
        self.attempt = attempt;
        self
    }

    /// The status: 401 or 403.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The scopes that the request needs, as far as the server says so.
    pub fn scopes(&self) -> impl Iterator<Item = &str> {
        self.scopes.iter()
    }

    /// Where the metadata of the protected resource are, if the server says so ([RFC 9728]).
    ///
    /// [RFC 9728]: https://www.rfc-editor.org/rfc/rfc9728#section-5.1
    #[must_use]
    pub fn resource_metadata(&self) -> Option<&str> {
        // The parameter is not one of the bearer scheme alone.
        self.of_token("resource_metadata").or_else(|| self.schemes.iter().find_map(|it| it.get("resource_metadata")))
    }

    /// The code of the error, `insufficient_scope` for example.
    #[must_use]
    pub fn error(&self) -> Option<&str> {
        self.of_token("error")
    }

    /// Whether the token is good, but not for this.
    pub(super) fn wants_more_scopes(&self) -> bool {
        self.error() == Some("insufficient_scope") || (self.status == 403 && !self.scopes.is_empty())
    }

    /// Whether the token is good, but not the proof that came with it: it lacks what the server has just said
    /// ([RFC 9449]).
    ///
    /// [RFC 9449]: https://www.rfc-editor.org/rfc/rfc9449#section-9
    pub(super) fn wants_nonce(&self) -> bool {
        self.error() == Some("use_dpop_nonce")
    }

    /// Whether the server takes tokens that are bound to a key, as this client can make it ([RFC 9449]).
    ///
    /// [RFC 9449]: https://www.rfc-editor.org/rfc/rfc9449#section-7.1
    pub(super) fn takes_proofs(&self) -> bool {
        let mut bound = self.schemes.iter().filter(|it| it.name.eq_ignore_ascii_case("dpop"));
        bound.any(|it| it.get("algs").is_none_or(|algs| algs.split(' ').any(|it| it == dpop::ALGORITHM)))
    }

    pub(super) fn wanted_scopes(&self) -> &Scopes {
        &self.scopes
    }

    pub(super) fn sent_token(&self) -> Option<&AccessToken> {
        self.sent.as_ref()
    }

    pub(super) fn attempts(&self) -> u32 {
        self.attempt
    }

    /// What it says of tokens, whether they are bound to a key or not.
    fn of_token(&self, parameter: &str) -> Option<&str> {
        let is_of_token = |it: &&Scheme| ["bearer", "dpop"].iter().any(|name| it.name.eq_ignore_ascii_case(name));
        self.schemes.iter().filter(is_of_token).find_map(|it| it.get(parameter))
    }
}

impl Scheme {
    fn get(&self, parameter: &str) -> Option<&str> {
        self.parameters.iter().find(|(name, _)| name == parameter).map(|(_, value)| value.as_str())
    }
}

/// Reads what [RFC 9110] has as `#challenge`. It never fails: what it does not understand, it passes over up to the
/// next comma.
///
/// [RFC 9110]: https://www.rfc-editor.org/rfc/rfc9110#section-11.6.1
struct Parser<'h> {
    rest: &'h str,
}

impl<'h> Parser<'h> {
    fn read_into(&mut self, schemes: &mut Vec<Scheme>) {
        // A parameter belongs to the last scheme of its own header.
        let before = schemes.len();
        loop {
            self.skip(|c| matches!(c, ' ' | '\t' | ','));
            if self.rest.is_empty() {
                return;
            }
            let name = self.take(is_token);
            let followed_by_space = self.rest.starts_with([' ', '\t']);
            self.skip(is_space);
            if name.is_empty() {
                self.skip_element();
            } else if self.rest.starts_with('=') {
                let value = self.value();
                if let (Some(value), Some(scheme)) = (value, schemes.get_mut(before..).and_then(<[_]>::last_mut)) {
                    scheme.parameters.push((name.to_ascii_lowercase(), value));
                }
                self.skip_element();
            } else {
                schemes.push(Scheme { name: name.to_owned(), parameters: Vec::new() });
                if followed_by_space {
                    self.skip_token68();
                } else {
                    self.skip_element();
                }
            }
        }
    }

    /// What stands behind an equals sign. Addresses without quotes are no tokens, but some servers write them.
    fn value(&mut self) -> Option<String> {
        self.rest = self.rest.strip_prefix('=')?;
        self.skip(is_space);
        let Some(quoted) = self.rest.strip_prefix('"') else {
            let value = self.take(|c| !is_space(c) && c != ',' && c != '"');
            return (!value.is_empty()).then(|| value.to_owned());
        };
        let mut value = String::new();
        let mut characters = quoted.chars();
        loop {
            match characters.next() {
                // The closing quote is missing: nobody knows where it should be.
                None => {
                    self.rest = "";
                    return None;
                }
                Some('"') => break,
                Some('\\') => value.extend(characters.next()),
                Some(character) => value.push(character),
            }
        }
        self.rest = characters.as_str();
        Some(value)
    }

    /// Passes over credentials that have no name, if they are next, and not the first parameter.
    fn skip_token68(&mut self) {
        let mut ahead = Parser { rest: self.rest };
        let token = ahead.take(|c| c.is_ascii_alphanumeric() || "-._~+/".contains(c));
        ahead.skip(|c| c == '=');
        ahead.skip(is_space);
        if !token.is_empty() && (ahead.rest.is_empty() || ahead.rest.starts_with(',')) {
            self.rest = ahead.rest;
        }
    }

    /// Passes over everything up to the next comma that is not in quotes.
    fn skip_element(&mut self) {
        let (mut quoted, mut escaped) = (false, false);
        self.skip(|c| {
            match c {
                _ if escaped => escaped = false,
                '\\' if quoted => escaped = true,
                '"' => quoted = !quoted,
                ',' if !quoted => return false,
                _ => {}
            }
            true
        });
    }

    fn take(&mut self, mut is_wanted: impl FnMut(char) -> bool) -> &'h str {
        let end = self.rest.find(|c| !is_wanted(c)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        self.rest = rest;
        taken
    }

    fn skip(&mut self, is_unwanted: impl FnMut(char) -> bool) {
        self.take(is_unwanted);
    }
}

fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t')
}

fn is_token(c: char) -> bool {
    c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c)
}
