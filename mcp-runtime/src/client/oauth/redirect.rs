//! Where the browser is sent when the user has decided: a port of this machine, for one visit
//! ([RFC 8252](https://www.rfc-editor.org/rfc/rfc8252#section-7.3)).

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;
use url::{Host, Url};

use super::address::is_loopback;
use crate::error::{Error, ErrorKind};

/// How long a connection may take to say what it wants. Browsers open some that they do not use.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a request may be. Codes of some authorization servers have a few thousand bytes.
const MAX_BYTES: usize = 32 << 10;
/// How many connections are listened to at the same time.
const MAX_CONNECTIONS: usize = 16;

/// A redirect URI, and who waits there.
pub(super) struct Redirect {
    /// As the authorization server has to know it.
    uri: String,
    url: Url,
    listening: io::Result<Vec<TcpListener>>,
}

/// What a redirect URI must be ([specification]): a port of this machine, or an address of a web application.
///
/// [specification]: https://modelcontextprotocol.io/specification/2026-07-28/basic/authorization/security-considerations#communication-security
pub(super) fn parse(uri: &str) -> Result<Url, Error> {
    let wrong = |why: &str| Error::new(ErrorKind::Configuration, format!("the redirect URI {uri:?} {why}"));
    let url = Url::parse(uri).map_err(|error| wrong("is no address").with_source(error))?;
    match url.scheme() {
        _ if url.fragment().is_some() => Err(wrong("has a fragment")),
        "https" => Ok(url),
        "http" if is_loopback(&url) => Ok(url),
        _ => Err(wrong("is neither https nor at this machine")),
    }
}

impl Redirect {
    /// Listens, if the address is at this machine. That this fails may not matter: the program may see the answer
    /// itself.
    pub(super) async fn open(configured: &str, registered: Option<&str>) -> Result<Self, Error> {
        let mut url = parse(configured)?;
        if url.scheme() != "http" {
            let told = "nothing waits at this redirect URI: the closure of `on_authorize` has to return the address \
                        that the browser was sent to";
            return Ok(Self { uri: configured.to_owned(), url, listening: Err(io::Error::other(told)) });
        }
        if url.port().is_some() {
            let listening = listen(&url, url.port_or_known_default().unwrap_or(0)).await;
            return Ok(Self { uri: configured.to_owned(), url, listening });
        }
        // Some authorization servers take no other port than the one that was registered.
        let before = registered.and_then(|it| Url::parse(it).ok()).filter(|before| {
            let mut plain = before.clone();
            plain.set_port(None).is_ok() && plain == url
        });
        let listening = match before.and_then(|it| it.port()) {
            Some(port) => match listen(&url, port).await {
                Ok(listeners) => Ok(listeners),
                Err(_) => listen(&url, 0).await,
            },
            None => listen(&url, 0).await,
        };
        let listeners = listening.map_err(no_port)?;
        let port = listeners.first().map(TcpListener::local_addr).transpose().map_err(no_port)?.map(|it| it.port());
        if url.set_port(port).is_err() {
            return Err(no_port(io::Error::other("the address has no ports")));
        }
        Ok(Self { uri: url.to_string(), url, listening: Ok(listeners) })
    }

    /// Whether a browser that comes finds somebody.
    pub(super) fn listens(&self) -> bool {
        self.listening.is_ok()
    }

    pub(super) fn uri(&self) -> &str {
        &self.uri
    }

    /// Waits for the browser that comes back with this state. Whoever comes with something else is turned away.
    pub(super) async fn wait(&self, state: &str) -> Result<Url, Error> {
        let listeners = match &self.listening {
            Ok(listeners) => listeners,
            Err(error) => return Err(no_port(io::Error::new(error.kind(), error.to_string()))),
        };
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                stream = accept(listeners), if connections.len() < MAX_CONNECTIONS => {
                    let stream = match stream {
                        Ok(stream) => stream,
                        // It has left before it was let in.
                        Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => continue,
                        Err(error) => return Err(no_port(error)),
                    };
                    let visitor = Visitor { url: self.url.clone(), state: state.to_owned() };
                    connections.spawn(visitor.serve(stream));
                }
                Some(done) = connections.join_next() => {
                    if let Ok(Ok(Some(callback))) = done {
                        return Ok(callback);
                    }
                }
            }
        }
    }
}

fn no_port(error: io::Error) -> Error {
    Error::new(ErrorKind::Io, "the client cannot wait for the browser to come back").with_source(error)
}

