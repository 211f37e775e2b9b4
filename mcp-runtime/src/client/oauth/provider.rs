use super::builder::Who;
use super::{Challenge, OAuth};
use crate::client::{Credential, TokenProvider, TokenRequest};

/// Gives [`Client::http`](crate::Client::http) its tokens.
impl TokenProvider for OAuth {
    async fn token(
        &self,
        request: TokenRequest,
    ) -> Result<Option<Credential>, Box<dyn std::error::Error + Send + Sync>> {
        let TokenRequest { server, method, url, nonce, refused } = request;
        let challenge = refused.map(|refused| {
            let challenge = Challenge::new(refused.status, &refused.challenges).attempt(refused.attempts);
            challenge.sent(refused.token.map(Into::into))
        });
        let token = OAuth::token(self, &server, challenge.as_ref()).await?;
        Ok(token.map(|it| it.credential(&method, &url, nonce.as_deref())).transpose()?)
    }

    fn extensions(&self) -> &'static [&'static str] {
        match &self.flows.settings.who {
            Who::Client => &["io.modelcontextprotocol/oauth-client-credentials"],
            Who::Organization(_) => &["io.modelcontextprotocol/enterprise-managed-authorization"],
            // It is of the protocol itself, or there is no name for it yet.
            Who::User | Who::Workload(_) => &[],
        }
    }
}
