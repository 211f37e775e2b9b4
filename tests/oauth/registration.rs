//! Who the client is to an authorization server.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use mcp_runtime::ErrorKind;
use mcp_runtime::client::oauth::{OAuth, PrivateKey, RegisteredClient, SigningAlgorithm};
use mcp_tests_oauth::{LOGIN, RESOURCE, Reply, World, authorization_server};
use serde_json::{Value, json};

use super::{agreeable, plain, rejected, token};

const DOCUMENT: &str = "https://app.example/client.json";

#[tokio::test]
async fn a_client_with_a_document_is_known_by_its_address() {
    let world = World::start().await;
    world.login.change(LOGIN, |it| it["client_id_metadata_document_supported"] = true.into());
    let oauth = agreeable(&world).client_id_metadata_document(DOCUMENT).build().unwrap();
    token(&oauth, &world).await.unwrap();
    assert_eq!(world.login.last("GET /authorize").query["client_id"], DOCUMENT);
    assert_eq!(world.login.last("POST /token").form["client_id"], DOCUMENT);
    assert_eq!(world.login.count("POST /register"), 0);
}

#[tokio::test]
async fn a_document_may_name_a_key_with_which_the_client_signs() {
    let key = || PrivateKey::from_pem(SigningAlgorithm::Es256, include_str!("keys/ec-private.pem")).unwrap();
    let world = World::start().await;
    world.login.change(LOGIN, |it| it["client_id_metadata_document_supported"] = true.into());
    let client = || agreeable(&world).client_id_metadata_document("https://app.example/client.json").client_key(key());
    // It must not go on as a client without a key.
    let error = token(&client().build().unwrap(), &world).await.unwrap_err();
    let told = format!("the authorization server \"{}\" takes no signatures of clients", world.login.url);
    assert_eq!(error.to_string(), told);

    world.login.change(LOGIN, |it| it["token_endpoint_auth_methods_supported"] = json!(["none", "private_key_jwt"]));
    token(&client().build().unwrap(), &world).await.unwrap();
    assert_eq!(world.login.last("GET /authorize").query["client_id"], "https://app.example/client.json");
    let mut validation = Validation::new(Algorithm::ES256);
    validation.set_audience(&[&world.login.url]);
    validation.set_issuer(&["https://app.example/client.json"]);
    let public = DecodingKey::from_ec_pem(include_bytes!("keys/ec-public.pem")).unwrap();
    let assertion = world.login.last("POST /token").form["client_assertion"].clone();
    decode::<Value>(&assertion, &public, &validation).unwrap();
}

#[tokio::test]
async fn where_documents_are_not_known_the_client_is_registered() {
    let world = World::start().await;
    let oauth = agreeable(&world).client_id_metadata_document(DOCUMENT).build().unwrap();
    token(&oauth, &world).await.unwrap();
    let redirect_uri = world.login.last("GET /authorize").query["redirect_uri"].clone();
    let expected = json!({
        "client_name": "Weather desk",
        "redirect_uris": [redirect_uri],
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "token_endpoint_auth_method": "none",
        "application_type": "native",
    });
    assert_eq!(world.login.last("POST /register").json, expected);
}

#[tokio::test]
async fn a_web_application_is_registered_as_one() {
    let world = World::start().await;
    let oauth = agreeable(&world).redirect_uri("https://app.example/callback").build().unwrap();
    token(&oauth, &world).await.unwrap();
    let asked = world.login.last("POST /register").json;
    assert_eq!(asked["application_type"], "web");
    assert_eq!(asked["redirect_uris"], json!(["https://app.example/callback"]));
}

#[tokio::test]
async fn a_registered_client_is_used_first() {
    let world = World::start().await;
    world.login.change(LOGIN, |it| it["client_id_metadata_document_supported"] = true.into());
    let client = RegisteredClient::new("me").secret("s3cr3t").issuer(&world.login.url);
    let oauth = agreeable(&world).registered(client).client_id_metadata_document(DOCUMENT).build().unwrap();
    token(&oauth, &world).await.unwrap();
    assert_eq!(world.login.last("GET /authorize").query["client_id"], "me");
    assert_eq!(world.login.count("POST /register"), 0);
}

