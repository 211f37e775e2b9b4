use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::Method;

/// A revision of the protocol ([specification]).
///
/// Revisions are ordered by age. *Legacy* ones begin with an `initialize` handshake, *modern*
/// ones carry everything in each request.
///
/// ```
/// use mcp_runtime::protocol::ProtocolVersion;
///
/// assert!(ProtocolVersion::V2025_11_25 < ProtocolVersion::V2026_07_28);
/// assert_eq!("2025-06-18".parse(), Ok(ProtocolVersion::V2025_06_18));
/// assert!(ProtocolVersion::V2026_07_28.is_modern());
/// ```
///
/// [specification]: https://modelcontextprotocol.io/specification/2026-07-28/basic/versioning
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum ProtocolVersion {
    /// The first revision.
    #[serde(rename = "2024-11-05")]
    V2024_11_05,
    /// Tool annotations, audio, batches.
    #[serde(rename = "2025-03-26")]
    V2025_03_26,
    /// Structured content, titles, resource links; no more batches.
    #[serde(rename = "2025-06-18")]
    V2025_06_18,
    /// Icons, tools in sampling. The last legacy revision.
    #[serde(rename = "2025-11-25")]
    V2025_11_25,
    /// Stateless, multi round-trip requests. The first modern revision.
    #[serde(rename = "2026-07-28")]
    V2026_07_28,
}

impl ProtocolVersion {
    /// Every revision, oldest first.
    pub const ALL: [Self; 5] =
        [Self::V2024_11_05, Self::V2025_03_26, Self::V2025_06_18, Self::V2025_11_25, Self::V2026_07_28];
    /// The newest revision that begins with `initialize`.
    pub const LATEST_LEGACY: Self = Self::V2025_11_25;
    /// The newest revision.
    pub const LATEST: Self = Self::V2026_07_28;

    /// Its name on the wire, a date.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::V2024_11_05 => "2024-11-05",
            Self::V2025_03_26 => "2025-03-26",
            Self::V2025_06_18 => "2025-06-18",
            Self::V2025_11_25 => "2025-11-25",
            Self::V2026_07_28 => "2026-07-28",
        }
    }

    /// Whether requests of this revision carry version, identity and capabilities themselves.
    #[must_use]
    pub const fn is_modern(self) -> bool {
        matches!(self, Self::V2026_07_28)
    }

    /// Whether clients of this revision send this request.
    pub(crate) const fn has(self, method: Method) -> bool {
        match method {
            Method::Initialize | Method::Ping | Method::LoggingSetLevel => !self.is_modern(),
            Method::ResourcesSubscribe | Method::ResourcesUnsubscribe => !self.is_modern(),
            Method::ServerDiscover | Method::SubscriptionsListen => self.is_modern(),
            Method::TasksGet | Method::TasksUpdate | Method::TasksCancel => self.is_modern(),
            _ => true,
        }
    }

    /// Whether its clients take an event without a message for a place to come back to, and not for a message.
    #[cfg(feature = "http")]
    pub(crate) fn has_primed_streams(self) -> bool {
        self >= Self::V2025_11_25
    }

    /// Whether messages may come in batches.
    pub(crate) const fn has_batches(self) -> bool {
        matches!(self, Self::V2025_03_26)
    }

    /// The names of the modern revisions, as `server/discover` lists them.
    pub(crate) const MODERN: &'static [&'static str] = &["2026-07-28"];
}

impl fmt::Display for ProtocolVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A protocol version that this library does not know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownProtocolVersion(String);

impl fmt::Display for UnknownProtocolVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is not a protocol version that this library knows", self.0)
    }
}

impl std::error::Error for UnknownProtocolVersion {}

impl FromStr for ProtocolVersion {
    type Err = UnknownProtocolVersion;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .rev()
            .find(|version| version.as_str() == name)
            .ok_or_else(|| UnknownProtocolVersion(name.to_owned()))
    }
}
