use super::{Challenge, OAuth};
use crate::client::{TokenProvider, TokenRequest};

/// Gives [`Client::http`](crate::Client::http) its tokens.
impl TokenProvider for OAuth {
    async fn token(&self, request: TokenRequest) -> Result<Option<String>, Box<dyn std::error::Error + Send + Sync>> {
        let challenge = request.refused.map(|refused| {
            let challenge = Challenge::new(refused.status, &refused.challenges).attempt(refused.attempts);
            challenge.sent(refused.token.map(Into::into))
        });
        let token = OAuth::token(self, &request.server, challenge.as_ref()).await?;
        Ok(token.map(|it| it.secret().to_owned()))
    }
}