#[tokio::test]
async fn secrets_are_shown_as_the_authorization_server_takes_them() {
    let basic = |user: &str| format!("Basic {}", STANDARD.encode(user));
    let cases = [
        // Where it does not say how, it takes a header.
        (json!(null), Some(basic("a%26b%3A:s%2F+c")), None),
        (json!(["client_secret_post", "client_secret_basic"]), Some(basic("a%26b%3A:s%2F+c")), None),
        (json!(["none", "client_secret_post"]), None, Some("s/ c")),
    ];
    for (methods, header, field) in cases {
        let world = World::start().await;
        world.login.change(LOGIN, move |it| it["token_endpoint_auth_methods_supported"] = methods.clone());
        let client = RegisteredClient::new("a&b:").secret("s/ c");
        token(&agreeable(&world).registered(client).build().unwrap(), &world).await.unwrap();
        let asked = world.login.last("POST /token");
        assert_eq!(asked.headers.get("authorization").cloned(), header);
        assert_eq!(asked.form.get("client_secret").map(String::as_str), field);
        assert_eq!(asked.form.contains_key("client_id"), field.is_some(), "the client shows itself once");
    }
    let world = World::start().await;
    world.login.change(LOGIN, |it| it["token_endpoint_auth_methods_supported"] = json!(["tls_client_auth"]));
    let oauth = agreeable(&world).registered(RegisteredClient::new("me").secret("s3cr3t")).build().unwrap();
    let error = token(&oauth, &world).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    let told = format!("the authorization server \"{}\" takes no secrets of clients", world.login.url);
    assert_eq!(error.to_string(), told);
    assert_eq!(world.login.count("POST /token"), 0);
}

#[tokio::test]
async fn clients_that_are_registered_show_what_they_were_given() {
    for method in ["none", "client_secret_basic", "client_secret_post"] {
        let world = World::start().await;
        world.login.change(LOGIN, move |it| it["token_endpoint_auth_methods_supported"] = json!([method]));
        token(&agreeable(&world).build().unwrap(), &world).await.unwrap();
        assert_eq!(world.login.last("POST /register").json["token_endpoint_auth_method"], method);
        let asked = world.login.last("POST /token");
        assert_eq!(asked.headers.contains_key("authorization"), method == "client_secret_basic");
        assert_eq!(asked.form.contains_key("client_secret"), method == "client_secret_post");
    }
}

#[tokio::test]
async fn a_registration_that_makes_no_sense_is_refused() {
    let cases = [
        (json!({}), "what came is not the registration of a client: missing field `client_id`"),
        (
            json!({ "client_id": "a", "token_endpoint_auth_method": "client_secret_basic" }),
            "the authorization server wants a secret of the client, and gave it none",
        ),
        (
            json!({ "client_id": "a", "token_endpoint_auth_method": "tls_client_auth" }),
            "the authorization server wants the client to show itself in an unknown way",
        ),
    ];
    for (client, told) in cases {
        let world = World::start().await;
        world.login.at("POST /register", Reply::json(201, &client));
        let error = token(&agreeable(&world).build().unwrap(), &world).await.unwrap_err();
        super::assert_distrusted(&world, &error, told);
    }
}

#[tokio::test]
async fn an_authorization_server_may_refuse_to_register_the_client() {
    let world = World::start().await;
    let oauth = agreeable(&world).build().unwrap();
    world.login.at("POST /register", Reply::refusal("invalid_redirect_uri", "no\u{7} ports, please"));
    let error = token(&oauth, &world).await.unwrap_err();
    let told = "the authorization server does not register the client: invalid_redirect_uri (no ports, please)";
    assert_eq!(error.to_string(), told);
    assert_eq!(error.kind(), ErrorKind::Unauthorized);

    world.login.at("POST /register", Reply::page(403));
    let error = token(&oauth, &world).await.unwrap_err();
    let login = &world.login.url;
    let told = format!("the authorization server does not register the client: {login}/register answers 403");
    assert_eq!(error.to_string(), told);

    world.login.change(LOGIN, |it| it["registration_endpoint"] = Value::Null);
    let error = token(&oauth, &world).await.unwrap_err();
    let told = format!(
        "the authorization server \"{login}\" registers no clients: register one there, and give it with `registered`"
    );
    assert_eq!(error.to_string(), told);

    world.login.change(LOGIN, |it| it["token_endpoint_auth_methods_supported"] = json!(["tls_client_auth"]));
    world.login.change(LOGIN, move |it| it["registration_endpoint"] = "https://login.example/register".into());
    let error = token(&oauth, &world).await.unwrap_err();
    assert_eq!(error.to_string(), "the authorization server takes clients in no way that this one knows");
}

#[tokio::test]
async fn a_registration_is_good_for_all_servers_of_an_authorization_server() {
    let world = World::start().await;
    let oauth = agreeable(&world).build().unwrap();
    token(&oauth, &world).await.unwrap();
    world.login.remove("POST /register");
    let mut neighbour = World::start().await;
    neighbour.login = world.login.clone();
    let login = world.login.url.clone();
    neighbour.mcp.change(RESOURCE, move |it| it["authorization_servers"] = json!([login]));
    token(&oauth, &neighbour).await.unwrap();
    let visit = world.login.last("GET /authorize");
    assert_eq!(visit.query["client_id"], "client-1");
    assert_eq!(visit.query["resource"], neighbour.server().as_str(), "but the token is for this one");
}

