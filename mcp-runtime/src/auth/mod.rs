//! Who may use a server over HTTP: the server as an OAuth 2.1 resource server ([specification]).
//!
//! [`Authorization`] says for whom the server asks for tokens; a [`TokenVerifier`] says what they are worth:
//! [`JwtVerifier`] reads signed ones, [`IntrospectionVerifier`] asks the authorization server, and a closure does
//! what it likes. What a token allows is an [`AccessToken`], which tools take as
//! [`Extension<AccessToken>`](crate::Extension); whom it was given to is the [`Principal`](crate::Principal) of the request, to whom
//! sessions, tasks and the state of calls belong. `#[tool(scopes("catalog:write"))]` asks for more.
//!
//! ```no_run
//! # #[cfg(feature = "auth")]
//! # async fn serve(server: mcp_runtime::Server) -> mcp_runtime::prelude::Result<()> {
//! use mcp_runtime::auth::{Authorization, JwtVerifier};
//!
//! let resource = "https://mcp.example.com/mcp";
//! let verifier = JwtVerifier::new("https://login.example.com", resource);
//! let authorization =
//!     Authorization::new(resource, verifier).server("https://login.example.com").scopes(["catalog:read"]);
//! let listener = tokio::net::TcpListener::bind("0.0.0.0:8000").await?;
//! server.build()?.http().allow_host("mcp.example.com").authorization(authorization).serve(listener).await?;
//! # Ok(())
//! # }
//! ```
//!
//! [specification]: https://modelcontextprotocol.io/specification/2026-07-28/basic/authorization

#[cfg(feature = "auth")]
mod fetch;
#[cfg(feature = "auth")]
mod introspection;
#[cfg(feature = "auth")]
mod jwt;
#[cfg(feature = "auth")]
mod keys;
mod token;

pub use crate::server::http::Authorization;
#[cfg(feature = "auth")]
pub use introspection::IntrospectionVerifier;
#[cfg(feature = "auth")]
pub use jwt::JwtVerifier;
pub use token::{AccessToken, TokenError, TokenVerifier};
pub(crate) use token::{AnyVerifier, granted};
