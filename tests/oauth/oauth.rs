//! Clients that are authorized at servers over HTTP.
#![expect(clippy::unwrap_used, reason = "helpers of tests panic on purpose")]

mod authorization;
mod bound;
mod client;
mod discovery;
mod extensions;
mod registration;
mod scopes;
mod tokens;

use mcp_runtime::client::oauth::{AccessToken, Challenge, OAuth, OAuthBuilder};
use mcp_runtime::{Error, ErrorKind};
use mcp_tests_oauth::World;

/// A client whose user agrees to everything, without a browser.
fn agreeable(world: &World) -> OAuthBuilder {
    let login = world.login.clone();
    plain().on_authorize(move |page| {
        let back = login.visit(page.url());
        async move { Ok(back) }
    })
}

/// A client that cannot ask its user.
fn plain() -> OAuthBuilder {
    let http = reqwest::Client::builder().no_proxy();
    OAuth::builder("Weather desk").http_client(http)
}

/// A server wants a token, and says no more.
fn unauthorized() -> Challenge {
    Challenge::new(401, ["Bearer"])
}

/// A token for a server that has just said that it wants one.
async fn token(oauth: &OAuth, world: &World) -> Result<String, Error> {
    let token = oauth.token(&world.server(), Some(&unauthorized())).await?;
    Ok(token.expect("a token").secret().to_owned())
}

/// A server does not accept this token.
fn rejected(token: &str) -> Challenge {
    Challenge::new(401, [r#"Bearer error="invalid_token""#]).sent(Some(AccessToken::from(token.to_owned())))
}

/// A server wants more of whoever has this token.
fn insufficient(token: &str, scopes: &str) -> Challenge {
    let header = format!(r#"Bearer error="insufficient_scope", scope="{scopes}""#);
    Challenge::new(403, [header]).sent(Some(AccessToken::from(token.to_owned())))
}

/// Somebody lied or blundered, and nobody was asked for a token.
#[track_caller]
fn assert_distrusted(world: &World, error: &Error, message: &str) {
    assert_eq!(error.to_string(), message);
    assert_eq!(error.kind(), ErrorKind::Protocol);
    assert_eq!(world.login.count("POST /token"), 0, "no token is asked for");
}
