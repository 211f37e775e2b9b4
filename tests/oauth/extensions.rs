//! Clients that ask no user: workloads that their platform knows, and users of whom their organization says what they
//! may.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mcp_runtime::client::Era;
use mcp_runtime::client::oauth::{
    AssertionRequest, Challenge, IdentityAssertion, IdentityProvider, OAuth, OAuthBuilder, PrivateKey,
    RegisteredClient, SigningAlgorithm,
};
use mcp_runtime::{Client, ErrorKind};
use mcp_tests_oauth::{LOGIN, Reply, Site, World, authorization_server};
use serde_json::{Value, json};

use super::{rejected, token};

const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

fn plain(oauth: OAuthBuilder) -> OAuth {
    oauth.http_client(reqwest::Client::builder().no_proxy()).build().unwrap()
}

/// A pod that is known at this authorization server, and whose platform says for whom it speaks.
fn pod(login: &Site) -> OAuthBuilder {
    OAuth::workload(RegisteredClient::new("pod").issuer(&login.url), |request: AssertionRequest| async move {
        let scopes: Vec<_> = request.scopes().collect();
        Ok(format!("jwt for {} {} {}", request.audience(), request.resource(), scopes.join(" ")))
    })
}

fn gives(site: &Site, token: &str) {
    site.at(
        "POST /token",
        Reply::json(200, &json!({ "access_token": token, "token_type": "Bearer", "expires_in": 0 })),
    );
}

#[tokio::test]
async fn a_workload_shows_what_its_platform_says_of_it() {
    let world = World::start().await;
    gives(&world.login, "first");
    let (oauth, server) = (plain(pod(&world.login)), world.server());
    let challenge = Challenge::new(401, ["Bearer scope=\"a b\""]);
    assert_eq!(oauth.token(&server, Some(&challenge)).await.unwrap().unwrap().secret(), "first");
    let asked = world.login.last("POST /token");
    assert_eq!(asked.form["grant_type"], JWT_BEARER);
    assert_eq!(asked.form["assertion"], format!("jwt for {} {server} a b", world.login.url));
    assert_eq!(asked.form["client_id"], "pod");
    assert_eq!(asked.form["scope"], "a b");
    assert_eq!(asked.form["resource"], server.as_str());
    assert!(!asked.headers.contains_key("authorization"));
    assert_eq!(world.login.took(), [&format!("GET {LOGIN}"), "POST /token"], "nobody is asked or registered");

    // When it has ended, the platform is asked again.
    gives(&world.login, "second");
    assert_eq!(oauth.token(&server, None).await.unwrap().unwrap().secret(), "second");
    assert_eq!(world.login.last("POST /token").form["grant_type"], JWT_BEARER);
}

#[tokio::test]
async fn a_workload_that_is_not_believed_tries_nothing_else() {
    for error in ["invalid_grant", "invalid_scope", "unauthorized_client"] {
        let world = World::start().await;
        world.mcp.at("POST /mcp", Reply::Answer(401, vec![("www-authenticate", "Bearer".to_owned())], String::new()));
        world.login.at("POST /token", Reply::refusal(error, "no"));
        let client = Client::http(world.server()).era(Era::Auto).token_provider(plain(pod(&world.login)));
        let failure = client.connect().await.unwrap_err();
        assert_eq!(failure.kind(), ErrorKind::Unauthorized);
        assert_eq!(world.login.count("POST /token"), 1);
    }
}

#[tokio::test]
async fn a_platform_that_says_nothing_ends_the_request() {
    let world = World::start().await;
    let oauth = OAuth::workload(RegisteredClient::new("pod").issuer(&world.login.url), |_| async {
        Err(std::io::Error::other("no token is mounted").into())
    });
    let error = token(&plain(oauth), &world).await.unwrap_err();
    assert_eq!(error.to_string(), "the workload has no token to show who it is");
    assert_eq!(error.kind(), ErrorKind::Unauthorized);
    assert_eq!(world.login.count("POST /token"), 0);
}

