//! How tokens are kept and kept fresh.

use std::io;
use std::sync::{Arc, Mutex};

use mcp_runtime::ErrorKind;
use mcp_runtime::client::oauth::{
    AccessToken, Challenge, MemoryTokens, OAuth, PrivateKey, RegisteredClient, Secret, SigningAlgorithm, TokenStore,
};
use mcp_tests_oauth::{RESOURCE, Reply, Site, World};
use serde_json::json;
use tokio::sync::Notify;

use super::{agreeable, insufficient, plain, rejected, token};

/// Has the authorization server give tokens that are over at once.
fn short_lived(login: &Site) {
    let good = Mutex::new((0, String::new()));
    login.on("POST /token", move |asked| {
        let mut good = good.lock().unwrap();
        if asked.form["grant_type"] == "refresh_token" && asked.form["refresh_token"] != good.1 {
            return Reply::refusal("invalid_grant", "used already");
        }
        good.0 += 1;
        good.1 = format!("refresh-{}", good.0);
        let token = format!("access-{}", good.0);
        Reply::json(
            200,
            &json!({
                "access_token": token, "token_type": "Bearer", "expires_in": 0, "refresh_token": good.1,
            }),
        )
    });
}

#[tokio::test]
async fn a_token_is_refreshed_before_its_end_and_the_refresh_token_changes() {
    let world = World::start().await;
    short_lived(&world.login);
    let (oauth, server) = (agreeable(&world).build().unwrap(), world.server());
    assert_eq!(token(&oauth, &world).await.unwrap(), "access-1");
    for (before, expected) in [("refresh-1", "access-2"), ("refresh-2", "access-3")] {
        let token = oauth.token(&server, None).await.unwrap().unwrap();
        assert_eq!(token.secret(), expected);
        let asked = world.login.last("POST /token");
        assert_eq!(asked.form["refresh_token"], before);
        assert_eq!(asked.form["resource"], server.as_str());
        assert_eq!(asked.form["client_id"], "client-1");
    }
    assert_eq!(world.login.count("GET /authorize"), 1);
}

#[tokio::test]
async fn many_requests_refresh_once() {
    let world = World::start().await;
    let oauth = agreeable(&world).build().unwrap();
    let old = token(&oauth, &world).await.unwrap();
    let all = (0..20).map(|_| {
        let (oauth, server, challenge) = (oauth.clone(), world.server(), rejected(&old));
        tokio::spawn(async move { oauth.token(&server, Some(&challenge)).await })
    });
    for task in all.collect::<Vec<_>>() {
        assert_eq!(task.await.unwrap().unwrap().unwrap().secret(), "access-5");
    }
    assert_eq!(world.login.count("POST /token"), 2);
}

#[tokio::test]
async fn when_refreshing_fails_the_user_is_asked_again_for_all_there_was() {
    let world = World::start().await;
    let (oauth, server) = (agreeable(&world).build().unwrap(), world.server());
    let first = oauth.token(&server, Some(&Challenge::new(401, ["Bearer scope=a"]))).await.unwrap().unwrap();
    let second = oauth.token(&server, Some(&insufficient(first.secret(), "b"))).await.unwrap().unwrap();

    let login = world.login.clone();
    let asked = Mutex::new(0);
    world.login.on("POST /token", move |it| {
        let mut asked = asked.lock().unwrap();
        *asked += 1;
        match it.form["grant_type"].as_str() {
            "refresh_token" => Reply::refusal("invalid_grant", "you were away too long"),
            _ => Reply::json(200, &json!({ "access_token": "third", "token_type": "Bearer" })),
        }
    });
    let challenge = Challenge::new(401, ["Bearer scope=a"]).sent(Some(second));
    let third = oauth.token(&server, Some(&challenge)).await.unwrap().unwrap();
    assert_eq!(third.secret(), "third");
    assert_eq!(login.last("GET /authorize").query["scope"], "a b");
}

