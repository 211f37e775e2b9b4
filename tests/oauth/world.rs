//! A server that wants tokens and an authorization server that gives them, over HTTP on this machine. They behave,
//! unless a test makes one of their paths do something else.
#![expect(clippy::missing_panics_doc, reason = "tests panic on purpose")]

use std::collections::{BTreeMap, HashMap};
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use futures_util::stream::repeat_with;
use http_body_util::{BodyExt as _, Either, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::net::TcpListener;
use tokio::task::AbortHandle;
use url::Url;
use url::form_urlencoded;

/// What was asked of a site.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    /// Method and path.
    pub what: String,
    /// The query.
    pub query: BTreeMap<String, String>,
    /// The headers, in lower case.
    pub headers: BTreeMap<String, String>,
    /// The body, if it is a form.
    pub form: BTreeMap<String, String>,
    /// The body, if it is JSON.
    pub json: Value,
}

/// What a site does with a request.
#[derive(Debug, Clone)]
pub enum Reply {
    /// It answers with a status, headers and a body.
    Answer(u16, Vec<(&'static str, String)>, String),
    /// It answers with a body that does not end.
    Endless,
    /// It says nothing at all, and lets the clock of the test run on.
    Hang,
}

impl Reply {
    /// A JSON document.
    #[must_use]
    pub fn json(status: u16, body: &Value) -> Self {
        Self::Answer(status, vec![("content-type", "application/json".to_owned())], body.to_string())
    }

    /// A page.
    #[must_use]
    pub fn page(status: u16) -> Self {
        Self::Answer(status, vec![("content-type", "text/html".to_owned())], "<h1>Hello</h1>".to_owned())
    }

    /// A redirection.
    #[must_use]
    pub fn to(url: impl Into<String>) -> Self {
        Self::Answer(302, vec![("location", url.into())], String::new())
    }

    /// An error of OAuth.
    #[must_use]
    pub fn refusal(error: &str, description: &str) -> Self {
        Self::json(400, &json!({ "error": error, "error_description": description }))
    }
}

type Route = Arc<dyn Fn(&Asked) -> Reply + Send + Sync>;

/// A site: one origin.
#[derive(Clone)]
pub struct Site {
    /// Where it is, without a slash at the end.
    pub url: String,
    routes: Arc<Mutex<HashMap<String, Route>>>,
    asked: Arc<Mutex<Vec<Asked>>>,
    _serving: Arc<Serving>,
}

impl std::fmt::Debug for Site {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Site").field("url", &self.url).finish_non_exhaustive()
    }
}

struct Serving(AbortHandle);

impl Drop for Serving {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Site {
    /// A site without anything.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let (routes, asked) = <(Arc<Mutex<HashMap<_, _>>>, Arc<Mutex<Vec<_>>>)>::default();
        let accepting = {
            let (routes, asked) = (routes.clone(), asked.clone());
            async move {
                while let Ok((stream, _)) = listener.accept().await {
                    let (routes, asked) = (routes.clone(), asked.clone());
                    let service = service_fn(move |request| serve(request, routes.clone(), asked.clone()));
                    // Who does not want the answer is the subject of some tests.
                    tokio::spawn(async move {
                        _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await
                    });
                }
            }
        };
        let serving = Arc::new(Serving(tokio::spawn(accepting).abort_handle()));
        Self { url, routes, asked, _serving: serving }
    }

    /// Does this with requests of this method and path, from now on.
    pub fn on(&self, what: &str, route: impl Fn(&Asked) -> Reply + Send + Sync + 'static) {
        lock(&self.routes).insert(what.to_owned(), Arc::new(route));
    }

    /// Answers requests of this method and path like this, from now on.
    pub fn at(&self, what: &str, reply: Reply) {
        self.on(what, move |_| reply.clone());
    }

    /// Changes the JSON document at this path.
    pub fn change(&self, path: &str, change: impl Fn(&mut Value) + Send + Sync + 'static) {
        let what = format!("GET {path}");
        let before = lock(&self.routes).get(&what).expect("a document").clone();
        self.on(&what, move |asked| match before(asked) {
            Reply::Answer(status, headers, body) => {
                let mut document = serde_json::from_str(&body).expect("JSON");
                change(&mut document);
                Reply::Answer(status, headers, document.to_string())
            }
            other => other,
        });
    }