#[tokio::test]
async fn a_server_that_changes_its_authorization_server_gets_a_new_client() {
    let world = World::start().await;
    let second = authorization_server().await;
    second.at("POST /register", Reply::json(201, &json!({ "client_id": "second" })));
    let (first, other) = (world.login.clone(), second.clone());
    let oauth = plain()
        .on_authorize(move |page| {
            let site = if page.issuer() == other.url { &other } else { &first };
            let back = site.visit(page.url());
            async move { Ok(back) }
        })
        .build()
        .unwrap();
    let old = token(&oauth, &world).await.unwrap();
    let login = second.url.clone();
    world.mcp.change(RESOURCE, move |it| it["authorization_servers"] = json!([login]));
    world.login.took();
    let new = oauth.token(&world.server(), Some(&rejected(&old))).await.unwrap().unwrap();
    assert_eq!(second.count("POST /register"), 1);
    assert_eq!(second.last("GET /authorize").query["client_id"], "second");
    assert_eq!(second.last("POST /token").form["client_id"], "second");
    assert!(world.login.asked().is_empty(), "the first one hears nothing of it");
    assert_eq!(oauth.token(&world.server(), None).await.unwrap().unwrap(), new);
}

#[tokio::test]
async fn a_registered_client_is_not_shown_to_another_authorization_server() {
    let world = World::start().await;
    let elsewhere = RegisteredClient::new("me").secret("s3cr3t").issuer("https://login.example");
    let error = token(&agreeable(&world).registered(elsewhere).build().unwrap(), &world).await.unwrap_err();
    let told = format!("no client is registered at the authorization server \"{}\" of this server", world.login.url);
    assert_eq!(error.to_string(), told);
    assert_eq!(error.kind(), ErrorKind::Configuration);

    // One without an issuer belongs to the first one.
    let oauth = agreeable(&world).registered(RegisteredClient::new("me").secret("s3cr3t")).build().unwrap();
    let old = token(&oauth, &world).await.unwrap();
    let second = authorization_server().await;
    let login = second.url.clone();
    world.mcp.change(RESOURCE, move |it| it["authorization_servers"] = json!([login]));
    let error = oauth.token(&world.server(), Some(&rejected(&old))).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert_eq!(second.took(), [format!("GET {LOGIN}")]);
}

#[tokio::test]
async fn of_several_authorization_servers_the_one_that_knows_the_client_is_chosen() {
    let world = World::start().await;
    let login = world.login.url.clone();
    let client = RegisteredClient::new("me").issuer(&login);
    world.mcp.change(RESOURCE, move |it| it["authorization_servers"] = json!(["https://first.example", login]));
    token(&agreeable(&world).registered(client).build().unwrap(), &world).await.unwrap();
}

#[tokio::test]
async fn a_client_that_was_forgotten_is_registered_anew() {
    let world = World::start().await;
    let oauth = agreeable(&world).build().unwrap();
    let login = world.login.clone();
    let restored = std::sync::Mutex::new(false);
    let good = json!({ "access_token": "good", "token_type": "Bearer" });
    world.login.on("POST /token", move |_| {
        let mut restored = restored.lock().unwrap();
        if std::mem::replace(&mut *restored, true) {
            return Reply::json(200, &good);
        }
        Reply::refusal("invalid_client", "who?")
    });
    assert_eq!(token(&oauth, &world).await.unwrap(), "good");
    assert_eq!(login.count("POST /register"), 2);

    // But not forever.
    world.login.at("POST /token", Reply::refusal("invalid_client", "who?"));
    let error = token(&agreeable(&world).build().unwrap(), &world).await.unwrap_err();
    assert_eq!(error.to_string(), "the authorization server gives no token: invalid_client (who?)");
    assert_eq!(login.count("POST /register"), 4);
}

#[tokio::test]
async fn a_client_acts_for_itself_with_a_secret() {
    let world = World::start().await;
    let client = RegisteredClient::new("me").secret("s3cr3t").issuer(&world.login.url);
    let http = reqwest::Client::builder().no_proxy();
    let oauth = OAuth::client_credentials(client).scopes(["reports"]).http_client(http).build().unwrap();
    assert_eq!(token(&oauth, &world).await.unwrap(), "access-1");
    let asked = world.login.last("POST /token");
    assert_eq!(asked.form["grant_type"], "client_credentials");
    assert_eq!(asked.form["scope"], "reports");
    assert_eq!(asked.form["resource"], format!("{}/mcp", world.mcp.url));
    assert_eq!(asked.headers["authorization"], format!("Basic {}", STANDARD.encode("me:s3cr3t")));
    assert_eq!(world.login.took(), [&format!("GET {LOGIN}"), "POST /token"], "nobody is asked or registered");
}