/// Listens at the addresses that a browser takes for the host.
async fn listen(url: &Url, port: u16) -> io::Result<Vec<TcpListener>> {
    match url.host() {
        Some(Host::Ipv6(address)) => Ok(vec![TcpListener::bind((address, port)).await?]),
        Some(Host::Ipv4(address)) => Ok(vec![TcpListener::bind((address, port)).await?]),
        _ => {
            let first = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
            let port = first.local_addr()?.port();
            // Not every machine has it.
            let second = TcpListener::bind((Ipv6Addr::LOCALHOST, port)).await.ok();
            Ok([Some(first), second].into_iter().flatten().collect())
        }
    }
}

async fn accept(listeners: &[TcpListener]) -> io::Result<TcpStream> {
    match listeners {
        [one, other] => tokio::select! {
            accepted = one.accept() => Ok(accepted?.0),
            accepted = other.accept() => Ok(accepted?.0),
        },
        [one, ..] => Ok(one.accept().await?.0),
        [] => Err(io::Error::other("nothing listens")),
    }
}

/// What a connection is held against.
struct Visitor {
    url: Url,
    state: String,
}

impl Visitor {
    /// Answers one request, and returns it if it is the one that was waited for.
    async fn serve(self, mut stream: TcpStream) -> io::Result<Option<Url>> {
        let mut head = Vec::new();
        let read = async {
            while head.len() < MAX_BYTES && !head.windows(4).any(|it| it == b"\r\n\r\n") {
                if stream.read_buf(&mut head).await? == 0 {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
            }
            io::Result::Ok(())
        };
        timeout(PATIENCE, read).await??;
        let callback = self.callback(&head);
        let (status, text) = match callback {
            Some(_) => ("200 OK", "You can close this page and go back to the program."),
            None => ("404 Not Found", "There is nothing here."),
        };
        let page =
            format!("<!DOCTYPE html><html lang=\"en\"><meta charset=\"utf-8\"><title>MCP</title><p>{text}</p></html>");
        let answer = format!(
            "HTTP/1.1 {status}\r\ncontent-type: text/html; charset=utf-8\r\ncontent-length: {}\r\ncache-control: \
             no-store\r\ncontent-security-policy: default-src 'none'\r\nreferrer-policy: no-referrer\r\nconnection: \
             close\r\n\r\n{page}",
            page.len(),
        );
        // Whoever has come with the answer may leave without a page.
        let told = async {
            stream.write_all(answer.as_bytes()).await?;
            stream.shutdown().await
        };
        _ = timeout(PATIENCE, told).await;
        Ok(callback)
    }

    fn callback(&self, head: &[u8]) -> Option<Url> {
        let line = head.split(|it| *it == b'\r').next()?;
        let target = std::str::from_utf8(line).ok()?.strip_prefix("GET ")?.split(' ').next()?;
        // Not joined: `//host` would be another one.
        let (path, query) = target.split_once('?')?;
        let mut url = self.url.clone();
        url.set_path(path);
        url.set_query(Some(query));
        let is_ours = path.starts_with('/')
            && url.path() == self.url.path()
            && url.query_pairs().any(|(name, value)| name == "state" && value == self.state.as_str());
        is_ours.then_some(url)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_right_visitor_is_let_in() {
        let visitor = Visitor { url: "http://127.0.0.1:5000/callback".parse().unwrap(), state: "s".to_owned() };
        let cases = [
            ("GET /callback?state=s&code=c HTTP/1.1\r\n", true),
            ("GET /callback?code=c&state=s HTTP/1.1\r\nHost: x\r\n\r\n", true),
            ("GET /callback?code=c&state=t HTTP/1.1\r\n", false),
            ("GET /callback?code=c HTTP/1.1\r\n", false),
            ("GET /callback HTTP/1.1\r\n", false),
            ("GET /favicon.ico?state=s HTTP/1.1\r\n", false),
            ("GET //callback?state=s HTTP/1.1\r\n", false),
            ("GET http://127.0.0.1:5000/callback?state=s HTTP/1.1\r\n", false),
            ("POST /callback?state=s HTTP/1.1\r\n", false),
            ("HEAD /callback?state=s HTTP/1.1\r\n", false),
            ("\u{0}", false),
            ("", false),
        ];
        for (head, expected) in cases {
            assert_eq!(visitor.callback(head.as_bytes()).is_some(), expected, "{head:?}");
        }
    }

    #[test]
    fn a_redirect_is_at_this_machine_or_secure() {
        for uri in
            ["http://127.0.0.1/callback", "http://localhost:3000/callback", "http://[::1]/", "https://app.example/"]
        {
            assert!(parse(uri).is_ok(), "{uri}");
        }
        for uri in ["http://app.example/callback", "https://app.example/#a", "com.example:/callback", "callback"] {
            assert_eq!(parse(uri).unwrap_err().kind(), ErrorKind::Configuration, "{uri}");
        }
    }
}