#[tokio::test]
async fn when_refreshing_fails_before_a_request_the_server_is_asked_what_it_wants() {
    let world = World::start().await;
    short_lived(&world.login);
    let (oauth, server) = (agreeable(&world).build().unwrap(), world.server());
    token(&oauth, &world).await.unwrap();
    world.login.at("POST /token", Reply::refusal("invalid_grant", "gone"));
    assert!(oauth.token(&server, None).await.unwrap().is_none());
    assert_eq!(world.login.count("GET /authorize"), 1, "the user is not asked without need");
    short_lived(&world.login);
    assert_eq!(token(&oauth, &world).await.unwrap(), "access-1");
    assert_eq!(world.login.count("GET /authorize"), 2);
}

#[tokio::test]
async fn trouble_that_passes_costs_no_refresh_token() {
    let world = World::start().await;
    let (oauth, server) = (agreeable(&world).build().unwrap(), world.server());
    let old = token(&oauth, &world).await.unwrap();
    let good = world.login.clone();
    for trouble in [Reply::page(503), Reply::refusal("temporarily_unavailable", "in a minute")] {
        good.at("POST /token", trouble);
        oauth.token(&server, Some(&rejected(&old))).await.unwrap_err();
    }
    good.at("POST /token", Reply::json(200, &json!({ "access_token": "new", "token_type": "Bearer" })));
    assert_eq!(oauth.token(&server, Some(&rejected(&old))).await.unwrap().unwrap().secret(), "new");
    assert_eq!(good.last("POST /token").form["refresh_token"], "refresh-4");
    assert_eq!(good.count("GET /authorize"), 1);
}

#[tokio::test]
async fn tokens_that_are_never_accepted_end_somewhere() {
    let world = World::start().await;
    let (oauth, server) = (agreeable(&world).build().unwrap(), world.server());
    let first = token(&oauth, &world).await.unwrap();
    // The server has refused it within the request that it was got for.
    let error = oauth.token(&server, Some(&rejected(&first).attempt(1))).await.unwrap_err();
    let told = "the server does not accept the token that its authorization server has just given";
    assert_eq!(error.to_string(), told);
    assert_eq!(error.kind(), ErrorKind::Unauthorized);
    // In a later one, it may just be old: it is refreshed, and if that does not help, the user is asked.
    let second = oauth.token(&server, Some(&rejected(&first))).await.unwrap().unwrap();
    assert_eq!(world.login.count("GET /authorize"), 1);
    let third = oauth.token(&server, Some(&rejected(second.secret()).attempt(1))).await.unwrap().unwrap();
    assert_eq!(world.login.count("GET /authorize"), 2);
    let error = oauth.token(&server, Some(&rejected(third.secret()).attempt(2))).await.unwrap_err();
    assert_eq!(error.to_string(), told);
}

#[tokio::test]
async fn a_refresh_that_nobody_waits_for_is_not_lost() {
    let world = World::start().await;
    let (oauth, server) = (agreeable(&world).build().unwrap(), world.server());
    let old = token(&oauth, &world).await.unwrap();
    let (reached, login) = (Arc::new(Notify::new()), world.login.clone());
    world.login.on("POST /token", {
        let reached = reached.clone();
        move |_| {
            reached.notify_one();
            Reply::json(200, &json!({ "access_token": "new", "token_type": "Bearer", "refresh_token": "newer" }))
        }
    });
    let challenge = rejected(&old);
    tokio::select! {
        biased;
        () = reached.notified() => {}
        _ = oauth.token(&server, Some(&challenge)) => panic!("the request is dropped before"),
    }
    let new = oauth.token(&server, Some(&challenge)).await.unwrap().unwrap();
    assert_eq!(new.secret(), "new");
    assert_eq!(login.count("POST /token"), 2, "it was refreshed once");
}

