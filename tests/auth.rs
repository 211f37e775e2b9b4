//! Who may use a server over HTTP: tokens of every kind, and what becomes of those who send them.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use mcp_runtime::auth::{AccessToken, Authorization, IntrospectionVerifier, JwtVerifier, TokenError, TokenVerifier};
use mcp_runtime::prelude::*;
use mcp_tests::add;
use mcp_tests::http::{ACCEPT, Reply, Served, modern, request};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;
use tokio::sync::watch;

const RESOURCE: &str = "https://mcp.example.com/mcp";

/// An authorization server on this machine: documents by path.
#[derive(Clone)]
struct Issuer {
    url: String,
    documents: Arc<Mutex<HashMap<String, Value>>>,
    asked: Arc<AtomicUsize>,
    /// How many requests it answers at the moment, once they have all come.
    answering: watch::Sender<usize>,
    /// While this is set, it answers none of them.
    is_silent: watch::Sender<bool>,
}

impl Issuer {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("it listens");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let issuer = Self {
            url,
            documents: Arc::default(),
            asked: Arc::default(),
            answering: watch::Sender::default(),
            is_silent: watch::Sender::default(),
        };
        let serving = issuer.clone();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.expect("a connection");
                tokio::spawn(serving.clone().answer(stream));
            }
        });
        issuer
    }

    async fn answer(self, stream: tokio::net::TcpStream) {
        let mut stream = BufReader::new(stream);
        let (mut path, mut length) = (String::new(), 0);
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line).await.unwrap_or(0) == 0 {
                return;
            }
            let line = line.trim_end().to_ascii_lowercase();
            if path.is_empty() {
                path = line.split(' ').nth(1).unwrap_or_default().to_owned();
            } else if let Some(said) = line.strip_prefix("content-length: ") {
                length = said.parse().expect("a length");
            } else if line.is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await.expect("a body");
        let form = String::from_utf8(body).expect("text");
        self.asked.fetch_add(1, Ordering::SeqCst);
        self.answering.send_modify(|requests| *requests += 1);
        self.is_silent.subscribe().wait_for(|silent| !silent).await.expect("it is not gone");
        self.answering.send_modify(|requests| *requests -= 1);
        let token = form.split('&').find_map(|field| field.strip_prefix("token=")).unwrap_or_default();
        let document = {
            let documents = self.documents.lock().expect("not poisoned");
            documents.get(&format!("{path}?{token}")).or_else(|| documents.get(&path)).cloned()
        };
        let (status, body) = match document {
            Some(document) => ("200 OK", document.to_string()),
            None => ("404 Not Found", "{}".to_owned()),
        };
        let length = body.len();
        let head = format!("HTTP/1.1 {status}\r\ncontent-type: application/json\r\nconnection: close\r\n");
        let answer = format!("{head}content-length: {length}\r\n\r\n{body}");
        _ = stream.get_mut().write_all(answer.as_bytes()).await;
    }

    fn publish(&self, path: &str, document: Value) {
        self.documents.lock().expect("not poisoned").insert(path.to_owned(), document);
    }

    fn publish_keys(&self, keys: &[&Key]) {
        self.publish("/keys", json!({ "keys": keys.iter().map(|key| key.public()).collect::<Vec<_>>() }));
    }

    async fn is_asked(&self) {
        self.answering.subscribe().wait_for(|requests| *requests > 0).await.expect("it is not gone");
    }

    /// One that says where its keys are.
    async fn with_keys(keys: &[&Key]) -> Self {
        let issuer = Self::start().await;
        let metadata = json!({ "issuer": issuer.url, "jwks_uri": format!("{}/keys", issuer.url) });
        issuer.publish("/.well-known/oauth-authorization-server", metadata);
        issuer.publish_keys(keys);
        issuer
    }
}

/// A key that signs.
struct Key {
    id: &'static str,
    pair: EcdsaKeyPair,
    pkcs8: Vec<u8>,
}

impl Key {
    fn new(id: &'static str) -> Self {
        let signing = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(signing, &SystemRandom::new()).expect("a key").as_ref().to_vec();
        let pair = EcdsaKeyPair::from_pkcs8(signing, &pkcs8).expect("a key");
        Self { id, pair, pkcs8 }
    }

    fn public(&self) -> Value {
        let point = self.pair.public_key().as_ref();
        let coordinate = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let (x, y) = (coordinate(&point[1..33]), coordinate(&point[33..65]));
        json!({ "kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": self.id, "x": x, "y": y })
    }