/// Has an identity provider say that its user may, and this of it.
fn gives_id_jag(acme: &Site, of_it: Value) {
    let mut said = json!({
        "access_token": "id-jag", "issued_token_type": "urn:ietf:params:oauth:token-type:id-jag", "token_type": "N_A",
    });
    said.as_object_mut().expect("an object").extend(of_it.as_object().cloned().unwrap_or_default());
    acme.at("POST /token", Reply::json(200, &said));
}

/// An identity provider that stands for its users.
async fn acme() -> Site {
    let acme = authorization_server().await;
    gives_id_jag(&acme, json!({ "expires_in": 300 }));
    acme
}

/// Ada, who has logged in.
fn ada(acme: &Site, registered: RegisteredClient) -> IdentityProvider {
    IdentityProvider::new(&acme.url, registered, || async { Ok("ada's id token".to_owned()) })
}

/// A client that is known at this authorization server.
fn desk(login: &Site) -> RegisteredClient {
    RegisteredClient::new("desk").secret("s3cr3t").issuer(&login.url)
}

#[tokio::test]
async fn an_organization_decides_for_its_users() {
    let (world, acme) = (World::start().await, acme().await);
    gives(&world.login, "first");
    let at_acme = RegisteredClient::new("desk-at-acme").secret("0p3n");
    let oauth = plain(OAuth::enterprise_managed(desk(&world.login), ada(&acme, at_acme)));
    let server = world.server();
    let challenge = Challenge::new(401, ["Bearer scope=\"a b\""]);
    assert_eq!(oauth.token(&server, Some(&challenge)).await.unwrap().unwrap().secret(), "first");

    let asked = acme.last("POST /token");
    assert_eq!(asked.form["grant_type"], "urn:ietf:params:oauth:grant-type:token-exchange");
    assert_eq!(asked.form["requested_token_type"], "urn:ietf:params:oauth:token-type:id-jag");
    assert_eq!(asked.form["audience"], world.login.url);
    assert_eq!(asked.form["resource"], server.as_str());
    assert_eq!(asked.form["scope"], "a b");
    assert_eq!(asked.form["subject_token"], "ada's id token");
    assert_eq!(asked.form["subject_token_type"], "urn:ietf:params:oauth:token-type:id_token");
    assert_eq!(asked.headers["authorization"], format!("Basic {}", STANDARD.encode("desk-at-acme:0p3n")));

    let asked = world.login.last("POST /token");
    assert_eq!(asked.form["grant_type"], JWT_BEARER);
    assert_eq!(asked.form["assertion"], "id-jag");
    assert_eq!(asked.form["scope"], "a b");
    assert_eq!(asked.headers["authorization"], format!("Basic {}", STANDARD.encode("desk:s3cr3t")));
    assert!(!asked.form.contains_key("subject_token"), "it is not shown to anybody else");
    assert_eq!(world.login.count("GET /authorize"), 0);

    gives(&world.login, "second");
    assert_eq!(oauth.token(&server, None).await.unwrap().unwrap().secret(), "second");
    assert_eq!(acme.count("POST /token"), 2);
    assert_eq!(oauth.token(&server, Some(&rejected("second"))).await.unwrap().unwrap().secret(), "second");
}

#[tokio::test]
async fn an_organization_may_give_less_and_users_may_log_in_with_saml() {
    let (world, acme) = (World::start().await, acme().await);
    gives_id_jag(&acme, json!({ "scope": "a" }));
    gives(&world.login, "first");
    let provider = IdentityProvider::new(&acme.url, RegisteredClient::new("desk-at-acme"), || async {
        Ok(IdentityAssertion::Saml("PHNhbWw".to_owned()))
    });
    let oauth = plain(OAuth::enterprise_managed(desk(&world.login), provider));
    let challenge = Challenge::new(401, ["Bearer scope=\"a b\""]);
    oauth.token(&world.server(), Some(&challenge)).await.unwrap().unwrap();
    let asked = acme.last("POST /token");
    assert_eq!(asked.form["subject_token_type"], "urn:ietf:params:oauth:token-type:saml2");
    assert_eq!(asked.form["client_id"], "desk-at-acme");
    assert_eq!(world.login.last("POST /token").form["scope"], "a");
}

