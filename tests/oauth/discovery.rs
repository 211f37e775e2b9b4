//! Who gives tokens for a server.

use mcp_runtime::ErrorKind;
use mcp_runtime::client::oauth::Challenge;
use mcp_tests_oauth::{LOGIN, RESOURCE, Reply, Site, World, authorization_server, metadata, serve_authorization};
use serde_json::json;

use super::{agreeable, assert_distrusted, plain, token};

#[tokio::test]
async fn a_user_is_asked_once_and_the_token_kept() {
    let world = World::start().await;
    let (oauth, server) = (agreeable(&world).build().unwrap(), world.server());
    assert!(oauth.token(&server, None).await.unwrap().is_none(), "nobody has asked for one yet");
    assert!(world.mcp.asked().is_empty());

    assert_eq!(token(&oauth, &world).await.unwrap(), "access-3");
    assert_eq!(world.mcp.took(), [format!("GET {RESOURCE}")]);
    let resource = format!("{}/mcp", world.mcp.url);
    let visit = world.login.last("GET /authorize");
    assert_eq!(visit.query["client_id"], "client-1");
    assert_eq!(visit.query["resource"], resource, "as the server writes it");
    assert!(visit.query["redirect_uri"].starts_with("http://127.0.0.1:"), "{}", visit.query["redirect_uri"]);
    assert!(!visit.query.contains_key("scope"), "nobody has named any");
    let exchange = world.login.last("POST /token");
    assert_eq!(exchange.form["resource"], resource);
    assert_eq!(exchange.form["client_id"], "client-1");
    assert!(!exchange.headers.contains_key("authorization"));
    assert_eq!(world.login.took(), [&format!("GET {LOGIN}"), "POST /register", "GET /authorize", "POST /token"]);

    let kept = oauth.token(&server, None).await.unwrap().unwrap();
    assert_eq!(kept.secret(), "access-3");
    assert!(world.login.asked().is_empty(), "it is at hand");
}