    fn sign(&self, claims: &Value) -> String {
        let header = Header { kid: Some(self.id.to_owned()), ..Header::new(Algorithm::ES256) };
        encode(&header, claims, &EncodingKey::from_ec_der(&self.pkcs8)).expect("it signs")
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs()
}

fn claims(issuer: &Issuer) -> Value {
    json!({ "iss": issuer.url, "aud": RESOURCE, "sub": "ada", "exp": now() + 600, "scope": "catalog:read", "client_id": "app" })
}

/// Who calls?
#[tool]
fn whoami(ctx: Context, token: Extension<AccessToken>) -> String {
    let principal = ctx.principal().map_or_else(String::new, |principal| principal.as_str().to_owned());
    let scopes: Vec<&str> = token.0.granted().collect();
    format!("{principal} with {} through {}", scopes.join(" "), token.0.client_id().unwrap_or("nothing"))
}

/// Change the catalog.
#[tool(scopes("catalog:write", "catalog:read"))]
fn change() -> &'static str {
    "changed"
}

/// What only some may read.
#[resource("secret://{name}", scopes("secrets"))]
fn secret(name: &str) -> String {
    name.to_owned()
}

/// What only some may ask.
#[prompt(scopes("prompts"))]
fn suggest() -> &'static str {
    "suggest something"
}

fn server() -> Server {
    Server::new("guarded").tools(tools![add, whoami, change]).resources(resources![secret]).prompts(prompts![suggest])
}

async fn guarded(verifier: impl TokenVerifier) -> Served {
    let authorization = Authorization::new(RESOURCE, verifier)
        .server("https://login.example.com")
        .scopes(["catalog:read"])
        .supports(["catalog:write"])
        .implies("admin", ["catalog:write", "prompts"])
        .implies("catalog:write", ["catalog:read"])
        .name("A catalog");
    Served::start_with(server(), |http| http.authorization(authorization)).await
}

async fn call(served: &Served, tool: &str, token: &str) -> Reply {
    let message = modern(1, "tools/call", json!({ "name": tool, "arguments": {} }));
    served.modern(&message, &[("authorization", &format!("Bearer {token}"))]).await
}

fn challenge(reply: &Reply) -> &str {
    reply.header("www-authenticate").expect("a challenge")
}

#[tokio::test]
async fn whoever_has_no_token_is_told_where_to_get_one() {
    let served = guarded(|_: String| async { Err::<AccessToken, _>(TokenError::Invalid("nobody has")) }).await;
    let list = modern(1, "tools/list", json!({}));
    let metadata = "https://mcp.example.com/.well-known/oauth-protected-resource/mcp";
    let expected = format!("Bearer scope=\"catalog:read\", resource_metadata=\"{metadata}\"");
    for reply in [
        served.modern(&list, &[]).await,
        served.modern(&list, &[("authorization", "Basic YTpi")]).await,
        served.legacy(None, &request(1, "initialize", json!({}))).await,
        served.send("GET", &[], "").await,
        served.send("DELETE", &[], "").await,
    ] {
        assert_eq!((reply.status, challenge(&reply)), (401, &*expected));
    }
    let wrong = served.modern(&list, &[("authorization", "Bearer x")]).await;
    assert_eq!(wrong.status, 401);
    assert!(challenge(&wrong).starts_with("Bearer error=\"invalid_token\", error_description=\"nobody has\""));
    let twice = served.modern(&list, &[("authorization", "Bearer x"), ("authorization", "Bearer y")]).await;
    assert_eq!(twice.status, 400);

    // The metadata are there for everybody, at both of their places.
    for path in ["/.well-known/oauth-protected-resource/mcp", "/.well-known/oauth-protected-resource"] {
        let head = format!("GET {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\r\n", served.address);
        let document = Reply::read(served.connect(&head).await).await.json().await;
        let expected = json!({
            "resource": RESOURCE,
            "authorization_servers": ["https://login.example.com"],
            "bearer_methods_supported": ["header"],
            "scopes_supported": ["catalog:read", "catalog:write"],
            "resource_name": "A catalog",
        });
        assert_eq!(document, expected);
    }
}

