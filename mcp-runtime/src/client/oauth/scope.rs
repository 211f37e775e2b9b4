use std::fmt;

use serde::{Deserialize, Serialize};

/// The scope with which some authorization servers give a refresh token.
pub(super) const OFFLINE_ACCESS: &str = "offline_access";

/// Scopes, each once, in the order in which they came.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Scopes(Vec<String>);

impl Scopes {
    /// Scopes as parameters have them, with spaces between.
    pub(super) fn from_text(text: &str) -> Self {
        Self::from_iter(text.split([' ', '\t']))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn has(&self, scope: &str) -> bool {
        self.iter().any(|it| it == scope)
    }

    pub(super) fn has_all(&self, others: &Self) -> bool {
        others.iter().all(|it| self.has(it))
    }

    /// These, and those of the others that are not among them.
    pub(super) fn union(&self, others: &Self) -> Self {
        Self::from_iter(self.iter().chain(others.iter()))
    }
}

impl<T: AsRef<str>> FromIterator<T> for Scopes {
    fn from_iter<I: IntoIterator<Item = T>>(scopes: I) -> Self {
        let mut all = Self::default();
        for scope in scopes {
            let scope = scope.as_ref();
            // <https://www.rfc-editor.org/rfc/rfc6749#section-3.3>: anything else cannot be asked for.
            let can_be_one =
                !scope.is_empty() && scope.bytes().all(|it| matches!(it, 0x21 | 0x23..=0x5B | 0x5D..=0x7E));
            if can_be_one && !all.has(scope) {
                all.0.push(scope.to_owned());
            }
        }
        all
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(" "))
    }
}

/// Which scopes to ask for ([specification]).
///
/// [specification]: https://modelcontextprotocol.io/specification/2026-07-28/basic/authorization#scope-selection-strategy
pub(super) struct Selection<'a> {
    /// What was asked for or granted before.
    pub(super) before: &'a Scopes,
    /// What the server wants for the request.
    pub(super) challenged: &'a Scopes,
    /// What the program always wants.
    pub(super) configured: &'a Scopes,
    /// What the server has in its metadata, if it has that there.
    pub(super) supported: Option<&'a Scopes>,
}

impl Selection<'_> {
    /// The scopes; none leaves it to the authorization server.
    pub(super) fn scopes(&self) -> Scopes {
        let wanted = self.before.union(self.configured).union(self.challenged);
        match self.supported {
            Some(supported) if wanted.is_empty() => supported.clone(),
            _ => wanted,
        }
    }

    /// The scopes for a client that goes on when its user has left. `offline_access` is added if the
    /// authorization server knows it, but not as the only one: without any, the server may choose.
    pub(super) fn scopes_with_offline_access(&self, known: Option<&Scopes>) -> Scopes {
        let scopes = self.scopes();
        match known {
            Some(known) if known.has(OFFLINE_ACCESS) && !scopes.is_empty() => {
                scopes.union(&Scopes::from_text(OFFLINE_ACCESS))
            }
            _ => scopes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_chosen_in_the_specifications_order() {
        // Before, challenged, configured; supported by the server, and by the authorization server; expected.
        let cases = [
            ("", "", "", None, None, ""),
            ("", "", "", Some("a b"), None, "a b"),
            ("", "c", "", Some("a b"), None, "c"),
            ("", "", "d", Some("a b"), None, "d"),
            ("", "c", "d", Some("a"), None, "d c"),
            ("a", "b", "", Some("x"), None, "a b"),
            ("a b", "b c", "", None, None, "a b c"),
            ("", "a", "", None, Some("a offline_access"), "a offline_access"),
            ("", "a", "", None, Some("a"), "a"),
            ("", "", "", None, Some("offline_access"), ""),
            ("a offline_access", "b", "", None, Some("offline_access"), "a offline_access b"),
        ];
        for (before, challenged, configured, supported, known, expected) in cases {
            let [before, challenged, configured] = [before, challenged, configured].map(Scopes::from_text);
            let [supported, known] = [supported, known].map(|it| it.map(Scopes::from_text));
            let selection = Selection {
                before: &before,
                challenged: &challenged,
                configured: &configured,
                supported: supported.as_ref(),
            };
            let chosen = selection.scopes_with_offline_access(known.as_ref());
            assert_eq!(chosen.to_string(), expected);
        }
    }
}