    /// Has nothing at this path any more.
    pub fn remove(&self, what: &str) {
        lock(&self.routes).remove(what);
    }

    /// What it was asked so far.
    #[must_use]
    pub fn asked(&self) -> Vec<Asked> {
        lock(&self.asked).clone()
    }

    /// The methods and paths that it was asked for, which it forgets.
    #[expect(clippy::must_use_candidate, reason = "that it forgets may be all that matters")]
    pub fn took(&self) -> Vec<String> {
        lock(&self.asked).drain(..).map(|it| it.what).collect()
    }

    /// The last request for this.
    #[must_use]
    pub fn last(&self, what: &str) -> Asked {
        self.asked().into_iter().rfind(|it| it.what == what).unwrap_or_else(|| panic!("nobody asked for {what}"))
    }

    /// How often it was asked for this.
    #[must_use]
    pub fn count(&self, what: &str) -> usize {
        self.asked().iter().filter(|it| it.what == what).count()
    }

    /// Goes where a browser would go, and returns where it is sent then.
    #[must_use]
    pub fn visit(&self, url: &str) -> String {
        let url: Url = url.parse().expect("an address");
        let query = url.query_pairs().into_owned().collect();
        let asked = Asked { what: format!("GET {}", url.path()), query, ..Asked::default() };
        match answer(asked, &self.routes, &self.asked) {
            Reply::Answer(302, headers, _) => headers[0].1.clone(),
            other => panic!("{url} does not send the browser back: {other:?}"),
        }
    }
}

fn answer(asked: Asked, routes: &Mutex<HashMap<String, Route>>, log: &Mutex<Vec<Asked>>) -> Reply {
    lock(log).push(asked.clone());
    let route = lock(routes).get(&asked.what).cloned();
    route.map_or_else(|| Reply::page(404), |route| route(&asked))
}

async fn serve(
    request: Request<Incoming>,
    routes: Arc<Mutex<HashMap<String, Route>>>,
    log: Arc<Mutex<Vec<Asked>>>,
) -> Result<
    Response<impl hyper::body::Body<Data = Bytes, Error = Box<dyn std::error::Error + Send + Sync>>>,
    hyper::Error,
> {
    let (head, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let asked = Asked {
        what: format!("{} {}", head.method, head.uri.path()),
        query: form_urlencoded::parse(head.uri.query().unwrap_or_default().as_bytes()).into_owned().collect(),
        headers: head.headers.iter().map(|(name, value)| (name.to_string(), text(value.as_bytes()))).collect(),
        form: form_urlencoded::parse(&body).into_owned().collect(),
        json: serde_json::from_slice(&body).unwrap_or_default(),
    };
    match answer(asked, &routes, &log) {
        Reply::Answer(status, headers, body) => {
            let mut response = Response::builder().status(status);
            for (name, value) in headers {
                response = response.header(name, value);
            }
            Ok(response.body(Either::Left(Full::new(body.into()))).expect("a response"))
        }
        Reply::Endless => {
            let frames = repeat_with(|| Ok::<_, Infallible>(Frame::data(Bytes::from_static(&[b' '; 8192]))));
            Ok(Response::new(Either::Right(StreamBody::new(frames))))
        }
        Reply::Hang => {
            // From now on, whoever waits has waited long enough.
            tokio::time::pause();
            std::future::pending().await
        }
    }
}

/// Where an authorization server has its metadata.
pub const LOGIN: &str = "/.well-known/oauth-authorization-server";
/// Where the server has its own.
pub const RESOURCE: &str = "/.well-known/oauth-protected-resource/mcp";

/// What an authorization server knows.
#[derive(Default)]
struct Memory {
    given: u32,
    codes: HashMap<String, BTreeMap<String, String>>,
    /// Refresh tokens that are good, and their scopes.
    refresh: HashMap<String, String>,
}

impl Memory {
    fn next(&mut self, name: &str) -> String {
        self.given += 1;
        format!("{name}-{}", self.given)
    }

    fn tokens(&mut self, scope: &str) -> Reply {
        let (access, refresh) = (self.next("access"), self.next("refresh"));
        self.refresh.insert(refresh.clone(), scope.to_owned());
        let mut tokens = json!({
            "access_token": access,
            "token_type": "Bearer",
            "expires_in": 3600,
            "refresh_token": refresh,
        });
        if !scope.is_empty() {
            tokens["scope"] = scope.into();
        }
        Reply::json(200, &tokens)
    }
}

/// An authorization server on a site of its own, whose issuer is the address of the site.
pub async fn authorization_server() -> Site {
    let site = Site::start().await;
    serve_authorization(&site, "");
    site.at(&format!("GET {LOGIN}"), Reply::json(200, &metadata(&site, "")));
    site
}

/// The metadata of an authorization server at a path of a site.
#[must_use]
pub fn metadata(site: &Site, path: &str) -> Value {
    let base = format!("{}{path}", site.url);
    json!({
        "issuer": base,
        "authorization_endpoint": format!("{base}/authorize"),
        "token_endpoint": format!("{base}/token"),
        "registration_endpoint": format!("{base}/register"),
        "response_types_supported": ["code"],
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": true,
        "token_endpoint_auth_methods_supported": ["none", "client_secret_basic", "client_secret_post"],
    })
}

/// Serves the endpoints of an authorization server below a path of a site.
pub fn serve_authorization(site: &Site, path: &str) {
    let memory = Arc::new(Mutex::new(Memory::default()));
    let issuer = format!("{}{path}", site.url);
    site.on(&format!("POST {path}/register"), {
        let memory = memory.clone();
        move |asked| {
            let method = &asked.json["token_endpoint_auth_method"];
            let mut client = json!({
                "client_id": lock(&memory).next("client"),
                "redirect_uris": asked.json["redirect_uris"],
                "token_endpoint_auth_method": method,
            });
            if method != "none" {
                client["client_secret"] = lock(&memory).next("secret").into();
            }
            Reply::json(201, &client)
        }
    });
    site.on(&format!("GET {path}/authorize"), {
        let memory = memory.clone();
        move |asked| {
            let query = &asked.query;
            assert_eq!(query["response_type"], "code");
            assert_eq!(query["code_challenge_method"], "S256");
            let code = lock(&memory).next("code");
            lock(&memory).codes.insert(code.clone(), query.clone());
            let mut back: Url = query["redirect_uri"].parse().expect("an address");
            back.query_pairs_mut()
                .append_pair("code", &code)
                .append_pair("state", &query["state"])
                .append_pair("iss", &issuer);
            Reply::to(back)
        }
    });
    site.on(&format!("POST {path}/token"), move |asked| {
        let (form, mut memory) = (&asked.form, lock(&memory));
        match form["grant_type"].as_str() {
            "authorization_code" => {
                let Some(query) = memory.codes.remove(&form["code"]) else {
                    return Reply::refusal("invalid_grant", "no such code");
                };
                assert_eq!(query["code_challenge"], URL_SAFE_NO_PAD.encode(Sha256::digest(&form["code_verifier"])));
                assert_eq!(query["redirect_uri"], form["redirect_uri"]);
                assert_eq!(query["resource"], form["resource"]);
                let scope = query.get("scope").cloned().unwrap_or_default();
                memory.tokens(&scope)
            }
            "refresh_token" => match memory.refresh.remove(&form["refresh_token"]) {
                Some(scope) => memory.tokens(&scope),
                None => Reply::refusal("invalid_grant", "no such refresh token"),
            },
            "client_credentials" => {
                let token = memory.next("access");
                Reply::json(200, &json!({ "access_token": token, "token_type": "bearer", "expires_in": 3600 }))
            }
            other => Reply::refusal("unsupported_grant_type", other),
        }
    });
}

/// A server, and the authorization server that it names.
#[derive(Debug, Clone)]
pub struct World {
    /// The site of the server, which is at `/mcp`.
    pub mcp: Site,
    /// The authorization server.
    pub login: Site,
}

impl World {
    /// Both of them, as they should be.
    pub async fn start() -> Self {
        let world = Self { mcp: Site::start().await, login: authorization_server().await };
        world.mcp.at(&format!("GET {RESOURCE}"), Reply::json(200, &world.resource()));
        world
    }

    /// The metadata of the server.
    #[must_use]
    pub fn resource(&self) -> Value {
        json!({ "resource": format!("{}/mcp", self.mcp.url), "authorization_servers": [self.login.url] })
    }

    /// The address of the server.
    #[must_use]
    pub fn server(&self) -> Url {
        format!("{}/mcp", self.mcp.url).parse().expect("an address")
    }
}
