//! Tokens that are bound to a key, and the proofs that go with them (RFC 9449).

use std::collections::HashSet;
use std::io;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::ThumbprintHash;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use mcp_runtime::client::oauth::{AccessToken, Challenge, MemoryTokens, OAuthBuilder, TokenStore as _};
use mcp_runtime::client::{Credential, Era, TokenRequest};
use mcp_runtime::{Client, ErrorKind};
use mcp_tests_oauth::{Asked, LOGIN, RESOURCE, Reply, Site, World};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::{agreeable, plain, rejected};

/// What a proof says, and by whom it is signed.
#[derive(Debug, Clone)]
struct Proof {
    thumbprint: String,
    claims: Value,
}

/// Reads a proof, of which everything is right that does not depend on its request.
fn proof(text: &str) -> Proof {
    let header = decode_header(text).unwrap();
    assert_eq!(header.typ.as_deref(), Some("dpop+jwt"));
    assert_eq!(header.alg, Algorithm::ES256);
    let head: Value =
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text.split('.').next().unwrap()).unwrap()).unwrap();
    assert!(head["jwk"].get("d").is_none(), "the key itself stays here");
    let key = header.jwk.unwrap();
    let mut validation = Validation::new(Algorithm::ES256);
    validation.required_spec_claims = HashSet::new();
    (validation.validate_exp, validation.validate_aud) = (false, false);
    let claims = decode::<Value>(text, &DecodingKey::from_jwk(&key).unwrap(), &validation).unwrap().claims;
    assert!(claims["iat"].is_u64());
    assert!(claims["jti"].as_str().unwrap().len() >= 16);
    Proof { thumbprint: key.thumbprint(ThumbprintHash::SHA256), claims }
}

fn proof_of(asked: &Asked) -> Proof {
    proof(&asked.headers["dpop"])
}