#[tokio::test]
async fn what_is_kept_lasts_longer_than_the_program() {
    let world = World::start().await;
    let store = MemoryTokens::default();
    let oauth = agreeable(&world).store(store.clone()).build().unwrap();
    let kept = token(&oauth, &world).await.unwrap();
    drop(oauth);
    world.login.took();

    let oauth = agreeable(&world).store(store.clone()).build().unwrap();
    assert_eq!(token(&oauth, &world).await.unwrap(), kept);
    assert_eq!(world.login.count("GET /authorize") + world.login.count("POST /register"), 0);
    // It is over, and refreshed.
    let new = oauth.token(&world.server(), Some(&rejected(&kept).attempt(1))).await.unwrap().unwrap();
    assert_eq!(world.login.last("POST /token").form["grant_type"], "refresh_token");
    assert_eq!(world.login.count("GET /authorize"), 0);

    // Another process has refreshed meanwhile, and this one takes what it has got.
    let other = agreeable(&world).store(store).build().unwrap();
    assert_eq!(token(&other, &world).await.unwrap(), new.secret());
    let newer = other.token(&world.server(), Some(&rejected(new.secret()))).await.unwrap().unwrap();
    let count = world.login.count("POST /token");
    let taken = oauth.token(&world.server(), Some(&rejected(new.secret()))).await.unwrap().unwrap();
    assert_eq!(taken, newer);
    assert_eq!(world.login.count("POST /token"), count);
}

#[tokio::test]
async fn what_was_refused_in_an_earlier_run_may_be_asked_for_again() {
    let world = World::start().await;
    let store = MemoryTokens::default();
    let challenge = Challenge::new(401, ["Bearer scope=admin"]);
    let oauth = agreeable(&world).store(store.clone()).build().unwrap();
    oauth.token(&world.server(), Some(&challenge)).await.unwrap().unwrap();
    let oauth = agreeable(&world).store(store).build().unwrap();
    let kept = oauth.token(&world.server(), Some(&challenge)).await.unwrap().unwrap();
    oauth.token(&world.server(), Some(&insufficient(kept.secret(), "admin").attempt(1))).await.unwrap().unwrap();
    assert_eq!(world.login.count("GET /authorize"), 2);
}

/// A store that is broken.
struct Broken;

impl TokenStore for Broken {
    async fn get(&self, _: &str) -> Result<Option<Secret>, Box<dyn std::error::Error + Send + Sync>> {
        Err(io::Error::other("it is locked").into())
    }

    async fn put(&self, _: &str, _: Secret) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        unreachable!("nothing was got")
    }

    async fn remove(&self, _: &str) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        unreachable!("nothing was got")
    }
}

/// A store that forgets everything.
struct Forgetful;

impl TokenStore for Forgetful {
    async fn get(&self, _: &str) -> Result<Option<Secret>, Box<dyn std::error::Error + Send + Sync>> {
        Ok(None)
    }

    async fn put(&self, _: &str, _: Secret) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        Err(io::Error::other("it is full").into())
    }

    async fn remove(&self, _: &str) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        Err(io::Error::other("it is full").into())
    }
}

#[tokio::test]
async fn a_store_that_cannot_be_read_is_an_error_and_one_that_is_full_is_none() {
    let world = World::start().await;
    let error = token(&agreeable(&world).store(Broken).build().unwrap(), &world).await.unwrap_err();
    assert_eq!(error.to_string(), "the store of tokens could not be asked");
    assert_eq!(error.kind(), ErrorKind::Io);
    let oauth = agreeable(&world).store(Forgetful).build().unwrap();
    let first = token(&oauth, &world).await.unwrap();
    assert_eq!(oauth.token(&world.server(), None).await.unwrap().unwrap().secret(), first);
}