#[tokio::test]
async fn a_signed_token_says_who_calls() {
    let key = Key::new("one");
    let issuer = Issuer::with_keys(&[&key]).await;
    let served = guarded(JwtVerifier::new(&*issuer.url, RESOURCE)).await;
    let reply = call(&served, "whoami", &key.sign(&claims(&issuer))).await.json().await;
    let expected = format!("{}#ada with catalog:read through app", issuer.url);
    assert_eq!(reply["result"]["content"][0]["text"], expected);
    // Metadata and keys are fetched once.
    call(&served, "whoami", &key.sign(&claims(&issuer))).await;
    assert_eq!(issuer.asked.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn tokens_that_are_worth_nothing_here_are_refused() {
    let key = Key::new("one");
    let issuer = Issuer::with_keys(&[&key]).await;
    let served = guarded(JwtVerifier::new(&*issuer.url, RESOURCE).leeway(Duration::ZERO)).await;
    let with = |name: &str, value: Value| {
        let mut claims = claims(&issuer);
        claims[name] = value;
        key.sign(&claims)
    };
    let without = |name: &str| {
        let mut claims = claims(&issuer);
        claims.as_object_mut().unwrap().remove(name);
        key.sign(&claims)
    };
    let good = key.sign(&claims(&issuer));
    let parts: Vec<&str> = good.split('.').collect();
    let json = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let none = format!("{}.{}.", json(json!({ "alg": "none", "typ": "JWT" })), parts[1]);
    let none_with_id = format!("{}.{}.", json(json!({ "alg": "none", "kid": "one" })), parts[1]);
    // The public key as a shared secret.
    let secret = EncodingKey::from_secret(key.public().to_string().as_bytes());
    let header = Header { kid: Some("one".to_owned()), ..Header::new(Algorithm::HS256) };
    let shared = encode(&header, &claims(&issuer), &secret).unwrap();
    let dpop =
        Header { kid: Some("one".to_owned()), typ: Some("dpop+jwt".to_owned()), ..Header::new(Algorithm::ES256) };
    let dpop = encode(&dpop, &claims(&issuer), &EncodingKey::from_ec_der(&key.pkcs8)).unwrap();
    let changed = format!("{}.{}.{}", parts[0], json(json!({ "sub": "root" })), parts[2]);
    let cases = [
        ("expired", with("exp", json!(now() - 10))),
        ("not yet valid", with("nbf", json!(now() + 600))),
        ("another audience", with("aud", json!("https://other.example.com/mcp"))),
        ("a parent as audience", with("aud", json!("https://mcp.example.com"))),
        ("other audiences", with("aud", json!(["a", "b"]))),
        ("another issuer", with("iss", json!("https://evil.example.com"))),
        ("no expiry", without("exp")),
        ("no audience", without("aud")),
        ("no issuer", without("iss")),
        ("alg none", none),
        ("alg none with a key", none_with_id),
        ("a shared secret", shared),
        ("another kind of token", dpop),
        ("a forged key", Key::new("one").sign(&claims(&issuer))),
        ("an unknown key", Key::new("two").sign(&claims(&issuer))),
        ("changed claims", changed),
        ("no signature", format!("{}.{}.", parts[0], parts[1])),
        ("nonsense", "abc".to_owned()),
        ("dots", "...".to_owned()),
    ];
    for (what, token) in cases {
        let reply = call(&served, "whoami", &token).await;
        assert_eq!(reply.status, 401, "{what}");
        assert!(challenge(&reply).contains("error=\"invalid_token\""), "{what}: {}", challenge(&reply));
    }
    let audiences = with("aud", json!(["https://other.example.com", RESOURCE]));
    assert_eq!(call(&served, "whoami", &audiences).await.status, 200);
    assert_eq!(call(&served, "whoami", &good).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn keys_that_were_changed_are_fetched_anew_but_not_for_everyone() {
    tokio::time::resume();
    let (old, new) = (Key::new("old"), Key::new("new"));
    let issuer = Issuer::with_keys(&[&old]).await;
    let verifier = JwtVerifier::new(&*issuer.url, RESOURCE);
    verifier.verify(&old.sign(&claims(&issuer))).await.unwrap();
    issuer.publish_keys(&[&new]);
    // Whoever makes up names of keys does not make the server ask all the time.
    for _ in 0..20 {
        verifier.verify(&Key::new("made up").sign(&claims(&issuer))).await.unwrap_err();
    }
    assert_eq!(issuer.asked.load(Ordering::SeqCst), 2);
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(11)).await;
    tokio::time::resume();
    verifier.verify(&new.sign(&claims(&issuer))).await.unwrap();
    verifier.verify(&old.sign(&claims(&issuer))).await.unwrap_err();
}

#[tokio::test]
async fn who_needs_no_other_keys_does_not_wait_for_them() {
    let (old, new) = (Key::new("old"), Key::new("new"));
    let issuer = Issuer::with_keys(&[&old]).await;
    let verifier = Arc::new(JwtVerifier::new(&*issuer.url, RESOURCE));
    verifier.verify(&old.sign(&claims(&issuer))).await.unwrap();
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(11)).await;
    tokio::time::resume();
    issuer.publish_keys(&[&old, &new]);
    issuer.is_silent.send_replace(true);
    let verify = |key: &Key| {
        let (verifier, token) = (verifier.clone(), key.sign(&claims(&issuer)));
        tokio::spawn(async move { verifier.verify(&token).await })
    };
    let impatient = verify(&new);
    issuer.is_asked().await;
    let waiting = [verify(&new), verify(&new)];
    verify(&old).await.unwrap().unwrap();
    // Who goes away takes the answer from nobody, and nothing is asked twice.
    impatient.abort();
    impatient.await.unwrap_err();
    issuer.is_silent.send_replace(false);
    for waiting in waiting {
        waiting.await.unwrap().unwrap();
    }
    assert_eq!(issuer.asked.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn a_key_that_cannot_be_had_is_not_the_callers_fault() {
    let (old, new) = (Key::new("old"), Key::new("new"));
    let issuer = Issuer::with_keys(&[&old]).await;
    let verifier = JwtVerifier::new(&*issuer.url, RESOURCE);
    verifier.verify(&old.sign(&claims(&issuer))).await.unwrap();
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(11)).await;
    tokio::time::resume();
    issuer.publish("/keys", json!("not now"));
    let error = verifier.verify(&new.sign(&claims(&issuer))).await.unwrap_err();
    assert!(matches!(error, TokenError::Unavailable(_)), "{error:?}");
    verifier.verify(&old.sign(&claims(&issuer))).await.unwrap();
}

#[tokio::test]
async fn tokens_that_do_not_name_their_key_find_new_ones() {
    let (old, new) = (Key::new("old"), Key::new("new"));
    let issuer = Issuer::with_keys(&[&old]).await;
    let nameless = |key: &Key| {
        let header = Header { typ: Some("at+jwt".to_owned()), ..Header::new(Algorithm::ES256) };
        encode(&header, &claims(&issuer), &EncodingKey::from_ec_der(&key.pkcs8)).expect("it signs")
    };
    let verifier = JwtVerifier::new(&*issuer.url, RESOURCE);
    verifier.verify(&nameless(&old)).await.unwrap();
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(11)).await;
    tokio::time::resume();
    issuer.publish_keys(&[&new]);
    verifier.verify(&nameless(&new)).await.unwrap();
    verifier.verify(&nameless(&old)).await.unwrap_err();
}

#[tokio::test]
async fn a_client_is_not_taken_for_a_user_of_the_same_name() {
    let key = Key::new("one");
    let issuer = Issuer::with_keys(&[&key]).await;
    let verifier = JwtVerifier::new(&*issuer.url, RESOURCE);
    let mut claims = claims(&issuer);
    claims["sub"] = json!("app");
    let user = verifier.verify(&key.sign(&claims)).await.unwrap();
    claims.as_object_mut().unwrap().remove("sub");
    let client = verifier.verify(&key.sign(&claims)).await.unwrap();
    assert_eq!(user.principal().as_str(), format!("{}#app", issuer.url));
    assert_eq!(client.principal().as_str(), format!("{}?client_id=app", issuer.url));

    let active = |name: &str| json!({ "active": true, "aud": RESOURCE, name: "app" });
    let endpoint = format!("{}/introspect", issuer.url);
    let verifier = IntrospectionVerifier::new(&endpoint, RESOURCE);
    for (name, mark) in [("sub", "#"), ("username", "?username="), ("client_id", "?client_id=")] {
        issuer.publish(&format!("/introspect?{name}"), active(name));
        let token = verifier.verify(name).await.unwrap();
        assert_eq!(token.principal().as_str(), format!("{endpoint}{mark}app"));
    }
}

#[tokio::test]
async fn an_issuer_that_cannot_be_trusted_or_reached_is_not_the_callers_fault() {
    let key = Key::new("one");
    let issuer = Issuer::start().await;
    let token = key.sign(&claims(&issuer));
    let served = guarded(JwtVerifier::new(&*issuer.url, RESOURCE)).await;
    let reply = call(&served, "whoami", &token).await;
    assert_eq!(reply.status, 503);
    assert!(reply.header("retry-after").is_some());
    // Metadata of somebody else are not believed.
    let metadata = json!({ "issuer": "https://evil.example.com", "jwks_uri": format!("{}/keys", issuer.url) });
    issuer.publish("/.well-known/oauth-authorization-server", metadata);
    issuer.publish_keys(&[&key]);
    let error = JwtVerifier::new(&*issuer.url, RESOURCE).verify(&token).await.unwrap_err();
    assert!(matches!(error, TokenError::Unavailable(_)), "{error:?}");
    // Keys come over encrypted connections only.
    let plain = JwtVerifier::new(&*issuer.url, RESOURCE).keys_at("http://keys.example.com/keys");
    assert!(matches!(plain.verify(&token).await, Err(TokenError::Unavailable(_))));
}

#[tokio::test]
async fn a_tool_that_needs_more_says_so() {
    let verifier = |token: String| async move {
        Ok(AccessToken::new("ada").scopes(token.split('+').map(|scope| scope.replace('_', ":"))))
    };
    let served = guarded(verifier).await;
    let nothing = call(&served, "whoami", "other").await;
    assert_eq!(nothing.status, 403);
    assert!(challenge(&nothing).contains("error=\"insufficient_scope\""));
    let refused = call(&served, "change", "catalog_read").await;
    assert_eq!(refused.status, 403);
    // All that is needed is said at once.
    assert!(challenge(&refused).contains("scope=\"catalog:write catalog:read\""), "{}", challenge(&refused));
    assert!(challenge(&refused).contains("resource_metadata="));
    assert_eq!(refused.json().await["id"], 1);
    assert_eq!(call(&served, "change", "catalog_read+catalog_write").await.status, 200);
    assert_eq!(call(&served, "change", "catalog_write").await.status, 200, "who may write may read");
    assert_eq!(call(&served, "change", "admin").await.status, 200);
    let with = async |method: &str, params: Value, token: &str| {
        let reply = served.modern(&modern(1, method, params), &[("authorization", &format!("Bearer {token}"))]).await;
        reply.status
    };
    let read = json!({ "uri": "secret://plan" });
    assert_eq!(with("resources/read", read.clone(), "catalog_read").await, 403);
    assert_eq!(with("resources/read", read, "catalog_read+secrets").await, 200);
    assert_eq!(with("prompts/get", json!({ "name": "suggest" }), "catalog_read").await, 403);
    assert_eq!(with("prompts/get", json!({ "name": "suggest" }), "admin").await, 200);
    // Nor is what it holds now told in another way, or what completes it.
    let listen = json!({ "notifications": { "resourceSubscriptions": ["secret://plan"] } });
    assert_eq!(with("subscriptions/listen", listen, "catalog_read").await, 403);
    let complete = json!({ "ref": { "type": "ref/resource", "uri": "secret://{name}" }, "argument": { "name": "name", "value": "" } });
    assert_eq!(with("completion/complete", complete, "catalog_read").await, 403);
    // They are listed: a client has to know them to ask for more.
    assert_eq!(with("tools/list", json!({}), "catalog_read").await, 200);

    // Legacy clients hear the same.
    let authorized = |session: Option<&str>| {
        let mut headers = vec![("content-type", "application/json".to_owned()), ("accept", ACCEPT.to_owned())];
        headers.push(("authorization", "Bearer catalog_read".to_owned()));
        headers.extend(session.map(|session| ("mcp-session-id", session.to_owned())));
        headers
    };
    let send = async |session: Option<&str>, message: Value| {
        let headers = authorized(session);
        let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, &**value)).collect();
        served.send("POST", &headers, &message.to_string()).await
    };
    let info = json!({ "name": "x", "version": "1" });
    let params = json!({ "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": info });
    let begun = send(None, request(0, "initialize", params)).await;
    let session = begun.header("mcp-session-id").unwrap().to_owned();
    let change = request(1, "tools/call", json!({ "name": "change", "arguments": {} }));
    let refused = send(Some(&session), change.clone()).await;
    assert_eq!(refused.status, 403);
    assert!(challenge(&refused).contains("insufficient_scope"));
    // Of several, each is answered.
    let params =
        json!({ "protocolVersion": "2025-03-26", "capabilities": {}, "clientInfo": { "name": "x", "version": "1" } });
    let begun = send(None, request(0, "initialize", params)).await;
    let session = begun.header("mcp-session-id").unwrap().to_owned();
    let answers = send(Some(&session), json!([change, request(2, "ping", json!({}))])).await.json().await;
    let ids: Vec<_> =
        answers.as_array().unwrap().iter().map(|answer| (&answer["id"], answer["error"].is_object())).collect();
    assert_eq!(ids, [(&json!(1), true), (&json!(2), false)]);
}

