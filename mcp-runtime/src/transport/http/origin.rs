//! Who may call: pages of other sites must not, even when their name resolves to this machine
//! ([DNS rebinding](https://modelcontextprotocol.io/specification/2026-07-28/basic/transports/streamable-http#security--endpoint)).

use std::net::IpAddr;

use http::Uri;
use http::uri::Authority;

use super::{Header, Said};

/// By which hosts a server may be called, and from pages of which origins.
#[derive(Debug, Clone, Default)]
pub(crate) struct Callers {
    /// `None` is any host; of those that have no port, every one is allowed.
    pub(crate) hosts: Vec<String>,
    pub(crate) any_host: bool,
    pub(crate) origins: Vec<String>,
    pub(crate) any_origin: bool,
}

/// What is not allowed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Foreign {
    Host,
    Origin,
}

impl Callers {
    /// Whether a request may be served, as its headers say; for HTTP/2 its URI has the host.
    pub(crate) fn check(&self, uri: &Uri, said: &Said<'_>) -> Result<(), Foreign> {
        // Most are called by their own machine, and not by a page.
        if let (Ok(Some(host)), None, false) = (said.host.only(), uri.authority(), said.origin.is_there())
            && is_local(host.as_bytes())
        {
            return Ok(());
        }
        let host = one(said.host).map_err(|()| Foreign::Host)?.or_else(|| uri.authority().map(Authority::as_str));
        // HTTP/1.0 has none; nobody is led astray by a name then.
        let host = host.and_then(|host| host.parse::<Authority>().ok());
        let uri_agrees = match (uri.authority(), &host) {
            (Some(uri), Some(host)) => uri == host,
            _ => true,
        };
        let allowed = match &host {
            _ if !uri_agrees => false,
            _ if self.any_host => true,
            Some(host) => is_loopback(host.host()) || self.hosts.iter().any(|allowed| allows(allowed, host)),
            None => false,
        };
        if !allowed {
            return Err(Foreign::Host);
        }
        let Some(origin) = one(said.origin).map_err(|()| Foreign::Origin)? else { return Ok(()) };
        if self.has_origin(origin) {
            return Ok(());
        }
        // A page that came from this very server, or from another one on this machine, as is asked for.
        let (scheme, rest) = origin.split_once("://").ok_or(Foreign::Origin)?;
        let origin: Authority = rest.parse().map_err(|_| Foreign::Origin)?;
        let is_own = matches!(scheme, "http" | "https")
            && host.is_some_and(|host| is_loopback(host.host()) && is_loopback(origin.host()));
        if is_own { Ok(()) } else { Err(Foreign::Origin) }
    }

    /// Whether pages of this origin are allowed by name.
    pub(crate) fn has_origin(&self, origin: &str) -> bool {
        self.any_origin || self.origins.iter().any(|allowed| allowed.eq_ignore_ascii_case(origin))
    }
}

/// The one value of a header, as a text.
fn one(header: Header<'_>) -> Result<Option<&str>, ()> {
    let value = header.only().map_err(drop)?;
    value.map(|value| value.to_str().map_err(drop)).transpose()
}

/// Without a port, all of them are allowed.
fn allows(allowed: &str, host: &Authority) -> bool {
    allowed.parse::<Authority>().is_ok_and(|allowed| {
        allowed.host().eq_ignore_ascii_case(host.host())
            && allowed.port_u16().is_none_or(|port| host.port_u16() == Some(port))
    })
}

/// Whether a host with a port, or none, names this machine in the usual way.
fn is_local(host: &[u8]) -> bool {
    let port = host.strip_prefix(b"127.0.0.1").or_else(|| host.strip_prefix(b"localhost"));
    match port {
        None => false,
        Some([b':', port @ ..]) => port.len() <= 5 && port.iter().all(u8::is_ascii_digit),
        Some(port) => port.is_empty(),
    }
}

/// Whether it names this machine, to itself only.
fn is_loopback(host: &str) -> bool {
    if host.eq_ignore_ascii_case("localhost") {
        return true;
    }
    let address = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    address.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::*;

    fn check(callers: &Callers, headers: &[(&'static str, &str)]) -> Result<(), Foreign> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        callers.check(&Uri::from_static("/mcp"), &Said::of(&map))
    }

    #[test]
    fn a_server_is_called_by_its_own_machine_only_unless_told_otherwise() {
        let callers = Callers::default();
        for host in ["localhost:8000", "LOCALHOST", "127.0.0.1:8000", "127.9.9.9", "[::1]:8000"] {
            assert_eq!(check(&callers, &[("host", host)]), Ok(()), "{host}");
        }
        for host in ["evil.example.com", "localhost.evil.com", "127.0.0.1.evil.com:80", "10.0.0.1", "0.0.0.0", ""] {
            assert_eq!(check(&callers, &[("host", host)]), Err(Foreign::Host), "{host}");
        }
        assert_eq!(check(&callers, &[]), Err(Foreign::Host));
        assert_eq!(check(&callers, &[("host", "localhost"), ("host", "evil.com")]), Err(Foreign::Host));
    }

    #[test]
    fn pages_of_other_sites_do_not_get_through() {
        let callers = Callers::default();
        for origin in ["http://localhost:3000", "https://127.0.0.1", "http://[::1]:8000"] {
            assert_eq!(check(&callers, &[("host", "localhost:8000"), ("origin", origin)]), Ok(()), "{origin}");
        }
        for origin in ["http://evil.com", "https://localhost.evil.com", "null", "file://", "localhost", ""] {
            let checked = check(&callers, &[("host", "localhost:8000"), ("origin", origin)]);
            assert_eq!(checked, Err(Foreign::Origin), "{origin}");
        }
    }

    #[test]
    fn what_is_allowed_is_allowed_and_no_more() {
        let callers = Callers {
            hosts: vec!["mcp.example.com".to_owned(), "other.example.com:8443".to_owned()],
            origins: vec!["https://app.example.com".to_owned()],
            ..Callers::default()
        };
        let ok = [("mcp.example.com", true), ("MCP.example.com:80", true), ("other.example.com:8443", true)];
        let bad = [("other.example.com", false), ("other.example.com:80", false), ("example.com", false)];
        for (host, allowed) in ok.into_iter().chain(bad) {
            assert_eq!(check(&callers, &[("host", host)]).is_ok(), allowed, "{host}");
        }
        let with = |origin| check(&callers, &[("host", "mcp.example.com"), ("origin", origin)]);
        assert_eq!(with("https://app.example.com"), Ok(()));
        assert_eq!(with("http://app.example.com"), Err(Foreign::Origin));
        // A page on the machine of whoever calls is not one of this server.
        assert_eq!(with("http://localhost:3000"), Err(Foreign::Origin));
    }
}
