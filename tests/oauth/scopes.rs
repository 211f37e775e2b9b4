//! What the client asks for.

use mcp_runtime::ErrorKind;
use mcp_runtime::client::oauth::{AccessToken, Challenge};
use mcp_tests_oauth::{LOGIN, RESOURCE, World};
use serde_json::json;

use super::{agreeable, insufficient, token, unauthorized};

#[tokio::test]
async fn scopes_are_those_of_the_challenge_or_else_of_the_metadata() {
    let cases = [
        (r#"Bearer scope="files:read mail""#, Some(json!(["other"])), None, Some("files:read mail")),
        ("Bearer", Some(json!(["files:read", "mail"])), None, Some("files:read mail")),
        ("Bearer", None, None, None),
        ("Bearer scope=a", None, Some(json!(["a", "offline_access"])), Some("a offline_access")),
        ("Bearer scope=a", None, Some(json!(["a"])), Some("a")),
        // The authorization server may choose, so that nothing is asked for.
        ("Bearer", None, Some(json!(["offline_access"])), None),
    ];
    for (header, supported, known, expected) in cases {
        let world = World::start().await;
        let oauth = agreeable(&world).build().unwrap();
        world.mcp.change(RESOURCE, move |it| it["scopes_supported"] = json!(supported));
        world.login.change(LOGIN, move |it| it["scopes_supported"] = json!(known));
        let challenge = Challenge::new(401, [header]);
        oauth.token(&world.server(), Some(&challenge)).await.unwrap().unwrap();
        let query = world.login.last("GET /authorize").query;
        assert_eq!(query.get("scope").map(String::as_str), expected);
        let is_offline = expected.is_some_and(|it| it.contains("offline_access"));
        assert_eq!(query.get("prompt").map(String::as_str), is_offline.then_some("consent"));
    }
}

#[tokio::test]
async fn scopes_of_the_program_are_always_asked_for() {
    let world = World::start().await;
    world.mcp.change(RESOURCE, |it| it["scopes_supported"] = json!(["everything"]));
    let oauth = agreeable(&world).scopes(["mail"]).build().unwrap();
    let first = token(&oauth, &world).await.unwrap();
    assert_eq!(world.login.last("GET /authorize").query["scope"], "mail");
    oauth.token(&world.server(), Some(&insufficient(&first, "files"))).await.unwrap().unwrap();
    assert_eq!(world.login.last("GET /authorize").query["scope"], "mail files");
}

#[tokio::test]
async fn who_wants_more_gets_that_beside_what_there_was() {
    let world = World::start().await;
    world.mcp.change(RESOURCE, |it| it["scopes_supported"] = json!(["profile"]));
    let oauth = agreeable(&world).build().unwrap();
    let challenge = Challenge::new(401, ["Bearer scope=basic"]);
    let first = oauth.token(&world.server(), Some(&challenge)).await.unwrap().unwrap();
    let second = oauth.token(&world.server(), Some(&insufficient(first.secret(), "write"))).await.unwrap().unwrap();
    assert_ne!(second, first);
    assert_eq!(world.login.last("GET /authorize").query["scope"], "basic write");
    assert_eq!(oauth.token(&world.server(), None).await.unwrap().unwrap(), second);

    // A request that was made with the old token gets the new one, without a question.
    let late = oauth.token(&world.server(), Some(&insufficient(first.secret(), "write"))).await.unwrap().unwrap();
    assert_eq!(late, second);
    assert_eq!(world.login.count("GET /authorize"), 2);
}

#[tokio::test]
async fn who_wants_what_there_is_already_gets_nothing() {
    let world = World::start().await;
    let oauth = agreeable(&world).build().unwrap();
    let challenge = Challenge::new(401, ["Bearer scope=admin"]);
    let first = oauth.token(&world.server(), Some(&challenge)).await.unwrap().unwrap();
    for attempt in 0..3 {
        let challenge = insufficient(first.secret(), "admin").attempt(attempt);
        let error = oauth.token(&world.server(), Some(&challenge)).await.unwrap_err();
        assert_eq!(error.to_string(), "the server wants the scopes \"admin\", which were asked for already");
        assert_eq!(error.kind(), ErrorKind::Unauthorized);
    }
    assert_eq!(world.login.count("GET /authorize"), 1);
}

#[tokio::test]
async fn who_wants_ever_more_is_left() {
    let world = World::start().await;
    let oauth = agreeable(&world).build().unwrap();
    let mut challenge = Challenge::new(401, ["Bearer scope=a0"]);
    for attempt in 1..=3 {
        let token = oauth.token(&world.server(), Some(&challenge)).await.unwrap().unwrap();
        challenge = insufficient(token.secret(), &format!("a{attempt}")).attempt(attempt);
    }
    let error = oauth.token(&world.server(), Some(&challenge)).await.unwrap_err();
    assert_eq!(error.to_string(), "the server has refused 3 tokens for one request");
    assert_eq!(world.login.count("GET /authorize"), 3);
}

#[tokio::test]
async fn a_refusal_that_a_token_does_not_cure_is_left_alone() {
    let world = World::start().await;
    let oauth = agreeable(&world).build().unwrap();
    for challenge in [
        Challenge::new(403, [""; 0]),
        Challenge::new(403, [r#"Bearer error="invalid_token""#]),
        Challenge::new(404, ["Bearer"]),
    ] {
        let challenge = challenge.sent(Some(AccessToken::from("a".to_owned())));
        assert!(oauth.token(&world.server(), Some(&challenge)).await.unwrap().is_none());
    }
    assert!(world.mcp.asked().is_empty());
}

#[tokio::test]
async fn a_server_that_wants_more_without_saying_what_gets_what_it_lists() {
    let world = World::start().await;
    world.mcp.change(RESOURCE, |it| it["scopes_supported"] = json!(["a", "b"]));
    let oauth = agreeable(&world).build().unwrap();
    let first = Challenge::new(401, ["Bearer scope=a"]);
    let first = oauth.token(&world.server(), Some(&first)).await.unwrap().unwrap();
    let vague = |token: AccessToken| Challenge::new(403, ["Bearer error=insufficient_scope"]).sent(Some(token));
    let second = oauth.token(&world.server(), Some(&vague(first))).await.unwrap().unwrap();
    assert_eq!(world.login.last("GET /authorize").query["scope"], "a b");
    let error = oauth.token(&world.server(), Some(&vague(second))).await.unwrap_err();
    assert_eq!(error.to_string(), "the server wants more scopes, and does not say which");
    assert_eq!(error.kind(), ErrorKind::Unauthorized);
}

#[tokio::test]
async fn many_requests_ask_the_user_once() {
    let world = World::start().await;
    let oauth = agreeable(&world).build().unwrap();
    let all = (0..20).map(|_| {
        let (oauth, server) = (oauth.clone(), world.server());
        tokio::spawn(async move { oauth.token(&server, Some(&unauthorized())).await })
    });
    for task in all.collect::<Vec<_>>() {
        assert_eq!(task.await.unwrap().unwrap().unwrap().secret(), "access-3");
    }
    assert_eq!(world.login.count("GET /authorize"), 1);
    assert_eq!(world.login.count("POST /token"), 1);
}