#[tokio::test]
async fn a_session_belongs_to_whom_it_was_given() {
    let verifier = |token: String| async move { Ok(AccessToken::new(token).scopes(["catalog:read"])) };
    let served = guarded(verifier).await;
    let send = async |method: &str, token: &str, session: Option<&str>, message: &str| {
        let bearer = format!("Bearer {token}");
        let mut headers = vec![("content-type", "application/json"), ("accept", ACCEPT), ("authorization", &*bearer)];
        headers.extend(session.map(|session| ("mcp-session-id", session)));
        served.send(method, &headers, message).await
    };
    let info = json!({ "name": "x", "version": "1" });
    let params = json!({ "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": info });
    let initialize = request(0, "initialize", params).to_string();
    let begun = send("POST", "ada", None, &initialize).await;
    let session = begun.header("mcp-session-id").unwrap().to_owned();
    let ping = request(1, "ping", json!({})).to_string();
    assert_eq!(send("POST", "ada", Some(&session), &ping).await.status, 200);
    assert_eq!(send("POST", "eve", Some(&session), &ping).await.status, 404);
    assert_eq!(send("GET", "eve", Some(&session), "").await.status, 404);
    assert_eq!(send("DELETE", "eve", Some(&session), "").await.status, 404);
    assert_eq!(send("POST", "ada", Some(&session), &ping).await.status, 200, "it is still there");
}

