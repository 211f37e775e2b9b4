//! Which addresses a server may send its clients to.

use std::net::{Ipv4Addr, Ipv6Addr};

use url::{Host, Url};

use super::distrusted;
use crate::error::Error;

/// Where an address leads, as far as it can be seen from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reach {
    /// This machine.
    Loopback,
    /// An address that only hosts on the same cable have, where clouds keep their secrets.
    Link,
    /// An address within a network of somebody's own.
    Private,
    /// A name, or an address in the internet.
    Public,
}

/// Judges the addresses in the metadata that a server has or refers to: they come from whoever
/// runs it, and make the client ask whatever they name ([specification]).
///
/// [specification]: https://modelcontextprotocol.io/docs/2026-07-28/tutorials/security/security_best_practices#server-side-request-forgery-ssrf
#[derive(Debug, Clone, Copy)]
pub(super) struct Guard {
    from: Reach,
    anything_goes: bool,
}

impl Guard {
    /// A guard for what this server says.
    ///
    /// # Errors
    ///
    /// When the server itself is at an address to which no token may be sent.
    pub(super) fn of(server: &Url, anything_goes: bool) -> Result<Self, Error> {
        let guard = Self { from: reach(server), anything_goes };
        guard.check(server, "the server")?;
        Ok(guard)
    }

    /// The address that this text is, if the client may go there.
    pub(super) fn parse(self, text: &str, what: &str) -> Result<Url, Error> {
        let url = Url::parse(text).map_err(|error| distrusted(format!("{what} is no address: {error}")))?;
        self.check(&url, what)?;
        Ok(url)
    }

    /// Whether the client may go to this address.
    pub(super) fn check(self, url: &Url, what: &str) -> Result<(), Error> {
        let to = reach(url);
        let is_web = matches!(url.scheme(), "https" | "http") && url.has_host();
        if !is_web || !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
            return Err(distrusted(format!("{what} is not a plain https address")));
        }
        if self.anything_goes {
            return Ok(());
        }
        if url.scheme() == "http" && to != Reach::Loopback {
            return Err(distrusted(format!("{what} is not at an https address: {}", without_query(url))));
        }
        let is_near_enough = match to {
            Reach::Public => true,
            Reach::Private => matches!(self.from, Reach::Private | Reach::Loopback),
            Reach::Loopback | Reach::Link => self.from == to,
        };
        if is_near_enough {
            Ok(())
        } else {
            let told = format!("{what} is at {}, where a server from outside has no say", without_query(url));
            Err(distrusted(told))
        }
    }
}

/// An address as messages have it.
pub(super) fn without_query(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.set_fragment(None);
    url.into()
}

/// Whether an address is one of this machine.
pub(super) fn is_loopback(url: &Url) -> bool {
    reach(url) == Reach::Loopback
}

fn reach(url: &Url) -> Reach {
    match url.host() {
        Some(Host::Domain(name)) => {
            let name = name.strip_suffix('.').unwrap_or(name);
            let is_local = name == "localhost" || name.ends_with(".localhost");
            if is_local { Reach::Loopback } else { Reach::Public }
        }
        Some(Host::Ipv4(address)) => reach_v4(address),
        Some(Host::Ipv6(address)) => reach_v6(address),
        None => Reach::Public,
    }
}

fn reach_v4(address: Ipv4Addr) -> Reach {
    if address.is_loopback() {
        Reach::Loopback
    } else if address.is_link_local() || address.is_unspecified() || address.is_broadcast() || address.is_multicast() {
        Reach::Link
    } else if address.is_private() || matches!(address.octets(), [100, 64..=127, ..]) {
        Reach::Private
    } else {
        Reach::Public
    }
}

fn reach_v6(address: Ipv6Addr) -> Reach {
    if let Some(address) = address.to_ipv4_mapped() {
        reach_v4(address)
    } else if address.is_loopback() {
        Reach::Loopback
    } else if address.is_unicast_link_local() || address.is_unspecified() || address.is_multicast() {
        Reach::Link
    } else if address.is_unique_local() {
        Reach::Private
    } else {
        Reach::Public
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_sends_clients_only_where_it_could_be_itself() {
        let cases = [
            ("https://mcp.example/mcp", "https://login.example/", true),
            ("https://mcp.example/mcp", "http://login.example/", false),
            ("https://mcp.example/mcp", "http://localhost:6379/", false),
            ("https://mcp.example/mcp", "https://localhost/", false),
            ("https://mcp.example/mcp", "https://a.localhost./", false),
            ("https://mcp.example/mcp", "http://127.1/", false),
            ("https://mcp.example/mcp", "https://0x7f000001/", false),
            ("https://mcp.example/mcp", "https://[::ffff:127.0.0.1]/", false),
            ("https://mcp.example/mcp", "https://[::1]/", false),
            ("https://mcp.example/mcp", "https://0.0.0.0/", false),
            ("https://mcp.example/mcp", "https://169.254.169.254/latest/meta-data", false),
            ("https://mcp.example/mcp", "https://10.0.0.1/", false),
            ("https://mcp.example/mcp", "https://[fd00::1]/", false),
            ("https://mcp.example/mcp", "https://user:secret@login.example/", false),
            ("https://mcp.example/mcp", "https://login.example/#fragment", false),
            ("https://mcp.example/mcp", "file:///etc/passwd", false),
            ("https://mcp.example/mcp", "javascript:alert(1)", false),
            ("https://10.0.0.2/mcp", "https://192.168.0.1/", true),
            ("https://10.0.0.2/mcp", "http://127.0.0.1/", false),
            ("https://10.0.0.2/mcp", "https://169.254.169.254/", false),
            ("http://127.0.0.1:8000/mcp", "http://localhost:9000/", true),
            ("http://localhost:8000/mcp", "https://login.example/", true),
            ("http://localhost:8000/mcp", "http://login.example/", false),
            ("http://localhost:8000/mcp", "https://169.254.169.254/", false),
        ];
        for (server, target, allowed) in cases {
            let guard = Guard::of(&server.parse().unwrap(), false).unwrap();
            assert_eq!(guard.parse(target, "it").is_ok(), allowed, "{server} names {target}");
        }
    }

    #[test]
    fn tokens_are_not_sent_over_plain_http() {
        let server = "http://mcp.example/mcp".parse().unwrap();
        let error = Guard::of(&server, false).unwrap_err();
        assert_eq!(error.to_string(), "the server is not at an https address: http://mcp.example/mcp");
        let guard = Guard::of(&server, true).unwrap();
        assert!(guard.parse("http://login:8080/", "it").is_ok(), "if the program says so");
        assert!(guard.parse("javascript:alert(1)", "it").is_err());
    }
}