#[tokio::test]
async fn a_client_acts_for_itself_with_a_key() {
    let keys = [
        (SigningAlgorithm::Es256, include_str!("keys/ec-private.pem"), Algorithm::ES256),
        (SigningAlgorithm::Rs256, include_str!("keys/rsa-private.pem"), Algorithm::RS256),
    ];
    for (algorithm, private, expected) in keys {
        let world = World::start().await;
        world.login.change(LOGIN, |it| it["token_endpoint_auth_methods_supported"] = json!(["private_key_jwt"]));
        let key = PrivateKey::from_pem(algorithm, private).unwrap().key_id("k1");
        let http = reqwest::Client::builder().no_proxy();
        let client = RegisteredClient::new("me").private_key(key);
        let oauth = OAuth::client_credentials(client).http_client(http).build().unwrap();
        token(&oauth, &world).await.unwrap();
        let asked = world.login.last("POST /token");
        let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
        assert_eq!(asked.form["client_assertion_type"], kind);
        let public = match expected {
            Algorithm::ES256 => DecodingKey::from_ec_pem(include_bytes!("keys/ec-public.pem")).unwrap(),
            _ => DecodingKey::from_rsa_pem(include_bytes!("keys/rsa-public.pem")).unwrap(),
        };
        let mut validation = Validation::new(expected);
        validation.set_audience(&[&world.login.url]);
        validation.set_issuer(&["me"]);
        validation.sub = Some("me".to_owned());
        let jwt = decode::<Value>(&asked.form["client_assertion"], &public, &validation).unwrap();
        assert_eq!(jwt.header.kid.as_deref(), Some("k1"));
        assert!(jwt.claims["jti"].is_string());
    }
}

#[tokio::test]
async fn a_key_that_does_not_fit_is_refused() {
    for (algorithm, pem) in [
        (SigningAlgorithm::Es256, include_str!("keys/rsa-private.pem")),
        (SigningAlgorithm::Rs256, include_str!("keys/ec-private.pem")),
        (SigningAlgorithm::Es384, include_str!("keys/ec-private.pem")),
        (SigningAlgorithm::Es256, include_str!("keys/ec-public.pem")),
        (SigningAlgorithm::Es256, "no key at all"),
    ] {
        let error = PrivateKey::from_pem(algorithm, pem).unwrap_err();
        let told = format!("this is no private key for {}: give one in PKCS #8", algorithm.as_str());
        assert_eq!(error.to_string(), told);
    }
    let key = || PrivateKey::from_pem(SigningAlgorithm::Es256, include_str!("keys/ec-private.pem")).unwrap();
    for (field, value, told) in [
        ("token_endpoint_auth_methods_supported", json!(["client_secret_basic"]), "signatures of clients"),
        ("token_endpoint_auth_signing_alg_values_supported", json!(["RS256"]), "signatures with ES256"),
    ] {
        let world = World::start().await;
        world.login.change(LOGIN, |it| it["token_endpoint_auth_methods_supported"] = json!(["private_key_jwt"]));
        world.login.change(LOGIN, move |it| it[field] = value.clone());
        let http = reqwest::Client::builder().no_proxy();
        let client = RegisteredClient::new("me").private_key(key());
        let oauth = OAuth::client_credentials(client).http_client(http).build().unwrap();
        let error = token(&oauth, &world).await.unwrap_err();
        let told = format!("the authorization server \"{}\" takes no {told}", world.login.url);
        assert_eq!(error.to_string(), told);
        assert_eq!(error.kind(), ErrorKind::Configuration);
    }
}

#[test]
fn mistakes_of_the_program_show_at_the_start() {
    let key = PrivateKey::from_pem(SigningAlgorithm::Es256, include_str!("keys/ec-private.pem")).unwrap();
    let cases = [
        (plain().client_key(key), "the key of the client is that of a metadata document, and there is none"),
        (
            plain().redirect_uri("http://app.example/"),
            "the redirect URI \"http://app.example/\" is neither https nor at this machine",
        ),
        (plain().redirect_uri("callback"), "the redirect URI \"callback\" is no address"),
        (
            plain().client_id_metadata_document("https://app.example"),
            "\"https://app.example\" is no address of a client's metadata: it needs https and a path",
        ),
        (
            plain().registered(RegisteredClient::new("a")).registered(RegisteredClient::new("b")),
            "a second client is registered where \"a\" is: give each its issuer",
        ),
        (
            OAuth::client_credentials(RegisteredClient::new("a")),
            "the client \"a\" cannot act for itself without a secret or a key",
        ),
    ];
    for (builder, told) in cases {
        let error = builder.build().unwrap_err();
        assert_eq!(error.to_string(), told);
        assert_eq!(error.kind(), ErrorKind::Configuration);
    }
}