#[tokio::test]
async fn nobody_has_all_sessions() {
    let served = Served::start_with(server(), |http| {
        let verifier = |name: String| async move { Ok(AccessToken::new(name)) };
        http.authorization(Authorization::new(RESOURCE, verifier)).max_sessions_per_principal(2)
    })
    .await;
    let client = json!({ "name": "x", "version": "1" });
    let params = json!({ "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": client });
    let message = request(1, "initialize", params).to_string();
    let send = async |method: &str, name: &str, session: Option<&str>, body: &str| {
        let bearer = format!("Bearer {name}");
        let mut headers = vec![("content-type", "application/json"), ("accept", ACCEPT), ("authorization", &*bearer)];
        headers.extend(session.map(|id| ("mcp-session-id", id)));
        served.send(method, &headers, body).await
    };
    let first = send("POST", "ada", None, &message).await;
    assert_eq!(send("POST", "ada", None, &message).await.status, 200);
    let refused = send("POST", "ada", None, &message).await;
    assert_eq!((refused.status, refused.header("retry-after")), (503, Some("1")));
    assert_eq!(send("POST", "eve", None, &message).await.status, 200, "others have theirs");
    let id = first.header("mcp-session-id").expect("a session").to_owned();
    assert_eq!(send("DELETE", "ada", Some(&id), "").await.status, 204);
    assert_eq!(send("POST", "ada", None, &message).await.status, 200, "one that is over counts no more");
}