#[tokio::test]
async fn servers_share_no_tokens_unless_they_are_one_resource() {
    let world = World::start().await;
    let (oauth, server) = (agreeable(&world).build().unwrap(), world.server());
    let first = token(&oauth, &world).await.unwrap();
    let other = format!("{}/other", world.mcp.url).parse().unwrap();
    assert!(oauth.token(&other, None).await.unwrap().is_none());

    let root = json!({ "resource": world.mcp.url, "authorization_servers": [world.login.url] });
    world.mcp.at("GET /.well-known/oauth-protected-resource/other", Reply::json(200, &root));
    let second = oauth.token(&other, Some(&Challenge::new(401, ["Bearer"]))).await.unwrap().unwrap();
    assert_ne!(second.secret(), first);
    world.mcp.at(&format!("GET {RESOURCE}"), Reply::json(200, &root));
    let shared = oauth.token(&server, Some(&rejected(&first))).await.unwrap().unwrap();
    assert_eq!(shared, second, "the first server says now that it is part of the same resource");
}

#[tokio::test]
async fn a_client_that_acts_for_itself_gets_a_new_token_by_itself() {
    let world = World::start().await;
    let http = reqwest::Client::builder().no_proxy();
    let client = RegisteredClient::new("me").secret("s3cr3t");
    let oauth = OAuth::client_credentials(client).http_client(http).build().unwrap();
    let brief =
        |token: &str| Reply::json(200, &json!({ "access_token": token, "token_type": "Bearer", "expires_in": 0 }));
    world.login.at("POST /token", brief("first"));
    assert_eq!(token(&oauth, &world).await.unwrap(), "first");
    world.login.at("POST /token", brief("second"));
    assert_eq!(oauth.token(&world.server(), None).await.unwrap().unwrap().secret(), "second");
    assert_eq!(world.login.last("POST /token").form["grant_type"], "client_credentials");
    world.login.at("POST /token", Reply::refusal("unauthorized_client", "not any more"));
    let error = oauth.token(&world.server(), None).await.unwrap_err();
    assert_eq!(error.to_string(), "the authorization server gives no token: unauthorized_client (not any more)");
}

/// What is logged, at every level and by everybody.
#[derive(Clone, Default)]
pub(super) struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// Hears what this thread logs.
    pub(super) fn listen(&self) -> tracing::subscriber::DefaultGuard {
        let log = self.clone();
        let subscriber =
            tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(move || log.clone());
        tracing::subscriber::set_default(subscriber.finish())
    }

    pub(super) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn secrets_are_shown_nowhere() {
    let log = Log::default();
    let _logging = log.listen();

    let world = World::start().await;
    let secret = RegisteredClient::new("me").secret("s3cr3t").issuer(&world.login.url);
    let shown = [
        format!("{secret:?}"),
        format!("{:?}", AccessToken::from("access-".to_owned())),
        format!("{:?}", rejected("access-")),
        format!("{:?}", Secret::from(b"access-".to_vec())),
        format!("{:?}", PrivateKey::from_pem(SigningAlgorithm::Es256, include_str!("keys/ec-private.pem"))),
    ];
    let builder = agreeable(&world).registered(secret);
    let mut shown = Vec::from(shown);
    shown.push(format!("{builder:?}"));
    let oauth = builder.build().unwrap();
    let first = token(&oauth, &world).await.unwrap();
    oauth.token(&world.server(), Some(&rejected(&first))).await.unwrap().unwrap();
    // Registering, failing, and a callback with a code.
    world.login.at("POST /token", Reply::json(200, &json!({ "access_token": 7, "refresh_token": "refresh-x" })));
    let error = token(&agreeable(&world).build().unwrap(), &world).await.unwrap_err();
    shown.extend([format!("{oauth:?}"), format!("{error:?}")]);
    world.login.at("POST /token", Reply::Hang);
    let login = world.login.clone();
    let oauth = plain().on_authorize(move |page| {
        let back = login.visit(page.url());
        async move { Ok(back) }
    });
    shown.push(format!("{:?}", token(&oauth.build().unwrap(), &world).await.unwrap_err()));

    shown.push(log.text());
    let verifier = world.login.last("POST /token").form["code_verifier"].clone();
    let state = world.login.last("GET /authorize").query["state"].clone();
    for shown in shown {
        for secret in ["access-", "refresh-", "code-", "secret-", "s3cr3t", &verifier, &state] {
            assert!(!shown.contains(secret), "{secret} is in {shown}");
        }
    }
}