#[tokio::test]
async fn the_challenge_says_where_the_metadata_are() {
    let world = World::start().await;
    world.mcp.at("GET /custom/metadata.json", Reply::json(200, &world.resource()));
    let place = format!("{}/custom/metadata.json", world.mcp.url);
    let challenge = Challenge::new(401, [format!(r#"Bearer resource_metadata="{place}""#)]);
    let oauth = agreeable(&world).build().unwrap();
    assert!(oauth.token(&world.server(), Some(&challenge)).await.unwrap().is_some());
    assert_eq!(world.mcp.took(), ["GET /custom/metadata.json"], "and nowhere else");

    world.mcp.remove("GET /custom/metadata.json");
    let error = plain().build().unwrap().token(&world.server(), Some(&challenge)).await.unwrap_err();
    let told = format!("there are no metadata of the server at {place}, where it says that they are (404)");
    assert_eq!(error.to_string(), told);
}

#[tokio::test]
async fn metadata_at_the_root_are_for_everything_below() {
    let world = World::start().await;
    world.mcp.remove(&format!("GET {RESOURCE}"));
    let root = json!({ "resource": world.mcp.url, "authorization_servers": [world.login.url] });
    world.mcp.at("GET /.well-known/oauth-protected-resource", Reply::json(200, &root));
    token(&agreeable(&world).build().unwrap(), &world).await.unwrap();
    assert_eq!(world.mcp.took(), [&format!("GET {RESOURCE}"), "GET /.well-known/oauth-protected-resource"]);
    assert_eq!(world.login.last("POST /token").form["resource"], world.mcp.url, "without a slash that it did not have");
}

#[tokio::test]
async fn pages_that_are_everywhere_are_no_metadata() {
    let world = World::start().await;
    world.mcp.at(&format!("GET {RESOURCE}"), Reply::page(200));
    world.mcp.at("GET /.well-known/oauth-protected-resource", Reply::json(200, &world.resource()));
    world.login.at(&format!("GET {LOGIN}"), Reply::page(200));
    world.login.at("GET /.well-known/openid-configuration", Reply::json(200, &metadata(&world.login, "")));
    token(&agreeable(&world).build().unwrap(), &world).await.unwrap();
}

#[tokio::test]
async fn authorization_servers_have_their_metadata_in_one_of_three_places() {
    let places = [
        "/.well-known/oauth-authorization-server/tenant1",
        "/.well-known/openid-configuration/tenant1",
        "/tenant1/.well-known/openid-configuration",
    ];
    for (at, place) in places.iter().enumerate() {
        let mut world = World::start().await;
        world.login = Site::start().await;
        serve_authorization(&world.login, "/tenant1");
        world.login.at(&format!("GET {place}"), Reply::json(200, &metadata(&world.login, "/tenant1")));
        let issuer = format!("{}/tenant1", world.login.url);
        world.mcp.change(RESOURCE, move |it| it["authorization_servers"] = json!([issuer]));
        token(&agreeable(&world).build().unwrap(), &world).await.unwrap();
        let asked: Vec<_> = world.login.took().into_iter().take(at + 1).collect();
        assert_eq!(asked, places[..=at].iter().map(|it| format!("GET {it}")).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn metadata_of_another_resource_are_refused() {
    let world = World::start().await;
    world.mcp.change(RESOURCE, |it| it["resource"] = "https://evil.example/mcp".into());
    let error = token(&agreeable(&world).build().unwrap(), &world).await.unwrap_err();
    let (at, server) = (format!("{}{RESOURCE}", world.mcp.url), world.server());
    assert_distrusted(&world, &error, &format!("the metadata at {at} are those of another resource than {server}"));
    assert!(world.login.asked().is_empty());
}

#[tokio::test]
async fn metadata_that_say_too_little_are_refused() {
    let world = World::start().await;
    let oauth = agreeable(&world).build().unwrap();
    let at = format!("{}{RESOURCE}", world.mcp.url);
    for nobody in [json!([]), json!(null)] {
        world.mcp.change(RESOURCE, move |it| it["authorization_servers"] = nobody.clone());
        let error = token(&oauth, &world).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Protocol, "{error}");
    }
    world.mcp.at(&format!("GET {RESOURCE}"), Reply::json(200, &json!({ "authorization_servers": ["x"] })));
    let error = token(&oauth, &world).await.unwrap_err();
    let told = format!("the metadata of the server at {at} are not valid: missing field `resource`");
    assert_distrusted(&world, &error, &told);
    // A server in trouble is not one of an old revision.
    world.mcp.at(&format!("GET {RESOURCE}"), Reply::page(503));
    let error = token(&oauth, &world).await.unwrap_err();
    assert_distrusted(&world, &error, &format!("the metadata of the server are not to be had: {at} answers 503"));
}

#[tokio::test]
async fn metadata_of_another_authorization_server_are_refused() {
    let world = World::start().await;
    let oauth = agreeable(&world).build().unwrap();
    for issuer in ["https://honest.example".to_owned(), format!("{}/", world.login.url), String::new()] {
        world.login.change(LOGIN, move |it| it["issuer"] = issuer.clone().into());
        let error = token(&oauth, &world).await.unwrap_err();
        let told = format!("the metadata of the authorization server \"{}\" are those of another one", world.login.url);
        assert_distrusted(&world, &error, &told);
        assert_eq!(world.login.count("POST /register") + world.login.count("GET /authorize"), 0);
    }
}

#[tokio::test]
async fn authorization_servers_without_metadata_are_refused() {
    let world = World::start().await;
    world.login.remove(&format!("GET {LOGIN}"));
    let oauth = agreeable(&world).build().unwrap();
    let error = token(&oauth, &world).await.unwrap_err();
    let login = &world.login.url;
    let told = format!("the authorization server \"{login}\" has no metadata where they have to be");
    assert_distrusted(&world, &error, &told);
    world.login.at(&format!("GET {LOGIN}"), Reply::page(500));
    let error = token(&oauth, &world).await.unwrap_err();
    let told = format!("the metadata of the authorization server are not to be had: {login}{LOGIN} answers 500");
    assert_distrusted(&world, &error, &told);
}

#[tokio::test]
async fn servers_send_their_clients_to_safe_addresses_only() {
    let world = World::start().await;
    let oauth = agreeable(&world).build().unwrap();
    let challenge = Challenge::new(401, [r#"Bearer resource_metadata="http://169.254.169.254/latest/meta-data""#]);
    let error = oauth.token(&world.server(), Some(&challenge)).await.unwrap_err();
    let told = "the metadata of the server is not at an https address: http://169.254.169.254/latest/meta-data";
    assert_distrusted(&world, &error, told);

    for (place, url, told) in [
        (
            "token_endpoint",
            "http://login.example/token",
            "the token endpoint is not at an https address: http://login.example/token",
        ),
        ("authorization_endpoint", "javascript:alert(1)", "the authorization endpoint is not a plain https address"),
        ("registration_endpoint", "/register", "the registration endpoint is no address: relative URL without a base"),
    ] {
        let world = World::start().await;
        world.login.change(LOGIN, move |it| it[place] = url.into());
        let error = token(&agreeable(&world).build().unwrap(), &world).await.unwrap_err();
        assert_distrusted(&world, &error, told);
    }

    world.mcp.change(RESOURCE, |it| it["authorization_servers"] = json!(["http://login.example"]));
    let error = token(&oauth, &world).await.unwrap_err();
    assert_distrusted(&world, &error, "the authorization server is not at an https address: http://login.example/");

    let server = "http://mcp.example/mcp".parse().unwrap();
    let error = oauth.token(&server, Some(&super::unauthorized())).await.unwrap_err();
    assert_distrusted(&world, &error, "the server is not at an https address: http://mcp.example/mcp");
}

#[tokio::test]
async fn documents_may_move_within_their_origin_only() {
    let world = World::start().await;
    world.mcp.at(&format!("GET {RESOURCE}"), Reply::to("/moved"));
    world.mcp.at("GET /moved", Reply::json(200, &world.resource()));
    token(&agreeable(&world).build().unwrap(), &world).await.unwrap();

    let other = authorization_server().await;
    world.mcp.at(&format!("GET {RESOURCE}"), Reply::to(format!("{}/moved", other.url)));
    let error = token(&agreeable(&world).build().unwrap(), &world).await.unwrap_err();
    let at = format!("{}{RESOURCE}", world.mcp.url);
    assert_eq!(error.to_string(), format!("{at} leads to another origin, which is not followed"));
    assert!(other.asked().is_empty());

    world.mcp.at(&format!("GET {RESOURCE}"), Reply::to(RESOURCE));
    let error = token(&agreeable(&world).build().unwrap(), &world).await.unwrap_err();
    assert_eq!(error.to_string(), format!("{at} has moved too often"));
}

#[tokio::test]
async fn endpoints_do_not_move() {
    let world = World::start().await;
    let other = authorization_server().await;
    let elsewhere = Reply::Answer(307, vec![("location", format!("{}/token", other.url))], String::new());
    world.login.at("POST /token", elsewhere);
    let error = token(&agreeable(&world).build().unwrap(), &world).await.unwrap_err();
    assert_eq!(error.to_string(), format!("{}/token answers 307, and gives no token", world.login.url));
    assert!(other.asked().is_empty(), "nobody else sees the code");
}

#[tokio::test]
async fn documents_without_end_are_left() {
    let world = World::start().await;
    world.mcp.at(&format!("GET {RESOURCE}"), Reply::Endless);
    let error = token(&agreeable(&world).build().unwrap(), &world).await.unwrap_err();
    let told = format!("what {}{RESOURCE} answers is longer than 262144 bytes", world.mcp.url);
    assert_distrusted(&world, &error, &told);
}

#[tokio::test]
async fn who_never_answers_is_not_waited_for() {
    let world = World::start().await;
    world.login.at(&format!("GET {LOGIN}"), Reply::Hang);
    let error = token(&agreeable(&world).build().unwrap(), &world).await.unwrap_err();
    assert_eq!(error.to_string(), format!("{}{LOGIN} did not answer in time", world.login.url));
    assert_eq!(error.kind(), ErrorKind::Timeout);
}

#[tokio::test]
async fn servers_of_2025_03_26_are_their_own_authorization_servers() {
    // With metadata, at the root of the server.
    let mut world = World::start().await;
    world.mcp.remove(&format!("GET {RESOURCE}"));
    serve_authorization(&world.mcp, "/oauth");
    let mut document = metadata(&world.mcp, "/oauth");
    document["issuer"] = world.mcp.url.clone().into();
    document["authorization_response_iss_parameter_supported"] = false.into();
    world.mcp.at(&format!("GET {LOGIN}"), Reply::json(200, &document));
    world.login = world.mcp.clone();
    world.mcp.on("GET /oauth/authorize", |it| Reply::to(format!("http://x/?code=c&state={}", it.query["state"])));
    let tokens = json!({ "access_token": "old", "token_type": "Bearer" });
    world.mcp.at("POST /oauth/token", Reply::json(200, &tokens));
    assert_eq!(token(&agreeable(&world).build().unwrap(), &world).await.unwrap(), "old");
    assert_eq!(world.mcp.last("POST /oauth/token").form["resource"], world.server().as_str());

    // Without: at the paths of that revision.
    world.mcp.remove(&format!("GET {LOGIN}"));
    world.mcp.at("POST /register", Reply::json(201, &json!({ "client_id": "me", "client_secret": "of no use" })));
    world.mcp.on("GET /authorize", |it| Reply::to(format!("http://x/?code=c&state={}", it.query["state"])));
    world.mcp.at("POST /token", Reply::json(200, &tokens));
    assert_eq!(token(&agreeable(&world).build().unwrap(), &world).await.unwrap(), "old");
    assert_eq!(world.mcp.last("GET /authorize").query["code_challenge_method"], "S256");
}

#[tokio::test]
async fn servers_that_say_nothing_at_all_are_named() {
    let world = World::start().await;
    world.mcp.remove(&format!("GET {RESOURCE}"));
    let error = token(&agreeable(&world).build().unwrap(), &world).await.unwrap_err();
    let told = format!(
        "the server wants authorization, but does not say who gives it, and registers no clients itself: \
         {}/register answers 404",
        world.mcp.url
    );
    assert_eq!(error.to_string(), told);
    assert_eq!(error.kind(), ErrorKind::Unauthorized);
}