/// Change it all, which takes time.
#[tool(scopes("catalog:write"), task)]
async fn change_slowly(ctx: Context) -> Result<&'static str> {
    ctx.confirm("Really?").await?;
    Ok("changed")
}

#[tokio::test]
async fn a_task_needs_what_its_tool_needs() {
    let served = Served::start_with(Server::new("t").tools(tools![change_slowly]), |http| {
        let verifier = |word: String| async move { Ok(AccessToken::new("ada").scopes([format!("catalog:{word}")])) };
        http.authorization(Authorization::new(RESOURCE, verifier))
    })
    .await;
    let send = async |method: &str, params: Value, scope: &str| {
        let mut message = modern(1, method, params);
        let capabilities = &mut message["params"]["_meta"]["io.modelcontextprotocol/clientCapabilities"];
        capabilities["extensions"] = json!({ "io.modelcontextprotocol/tasks": {} });
        served.modern(&message, &[("authorization", &format!("Bearer {scope}"))]).await
    };
    let made = json!({ "name": "change_slowly", "arguments": {} });
    let made = send("tools/call", made, "write").await.json().await;
    let task = made["result"]["taskId"].clone();
    assert!(task.is_string(), "{made}");
    for method in ["tasks/get", "tasks/update", "tasks/cancel"] {
        let refused = send(method, json!({ "taskId": task, "inputResponses": {} }), "read").await;
        assert_eq!(refused.status, 400, "{method}");
        let error = refused.json().await["error"]["message"].as_str().unwrap().to_owned();
        assert_eq!(error, "the token does not allow this: the task needs `catalog:write`, as its tool does");
    }
    let allowed = send("tasks/get", json!({ "taskId": task }), "write").await.json().await;
    assert_ne!(allowed["result"]["status"], "cancelled");
}