/// A server wants a bound token.
fn bound() -> Challenge {
    Challenge::new(401, [r#"DPoP algs="ES256 PS256""#])
}

/// Has the authorization server bind what it gives.
fn binds(login: &Site) {
    let given = Mutex::new(0);
    login.on("POST /token", move |asked| {
        let mut given = given.lock().unwrap();
        *given += 1;
        let kind = if asked.headers.contains_key("dpop") { "DPoP" } else { "Bearer" };
        Reply::json(
            200,
            &json!({
                "access_token": format!("access-{given}"), "token_type": kind, "refresh_token": "refresh-1",
                "expires_in": 3600,
            }),
        )
    });
}

async fn bound_token(oauth: OAuthBuilder, world: &World) -> AccessToken {
    oauth.build().unwrap().token(&world.server(), Some(&bound())).await.unwrap().unwrap()
}

#[tokio::test]
async fn a_token_is_bound_to_a_key_and_each_request_proves_that_the_client_has_it() {
    let world = World::start().await;
    binds(&world.login);
    let token = bound_token(agreeable(&world), &world).await;
    assert!(token.is_bound());

    let asked = world.login.last("POST /token");
    let first = proof_of(&asked);
    assert_eq!(first.claims["htm"], "POST");
    assert_eq!(first.claims["htu"], format!("{}/token", world.login.url));
    assert!(first.claims.get("ath").is_none() && first.claims.get("nonce").is_none());
    // Nor is the code of use to anybody else.
    assert_eq!(world.login.last("GET /authorize").query["dpop_jkt"], first.thumbprint);

    let url = "https://mcp.example/mcp?tenant=2".parse().unwrap();
    let one = proof(&token.proof("GET", &url, None).unwrap().unwrap());
    assert_eq!(one.thumbprint, first.thumbprint);
    assert_eq!(one.claims["htm"], "GET");
    assert_eq!(one.claims["htu"], "https://mcp.example/mcp");
    assert_eq!(one.claims["ath"], URL_SAFE_NO_PAD.encode(Sha256::digest(token.secret())));
    assert!(one.claims.get("nonce").is_none());
    let other = proof(&token.proof("GET", &url, Some("n1")).unwrap().unwrap());
    assert_eq!(other.claims["nonce"], "n1");
    assert_ne!(one.claims["jti"], other.claims["jti"]);
}

#[tokio::test]
async fn tokens_are_bound_only_where_both_servers_can_do_it() {
    // The challenge; what the metadata of the server, and of the authorization server, say of it; whether it is tried.
    let cases = [
        ("Bearer", json!({}), json!({}), false),
        ("Bearer", json!({}), json!({ "dpop_signing_alg_values_supported": ["ES256"] }), false),
        ("DPoP", json!({}), json!({}), true),
        (r#"DPoP algs="EdDSA""#, json!({}), json!({}), false),
        ("Bearer, DPoP", json!({}), json!({ "dpop_signing_alg_values_supported": ["RS256", "ES256"] }), true),
        ("DPoP", json!({}), json!({ "dpop_signing_alg_values_supported": ["EdDSA"] }), false),
        ("Bearer", json!({ "dpop_signing_alg_values_supported": ["ES256"] }), json!({}), true),
        ("Bearer", json!({ "dpop_signing_alg_values_supported": ["EdDSA"] }), json!({}), false),
        ("Bearer", json!({ "dpop_bound_access_tokens_required": true }), json!({}), true),
    ];
    for (challenge, resource, login, expected) in cases {
        let world = World::start().await;
        binds(&world.login);
        let add =
            |more: Value| move |it: &mut Value| it.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap());
        let told = format!("{challenge} {resource} {login}");
        world.mcp.change(RESOURCE, add(resource));
        world.login.change(LOGIN, add(login));
        let oauth = agreeable(&world).build().unwrap();
        let token = oauth.token(&world.server(), Some(&Challenge::new(401, [challenge]))).await.unwrap().unwrap();
        assert_eq!(token.is_bound(), expected, "{told}");
        assert_eq!(world.login.last("GET /authorize").query.contains_key("dpop_jkt"), expected, "{told}");
    }
}

#[tokio::test]
async fn a_token_that_is_bound_to_nothing_is_used_as_such() {
    let world = World::start().await;
    let token = bound_token(agreeable(&world), &world).await;
    assert!(world.login.last("POST /token").headers.contains_key("dpop"), "it was asked for");
    assert!(!token.is_bound());
    assert!(token.proof("POST", &world.server(), None).unwrap().is_none());
}

/// Has the authorization server want this in proofs.
fn wants_nonce(login: &Site, nonce: &'static str) {
    login.on("POST /token", move |asked| {
        if proof_of(asked).claims.get("nonce").is_some_and(|it| it == nonce) {
            let tokens = json!({ "access_token": "access-1", "token_type": "DPoP", "refresh_token": "refresh-1" });
            return Reply::json(200, &tokens);
        }
        match Reply::refusal("use_dpop_nonce", "say it") {
            Reply::Answer(status, mut headers, body) => {
                headers.push(("dpop-nonce", nonce.to_owned()));
                Reply::Answer(status, headers, body)
            }
            other => other,
        }
    });
}

#[tokio::test]
async fn an_authorization_server_gets_the_nonce_that_it_wants() {
    let world = World::start().await;
    wants_nonce(&world.login, "n1");
    let (oauth, server) = (agreeable(&world).build().unwrap(), world.server());
    let token = oauth.token(&server, Some(&bound())).await.unwrap().unwrap();
    assert!(token.is_bound());
    assert_eq!(world.login.count("POST /token"), 2);
    let asked = world.login.asked();
    let mut proofs = asked.iter().filter(|it| it.what == "POST /token").map(proof_of);
    let (first, second) = (proofs.next().unwrap(), proofs.next().unwrap());
    assert_ne!(first.claims["jti"], second.claims["jti"], "a proof is good once");
    assert_eq!(first.thumbprint, second.thumbprint);

    // It is remembered, and another one is asked for once.
    let challenge = rejected(token.secret());
    oauth.token(&server, Some(&challenge)).await.unwrap().unwrap();
    assert_eq!(world.login.count("POST /token"), 3);
    let refusing = match Reply::refusal("use_dpop_nonce", "never") {
        Reply::Answer(status, mut headers, body) => {
            headers.push(("dpop-nonce", "n2".to_owned()));
            Reply::Answer(status, headers, body)
        }
        other => other,
    };
    world.login.at("POST /token", refusing);
    let error = agreeable(&world).build().unwrap().token(&server, Some(&bound())).await.unwrap_err();
    assert_eq!(error.to_string(), "the authorization server gives no token: use_dpop_nonce (never)");
    assert_eq!(error.kind(), ErrorKind::Unauthorized);
    assert_eq!(world.login.count("POST /token"), 5);
}

#[tokio::test]
async fn the_key_is_kept_with_the_token_and_refreshes_it() {
    let world = World::start().await;
    binds(&world.login);
    let store = MemoryTokens::default();
    let first = bound_token(agreeable(&world).store(store.clone()), &world).await;
    let thumbprint = proof_of(&world.login.last("POST /token")).thumbprint;

    // Another run of the program uses the token that is kept, and refreshes it.
    let oauth = plain().store(store).build().unwrap();
    let kept = oauth.token(&world.server(), Some(&bound())).await.unwrap().unwrap();
    assert_eq!(kept, first);
    let url = world.server();
    assert_eq!(proof(&kept.proof("POST", &url, None).unwrap().unwrap()).thumbprint, thumbprint);
    let refused = Challenge::new(401, [r#"DPoP error="invalid_token""#]).sent(Some(kept.clone()));
    let new = oauth.token(&url, Some(&refused)).await.unwrap().unwrap();
    assert_ne!(new, kept);
    let asked = world.login.last("POST /token");
    assert_eq!(asked.form["grant_type"], "refresh_token");
    assert_eq!(proof_of(&asked).thumbprint, thumbprint);
    assert_eq!(proof(&new.proof("POST", &url, None).unwrap().unwrap()).thumbprint, thumbprint);
    assert_eq!(world.login.count("GET /authorize"), 1);
}

/// What a modern server without anything answers.
fn answered(asked: &Asked) -> Reply {
    let result = match asked.json["method"].as_str().unwrap() {
        "server/discover" => json!({
            "resultType": "complete", "supportedVersions": ["2026-07-28"], "capabilities": { "tools": {} },
            "ttlMs": 0, "cacheScope": "private",
        }),
        _ => json!({ "resultType": "complete", "tools": [], "ttlMs": 0, "cacheScope": "private" }),
    };
    Reply::json(200, &json!({ "jsonrpc": "2.0", "id": asked.json["id"], "result": result }))
}

/// A modern server without anything that wants bound tokens, and a new nonce in the proof of every second request.
fn wants_proofs(world: &World) -> Arc<Mutex<Vec<Proof>>> {
    let proofs = Arc::new(Mutex::new(Vec::new()));
    let seen = proofs.clone();
    world.mcp.on("POST /mcp", move |asked| {
        let Some(authorization) = asked.headers.get("authorization") else {
            return Reply::Answer(401, vec![("www-authenticate", "DPoP".to_owned())], String::new());
        };
        let mut seen = seen.lock().unwrap();
        let proof = proof_of(asked);
        let token = authorization.strip_prefix("DPoP ").unwrap();
        assert_eq!(proof.claims["ath"], URL_SAFE_NO_PAD.encode(Sha256::digest(token)));
        seen.push(proof.clone());
        let nonce = format!("n{}", seen.len() / 2);
        if proof.claims.get("nonce").and_then(Value::as_str).unwrap_or("n0") != nonce {
            let challenge = r#"DPoP error="use_dpop_nonce""#.to_owned();
            return Reply::Answer(401, vec![("www-authenticate", challenge), ("dpop-nonce", nonce)], String::new());
        }
        answered(asked)
    });
    proofs
}

#[tokio::test]
async fn a_client_proves_anew_with_each_request_that_it_has_the_key() {
    let world = World::start().await;
    binds(&world.login);
    let proofs = wants_proofs(&world);
    let oauth = agreeable(&world).build().unwrap();
    let client = Client::http(world.server()).era(Era::Modern).token_provider(oauth).connect().await.unwrap();
    for _ in 0..5 {
        client.list_tools().await.unwrap();
    }
    let proofs = proofs.lock().unwrap();
    let distinct: HashSet<_> = proofs.iter().map(|it| it.claims["jti"].to_string()).collect();
    assert_eq!(distinct.len(), proofs.len());
    for proof in proofs.iter() {
        assert_eq!(proof.claims["htm"], "POST");
        assert_eq!(proof.claims["htu"], world.server().as_str());
        assert_eq!(proof.thumbprint, proofs[0].thumbprint);
    }
    assert_eq!(proofs.last().unwrap().claims["nonce"], format!("n{}", proofs.len() / 2));
    assert_eq!(world.login.count("POST /token"), 1, "the token was good all the time");
}

#[tokio::test]
async fn a_server_that_only_ever_wants_another_nonce_is_left() {
    let world = World::start().await;
    binds(&world.login);
    world.mcp.on("POST /mcp", |asked| {
        let challenge = match asked.headers.get("dpop") {
            Some(_) => r#"DPoP error="use_dpop_nonce""#,
            None => "DPoP",
        };
        let headers = vec![("www-authenticate", challenge.to_owned()), ("dpop-nonce", "n".to_owned())];
        Reply::Answer(401, headers, String::new())
    });
    let oauth = agreeable(&world).build().unwrap();
    let error = Client::http(world.server()).era(Era::Modern).token_provider(oauth).connect().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unauthorized);
    assert_eq!(world.mcp.count("POST /mcp"), 4);
    assert_eq!(world.login.count("POST /token"), 1);
}

/// A server has this to say of a bound token that a request was repeated with so many times.
fn refused(error: &str, token: &AccessToken, attempt: u32) -> Challenge {
    Challenge::new(401, [format!("DPoP error=\"{error}\"")]).sent(Some(token.clone())).attempt(attempt)
}

#[tokio::test]
async fn a_better_proof_makes_no_new_token_of_an_old_one() {
    let world = World::start().await;
    binds(&world.login);
    let (oauth, server) = (agreeable(&world).build().unwrap(), world.server());
    let first = oauth.token(&server, Some(&bound())).await.unwrap().unwrap();

    // A later request begins with it. It lacks a nonce, and then it is too old.
    let same = oauth.token(&server, Some(&refused("use_dpop_nonce", &first, 0))).await.unwrap().unwrap();
    assert_eq!(same, first);
    let second = oauth.token(&server, Some(&refused("invalid_token", &first, 1))).await.unwrap().unwrap();
    assert_eq!(world.login.last("POST /token").form["grant_type"], "refresh_token");

    // So it goes with one that was refreshed, which the user has nothing to do with.
    let same = oauth.token(&server, Some(&refused("use_dpop_nonce", &second, 0))).await.unwrap().unwrap();
    assert_eq!(same, second);
    let third = oauth.token(&server, Some(&refused("invalid_token", &second, 1))).await.unwrap().unwrap();
    assert_eq!(world.login.last("POST /token").form["grant_type"], "refresh_token");
    assert_eq!(world.login.count("GET /authorize"), 1);

    // That one is new in this request: only the user can help, and then nobody.
    let fourth = oauth.token(&server, Some(&refused("invalid_token", &third, 2))).await.unwrap().unwrap();
    assert_eq!(world.login.count("GET /authorize"), 2);
    let error = oauth.token(&server, Some(&refused("invalid_token", &fourth, 3))).await.unwrap_err();
    assert_eq!(error.to_string(), "the server has refused 3 tokens for one request");
    assert_eq!(error.kind(), ErrorKind::Unauthorized);
}

#[tokio::test]
async fn a_new_token_stays_new_when_its_proof_lacks_something() {
    let world = World::start().await;
    binds(&world.login);
    let (oauth, server) = (agreeable(&world).build().unwrap(), world.server());
    let token = oauth.token(&server, Some(&bound())).await.unwrap().unwrap();
    let same = oauth.token(&server, Some(&refused("use_dpop_nonce", &token, 1))).await.unwrap().unwrap();
    assert_eq!(same, token);
    let error = oauth.token(&server, Some(&refused("invalid_token", &token, 2))).await.unwrap_err();
    let told = "the server does not accept the token that its authorization server has just given";
    assert_eq!(error.to_string(), told);
    assert_eq!(world.login.count("POST /token"), 1);
}

#[tokio::test]
async fn a_token_of_another_server_is_not_new() {
    let world = World::start().await;
    binds(&world.login);
    let root = json!({ "resource": world.mcp.url, "authorization_servers": [world.login.url] });
    for path in [RESOURCE, "/.well-known/oauth-protected-resource/other"] {
        world.mcp.at(&format!("GET {path}"), Reply::json(200, &root));
    }
    let oauth = agreeable(&world).build().unwrap();
    let first = oauth.token(&world.server(), Some(&bound())).await.unwrap().unwrap();
    let other = format!("{}/other", world.mcp.url).parse().unwrap();
    let shared = oauth.token(&other, Some(&bound())).await.unwrap().unwrap();
    assert_eq!(shared, first);
    let second = oauth.token(&other, Some(&refused("invalid_token", &shared, 1))).await.unwrap().unwrap();
    assert_ne!(second, first);
    assert_eq!(world.login.last("POST /token").form["grant_type"], "refresh_token");
}

#[tokio::test]
async fn one_request_has_time_for_a_nonce_a_refresh_and_an_authorization() {
    let world = World::start().await;
    binds(&world.login);
    // The token that the server takes, and the nonce without which it looks at none.
    let taken = Arc::new(Mutex::new(("access-1", None::<&str>)));
    world.mcp.on("POST /mcp", {
        let taken = taken.clone();
        move |asked| {
            let (token, nonce) = *taken.lock().unwrap();
            let refusal = |challenge: &str| {
                let mut headers = vec![("www-authenticate", challenge.to_owned())];
                headers.extend(nonce.map(|nonce: &str| ("dpop-nonce", nonce.to_owned())));
                Reply::Answer(401, headers, String::new())
            };
            let Some(authorization) = asked.headers.get("authorization") else { return refusal("DPoP") };
            let has_nonce = nonce.is_none_or(|it| proof_of(asked).claims["nonce"] == it);
            match authorization.strip_prefix("DPoP ") {
                _ if !has_nonce => refusal(r#"DPoP error="use_dpop_nonce""#),
                Some(shown) if shown == token => answered(asked),
                _ => refusal(r#"DPoP error="invalid_token""#),
            }
        }
    });
    let oauth = agreeable(&world).build().unwrap();
    let client = Client::http(world.server()).era(Era::Modern).token_provider(oauth).connect().await.unwrap();
    client.list_tools().await.unwrap();

    // Hours later it wants a nonce, and nothing that comes from the refresh token.
    *taken.lock().unwrap() = ("access-3", Some("n1"));
    world.mcp.took();
    client.list_tools().await.unwrap();
    assert_eq!(world.mcp.count("POST /mcp"), 4, "twice the old token, a refreshed one, and one that is granted anew");
    let asked = world.login.asked();
    let grants = asked.iter().filter(|it| it.what == "POST /token").map(|it| it.form["grant_type"].as_str());
    assert_eq!(grants.collect::<Vec<_>>(), ["authorization_code", "refresh_token", "authorization_code"]);
}

#[tokio::test]
async fn a_provider_of_ones_own_may_have_bound_tokens() {
    let world = World::start().await;
    world.mcp.on("POST /mcp", |asked| {
        assert_eq!(asked.headers["authorization"], "DPoP mine");
        assert_eq!(asked.headers["dpop"], format!("POST {}", asked.headers["host"]));
        Reply::page(500)
    });
    let provider = |request: TokenRequest| async move {
        let host = request.url.authority();
        Ok::<_, io::Error>(Some(Credential::dpop("mine", format!("{} {host}", request.method))))
    };
    Client::http(world.server()).era(Era::Modern).token_provider(provider).connect().await.unwrap_err();
    assert_eq!(world.mcp.count("POST /mcp"), 1);
    let shown = format!("{:?}", Credential::dpop("mine", "proof"));
    assert!(!shown.contains("mine") && !shown.contains("proof"), "{shown}");
}

#[tokio::test]
async fn the_key_is_in_the_store_and_nowhere_else() {
    let log = super::tokens::Log::default();
    let _logging = log.listen();
    let world = World::start().await;
    binds(&world.login);
    wants_proofs(&world);
    let store = MemoryTokens::default();
    let oauth = agreeable(&world).store(store.clone()).build().unwrap();
    let client = Client::http(world.server()).era(Era::Modern).token_provider(oauth.clone()).connect().await.unwrap();
    client.list_tools().await.unwrap();
    let token = oauth.token(&world.server(), None).await.unwrap().unwrap();
    let shown = format!("{oauth:?} {token:?} {}", log.text());

    let key = format!(r#"["tokens","{}","{}","client-1"]"#, world.login.url, world.server());
    let kept = store.get(&key).await.unwrap().expect("the tokens are kept");
    let kept: Value = serde_json::from_slice(kept.as_bytes()).unwrap();
    let key = kept["key"].as_str().unwrap();
    let proof = world.mcp.last("POST /mcp").headers["dpop"].clone();
    for secret in [key, token.secret(), &proof] {
        assert!(!shown.contains(secret), "{secret} is in {shown}");
    }
}