#[tokio::test]
async fn an_organization_may_refuse_and_may_blunder() {
    let cases = [
        (
            Reply::refusal("access_denied", "Ada may not"),
            "the authorization server gives no token: access_denied (Ada may not)",
            ErrorKind::Unauthorized,
        ),
        (
            Reply::json(
                200,
                &json!({
                    "access_token": "x", "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
                    "token_type": "Bearer",
                }),
            ),
            "the identity provider gave something else than what was asked for",
            ErrorKind::Protocol,
        ),
    ];
    for (reply, told, kind) in cases {
        let (world, acme) = (World::start().await, acme().await);
        acme.at("POST /token", reply);
        let ada = ada(&acme, RegisteredClient::new("desk-at-acme"));
        let oauth = plain(OAuth::enterprise_managed(desk(&world.login), ada));
        let error = token(&oauth, &world).await.unwrap_err();
        assert_eq!(error.to_string(), told);
        assert_eq!(error.kind(), kind);
        assert_eq!(world.login.count("POST /token"), 0, "nothing is asked of the server's authorization server");
    }
    let (world, acme) = (World::start().await, acme().await);
    let nobody = IdentityProvider::new(&acme.url, RegisteredClient::new("desk-at-acme"), || async {
        Err::<String, _>(std::io::Error::other("logged out").into())
    });
    let oauth = plain(OAuth::enterprise_managed(desk(&world.login), nobody));
    let error = token(&oauth, &world).await.unwrap_err();
    assert_eq!(error.to_string(), "it is not known who the user is: they have to log in at the identity provider");
}

#[tokio::test]
async fn a_server_learns_by_which_extension_its_clients_get_their_tokens() {
    let (login, acme) = (authorization_server().await, acme().await);
    let cases = [
        (
            OAuth::client_credentials(desk(&login)),
            json!({ "extensions": { "io.modelcontextprotocol/oauth-client-credentials": {} } }),
        ),
        (
            OAuth::enterprise_managed(desk(&login), ada(&acme, desk(&acme))),
            json!({ "extensions": { "io.modelcontextprotocol/enterprise-managed-authorization": {} } }),
        ),
        (pod(&login), json!({})),
    ];
    for (oauth, expected) in cases {
        let world = World::start().await;
        let client = Client::http(world.server()).era(Era::Modern).token_provider(plain(oauth));
        client.connect().await.unwrap_err();
        let meta = &world.mcp.last("POST /mcp").json["params"]["_meta"];
        assert_eq!(meta["io.modelcontextprotocol/clientCapabilities"], expected);
    }
}

/// A provider at which nobody logs in.
fn nobody() -> IdentityProvider {
    IdentityProvider::new("https://idp.example", RegisteredClient::new("a"), || async { Ok(String::new()) })
}

#[test]
fn what_is_shown_without_asking_needs_an_issuer() {
    let key = || PrivateKey::from_pem(SigningAlgorithm::Es256, include_str!("keys/ec-private.pem")).unwrap();
    let pod = |client| OAuth::workload(client, |_| async { Ok("jwt".to_owned()) });
    let desk = |client| OAuth::enterprise_managed(client, nobody());
    let (bare, known) = (|| RegisteredClient::new("a"), || RegisteredClient::new("b").issuer("https://login.example"));
    let refused = [
        pod(bare()),
        pod(bare().secret("s3cr3t")),
        pod(known()).registered(bare()),
        desk(bare().secret("s3cr3t")),
        desk(bare().private_key(key())),
        desk(known()).registered(bare().secret("s3cr3t")),
    ];
    for oauth in refused {
        let error = oauth.build().unwrap_err();
        let told = "the client \"a\" would show its secrets to any authorization server that a server names: say where \
                    it is registered, with `RegisteredClient::issuer`";
        assert_eq!(error.to_string(), told);
        assert_eq!(error.kind(), ErrorKind::Configuration);
    }
    let error = pod(known()).client_id_metadata_document("https://pod.example/client").build().unwrap_err();
    let told = "a workload with a metadata document would show its secrets to any authorization server that a server \
                names: leave the document out, and register the client with its issuer";
    assert_eq!(error.to_string(), told);
    assert_eq!(error.kind(), ErrorKind::Configuration);

    let accepted = [
        pod(known()),
        pod(bare()).allow_any_issuer(),
        desk(known().secret("s3cr3t")),
        desk(bare()),
        desk(bare().secret("s3cr3t")).allow_any_issuer(),
        OAuth::client_credentials(bare().secret("s3cr3t")),
    ];
    for oauth in accepted {
        oauth.build().unwrap();
    }
}

