//! How the client gets its tokens.

use mcp_runtime::client::oauth::{
    AuthorizationRequest, IdentityProvider, OAuth, OAuthBuilder, PrivateKey, RegisteredClient, SigningAlgorithm,
};
use reqwest::header::LOCATION;
use reqwest::redirect::Policy;

use crate::Result;
use crate::scenario::{ClientKey, ClientSecret, Login, Scenario, WorkloadJwt};

/// The authorization that a scenario is about.
pub(crate) fn of(scenario: &Scenario) -> Result<OAuth> {
    let oauth = match &*scenario.name {
        "auth/pre-registration" => user().registered(with_secret(scenario)?),
        "auth/client-credentials-basic" => OAuth::client_credentials(with_secret(scenario)?),
        "auth/client-credentials-jwt" => OAuth::client_credentials(with_key(scenario)?),
        "auth/wif-jwt-bearer" => workload(scenario.context()?),
        "auth/enterprise-managed-authorization" | "auth/cross-app-access-complete-flow" => {
            // The suite does not say beforehand which authorization server its server names. So with workloads.
            OAuth::enterprise_managed(with_secret(scenario)?, identity_provider(scenario.context()?)).allow_any_issuer()
        }
        // They look at how the client registers.
        "auth/offline-access-scope" | "auth/offline-access-not-supported" => user(),
        _ => user().client_id_metadata_document("https://conformance-test.local/client-metadata.json"),
    };
    Ok(oauth.build()?)
}

/// A user who agrees to everything.
fn user() -> OAuthBuilder {
    OAuth::builder("conformance").redirect_uri("http://localhost:3000/callback").on_authorize(visit)
}

/// Goes where a browser would go, and says where it is sent.
async fn visit(page: AuthorizationRequest) -> Result<String> {
    let browser = reqwest::Client::builder().redirect(Policy::none()).build()?;
    let response = browser.get(page.url()).send().await?;
    let back = response.headers().get(LOCATION).ok_or("the user is not sent back")?;
    Ok(back.to_str()?.to_owned())
}

fn with_secret(scenario: &Scenario) -> Result<RegisteredClient> {
    let client: ClientSecret = scenario.context()?;
    Ok(RegisteredClient::new(client.client_id).secret(client.client_secret))
}

fn with_key(scenario: &Scenario) -> Result<RegisteredClient> {
    let client: ClientKey = scenario.context()?;
    let key = PrivateKey::from_pem(SigningAlgorithm::Es256, &client.private_key_pem)?;
    Ok(RegisteredClient::new(client.client_id).private_key(key))
}

fn workload(WorkloadJwt { client_id, valid_jwt }: WorkloadJwt) -> OAuthBuilder {
    OAuth::workload(RegisteredClient::new(client_id), move |_| {
        let jwt = valid_jwt.clone();
        async { Ok(jwt) }
    })
    .allow_any_issuer()
}

fn identity_provider(Login { idp_issuer, idp_client_id, idp_id_token }: Login) -> IdentityProvider {
    IdentityProvider::new(idp_issuer, RegisteredClient::new(idp_client_id), move || {
        let id_token = idp_id_token.clone();
        async { Ok(id_token) }
    })
}
