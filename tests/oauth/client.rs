//! A client over HTTP, and a server that wants tokens.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use mcp_runtime::auth::{AccessToken, Authorization, TokenError};
use mcp_runtime::client::Era;
use mcp_runtime::prelude::*;
use mcp_runtime::protocol::ProtocolVersion;
use mcp_runtime::{Client, ErrorKind};
use mcp_tests_oauth::{Reply, Site, authorization_server};
use serde_json::json;
use tokio::net::TcpListener;

use super::plain;

/// Look.
#[tool]
fn look() -> &'static str {
    "seen"
}

/// Change something.
#[tool(scopes("write"))]
fn change() -> &'static str {
    "changed"
}

/// A server that takes the tokens of this authorization server.
async fn protected(login: &Site) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/mcp", listener.local_addr().unwrap());
    let scopes = Arc::new(Mutex::new(String::new()));
    // Tokens say themselves what they are good for.
    login.on("POST /token", {
        let scopes = scopes.clone();
        move |asked| {
            let scope = scopes.lock().unwrap().replace(' ', "+");
            let kind = &asked.form["grant_type"];
            Reply::json(
                200,
                &json!({ "access_token": format!("{kind}.{scope}"), "token_type": "Bearer", "refresh_token": "r" }),
            )
        }
    });
    login.on("GET /authorize", move |asked| {
        *scopes.lock().unwrap() = asked.query.get("scope").cloned().unwrap_or_default();
        let (back, state) = (&asked.query["redirect_uri"], &asked.query["state"]);
        Reply::to(format!("{back}?code=c&state={state}"))
    });
    login.change(mcp_tests_oauth::LOGIN, |it| it["authorization_response_iss_parameter_supported"] = false.into());
    let verifier = |token: String| async move {
        match token.split_once('.') {
            Some((_, scopes)) => Ok(AccessToken::new("ada").scopes(scopes.split('+'))),
            None => Err(TokenError::Invalid("it is none of ours")),
        }
    };
    let server = Server::new("protected").tools(tools![look, change]);
    let authorization = Authorization::new(&url, verifier).server(&login.url).scopes(["read"]);
    let http = server.build().unwrap().http().authorization(authorization);
    tokio::spawn(async move { http.serve(listener).await });
    url
}

#[tokio::test]
async fn a_client_is_let_in_and_gets_more_scopes_when_a_tool_needs_them() {
    for (era, version) in [(Era::Auto, ProtocolVersion::V2026_07_28), (Era::Legacy, ProtocolVersion::V2025_11_25)] {
        let login = authorization_server().await;
        let url = protected(&login).await;
        let browser = login.clone();
        let oauth = plain().on_authorize(move |page| {
            let back = browser.visit(page.url());
            async move { Ok(back) }
        });
        let oauth = oauth.build().unwrap();
        let client = Client::http(&url).era(era).token_provider(oauth.clone()).connect().await.unwrap();
        assert_eq!(client.protocol_version(), version);
        assert_eq!(client.call::<String>("look", ()).await.unwrap(), "seen");
        assert_eq!(login.count("GET /authorize"), 1);
        assert_eq!(login.last("GET /authorize").query["scope"], "read");

        assert_eq!(client.call::<String>("change", ()).await.unwrap(), "changed");
        assert_eq!(login.last("GET /authorize").query["scope"], "read write");
        assert_eq!(client.call::<String>("change", ()).await.unwrap(), "changed");
        assert_eq!(login.count("GET /authorize"), 2);
        assert_eq!(login.last("POST /token").form["resource"], url);

        // Another client of the program is let in as well.
        let client = Client::http(&url).era(era).token_provider(oauth).connect().await.unwrap();
        assert_eq!(client.call::<String>("change", ()).await.unwrap(), "changed");
        assert_eq!(login.count("GET /authorize"), 2);
    }
}

#[tokio::test]
async fn a_user_may_take_longer_than_a_server() {
    let login = authorization_server().await;
    let url = protected(&login).await;
    let browser = login.clone();
    let oauth = plain().on_authorize(move |page| {
        let back = browser.visit(page.url());
        async move {
            // Longer than a server may take for an answer, let alone for one that says which versions it speaks.
            tokio::time::pause();
            tokio::time::advance(Duration::from_secs(10)).await;
            tokio::time::resume();
            Ok(back)
        }
    });
    let builder = Client::http(&url).token_provider(oauth.build().unwrap()).timeout(Duration::from_secs(8));
    let client = builder.connect().await.unwrap();
    assert_eq!(client.protocol_version(), ProtocolVersion::V2026_07_28, "it is not taken for an old one");
}

#[tokio::test]
async fn a_user_who_does_not_want_is_asked_once() {
    let login = authorization_server().await;
    let url = protected(&login).await;
    let asked = Arc::new(Mutex::new(0));
    let oauth = plain().authorization_timeout(Duration::from_secs(9)).on_authorize({
        let asked = asked.clone();
        move |_| {
            *asked.lock().unwrap() += 1;
            async {
                tokio::time::pause();
                tokio::time::advance(Duration::from_secs(10)).await;
                tokio::time::resume();
                Ok(())
            }
        }
    });
    let error = Client::http(&url).token_provider(oauth.build().unwrap()).connect().await.unwrap_err();
    assert_eq!(error.to_string(), format!("there is no token for {url}: the user has not decided within 9s"));
    assert_eq!(error.kind(), ErrorKind::Unauthorized);
    assert_eq!(*asked.lock().unwrap(), 1, "a server that wants a token is not one of an old version");
}

#[tokio::test]
async fn a_server_that_never_has_enough_is_left() {
    let login = authorization_server().await;
    let url = protected(&login).await;
    let browser = login.clone();
    let oauth = plain().on_authorize(move |page| {
        let back = browser.visit(page.url());
        async move { Ok(back) }
    });
    let client = Client::http(&url).token_provider(oauth.build().unwrap()).connect().await.unwrap();
    // The user gives less than what was asked for.
    login.at(
        "POST /token",
        Reply::json(200, &json!({ "access_token": "x.read", "token_type": "Bearer", "scope": "read" })),
    );
    for _ in 0..2 {
        let error = client.call::<String>("change", ()).await.unwrap_err();
        let told =
            format!("there is no token for {url}: the server wants the scopes \"write\", which were asked for already");
        assert_eq!(error.to_string(), told);
        assert_eq!(error.kind(), ErrorKind::Unauthorized);
    }
    assert_eq!(login.count("GET /authorize"), 2);
    assert_eq!(client.call::<String>("look", ()).await.unwrap(), "seen");
}

#[tokio::test]
async fn tokens_that_have_ended_are_renewed_in_the_middle_of_things() {
    let login = authorization_server().await;
    let url = protected(&login).await;
    let browser = login.clone();
    let oauth = plain().on_authorize(move |page| {
        let back = browser.visit(page.url());
        async move { Ok(back) }
    });
    let client = Client::http(&url).token_provider(oauth.build().unwrap()).connect().await.unwrap();
    let brief =
        json!({ "access_token": "brief.read+write", "token_type": "Bearer", "expires_in": 0, "refresh_token": "r2" });
    login.at("POST /token", Reply::json(200, &brief));
    assert_eq!(client.call::<String>("change", ()).await.unwrap(), "changed");
    for _ in 0..3 {
        assert_eq!(client.call::<String>("look", ()).await.unwrap(), "seen");
    }
    assert_eq!(login.last("POST /token").form["grant_type"], "refresh_token");
    assert_eq!(login.count("GET /authorize"), 2);
}