#[tokio::test]
async fn a_server_cannot_choose_who_sees_what_is_shown() {
    let (home, acme) = (authorization_server().await, acme().await);
    let pod = OAuth::workload(RegisteredClient::new("pod").issuer(&home.url), |_| async {
        Err(std::io::Error::other("nobody may see it").into())
    });
    let desk = OAuth::enterprise_managed(desk(&home), ada(&acme, RegisteredClient::new("desk-at-acme")));
    for oauth in [pod, desk] {
        let world = World::start().await;
        let error = token(&plain(oauth), &world).await.unwrap_err();
        let issuer = &world.login.url;
        let told = format!("no client is registered at the authorization server \"{issuer}\" of this server");
        assert_eq!(error.to_string(), told);
        assert_eq!(error.kind(), ErrorKind::Configuration);
        assert_eq!(world.login.count("POST /token") + acme.count("POST /token"), 0);
    }
}

#[tokio::test]
async fn who_trusts_all_servers_may_let_them_choose() {
    let world = World::start().await;
    gives(&world.login, "first");
    let oauth = OAuth::workload(RegisteredClient::new("pod"), |_| async { Ok("jwt".to_owned()) }).allow_any_issuer();
    assert_eq!(token(&plain(oauth), &world).await.unwrap(), "first");
    assert_eq!(world.login.last("POST /token").form["assertion"], "jwt");
}

#[test]
fn an_identity_provider_is_at_an_address_for_secrets() {
    for issuer in ["http://idp.example", "idp", "ftp://idp.example"] {
        let provider = IdentityProvider::new(issuer, RegisteredClient::new("a"), || async { Ok(String::new()) });
        let error = OAuth::enterprise_managed(RegisteredClient::new("desk"), provider).build().unwrap_err();
        assert_eq!(error.to_string(), format!("the identity provider \"{issuer}\" is at no address for secrets"));
        assert_eq!(error.kind(), ErrorKind::Configuration);
    }
}

#[test]
fn who_a_user_is_is_not_shown() {
    let desk = RegisteredClient::new("desk").secret("s3cr3t");
    let provider = IdentityProvider::new("https://idp.example", desk, || async { Ok("id-token".to_owned()) });
    let shown = format!("{provider:?} {:?}", IdentityAssertion::from("id-token".to_owned()));
    assert!(!shown.contains("id-token") && !shown.contains("s3cr3t"), "{shown}");
}

#[tokio::test]
async fn signatures_are_made_anew_when_a_proof_needs_a_nonce() {
    let world = World::start().await;
    world.login.change(LOGIN, |it| it["token_endpoint_auth_methods_supported"] = json!(["private_key_jwt"]));
    world.login.on("POST /token", {
        let first = std::sync::Mutex::new(None);
        move |asked| match first.lock().unwrap().replace(asked.form["client_assertion"].clone()) {
            None => {
                let body = json!({ "error": "use_dpop_nonce" }).to_string();
                Reply::Answer(400, vec![("dpop-nonce", "n".to_owned())], body)
            }
            Some(before) => {
                assert_ne!(asked.form["client_assertion"], before);
                Reply::json(200, &json!({ "access_token": "a", "token_type": "DPoP" }))
            }
        }
    });
    let key = PrivateKey::from_pem(SigningAlgorithm::Es256, include_str!("keys/ec-private.pem")).unwrap();
    let oauth = plain(OAuth::client_credentials(RegisteredClient::new("me").private_key(key)));
    let token = oauth.token(&world.server(), Some(&Challenge::new(401, ["DPoP"]))).await.unwrap().unwrap();
    assert!(token.is_bound());
}