/// Ask the model.
#[tool]
async fn ask(ctx: Context) -> Result<String> {
    Ok(ctx.sample("?").await?.text()?.to_owned())
}

#[tokio::test]
async fn the_state_of_a_call_is_of_no_use_to_others() {
    let verifier = |token: String| async move { Ok(AccessToken::new(token)) };
    let authorization = Authorization::new(RESOURCE, verifier);
    let server = Server::new("guarded").tools(tools![ask]);
    let served = Served::start_with(server, |http| http.authorization(authorization)).await;
    let mut message = modern(1, "tools/call", json!({ "name": "ask", "arguments": {} }));
    let asked = served.modern(&message, &[("authorization", "Bearer ada")]).await.json().await;
    let question = asked["result"]["inputRequests"].as_object().unwrap().keys().next().unwrap().clone();
    let answer = json!({ "role": "assistant", "model": "m", "content": { "type": "text", "text": "yes" } });
    message["params"]["inputResponses"] = json!({ question: answer });
    message["params"]["requestState"] = asked["result"]["requestState"].clone();
    let stolen = served.modern(&message, &[("authorization", "Bearer eve")]).await.json().await;
    assert_eq!(stolen["error"]["code"], -32602);
    let own = served.modern(&message, &[("authorization", "Bearer ada")]).await.json().await;
    assert_eq!(own["result"]["content"][0]["text"], "yes");
}

#[tokio::test]
async fn tokens_that_say_nothing_are_asked_about() {
    let issuer = Issuer::start().await;
    let active =
        |aud: Value, exp: u64| json!({ "active": true, "aud": aud, "sub": "ada", "exp": exp, "scope": "catalog:read" });
    issuer.publish("/introspect?good", active(json!([RESOURCE]), now() + 600));
    issuer.publish("/introspect?expired", active(json!(RESOURCE), now() - 1));
    issuer.publish("/introspect?foreign", active(json!("https://other.example.com"), now() + 600));
    issuer.publish("/introspect?unlimited", json!({ "active": true, "sub": "ada" }));
    issuer.publish("/introspect", json!({ "active": false }));
    let endpoint = format!("{}/introspect", issuer.url);
    let verifier = IntrospectionVerifier::new(&endpoint, RESOURCE).credentials("server", "secret");
    let served = guarded(verifier.keep(Duration::from_secs(60))).await;
    for (token, status) in [("good", 200), ("expired", 401), ("foreign", 401), ("unlimited", 401), ("unknown", 401)] {
        assert_eq!(call(&served, "whoami", token).await.status, status, "{token}");
    }
    let asked = issuer.asked.load(Ordering::SeqCst);
    assert_eq!(call(&served, "whoami", "good").await.status, 200);
    assert_eq!(issuer.asked.load(Ordering::SeqCst), asked, "it was asked a moment ago");
    let nowhere = guarded(IntrospectionVerifier::new("http://127.0.0.1:1/", RESOURCE)).await;
    assert_eq!(call(&nowhere, "whoami", "good").await.status, 503);
}

#[tokio::test]
async fn what_needs_a_scope_is_refused_where_nobody_verifies_tokens() {
    let served = Served::start(server()).await;
    assert_eq!(call(&served, "change", "anything").await.status, 403);
    let add = modern(1, "tools/call", json!({ "name": "add", "arguments": { "a": 1, "b": 2 } }));
    assert_eq!(served.modern(&add, &[]).await.status, 200);
}
