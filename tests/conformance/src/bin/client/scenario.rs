//! What the suite says in the environment.

use std::env;

use mcp_runtime::protocol::ProtocolVersion;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::Result;

/// A scenario of the suite.
pub(crate) struct Scenario {
    pub(crate) name: String,
    /// The revision that its server speaks.
    pub(crate) version: ProtocolVersion,
    context: Option<String>,
}

impl Scenario {
    pub(crate) fn from_environment() -> Result<Self> {
        // The older release of the suite knows nothing later, and does not say.
        let version = env::var("MCP_CONFORMANCE_PROTOCOL_VERSION").ok();
        Ok(Self {
            name: env::var("MCP_CONFORMANCE_SCENARIO")?,
            version: version.map_or(Ok(ProtocolVersion::LATEST_LEGACY), |version| version.parse())?,
            context: env::var("MCP_CONFORMANCE_CONTEXT").ok(),
        })
    }

    /// What else the client has to know, which is different for each scenario.
    pub(crate) fn context<T: DeserializeOwned>(&self) -> Result<T> {
        Ok(serde_json::from_str(self.context.as_deref().ok_or("the scenario has no context")?)?)
    }
}

/// Tools to call, for `http-custom-headers`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ToolCalls {
    pub(crate) tool_calls: Vec<ToolCall>,
}

#[derive(Deserialize)]
pub(crate) struct ToolCall {
    pub(crate) name: String,
    pub(crate) arguments: Map<String, Value>,
}

/// A client that is registered, and its secret.
#[derive(Deserialize)]
pub(crate) struct ClientSecret {
    pub(crate) client_id: String,
    pub(crate) client_secret: String,
}

/// A client that is registered, and its key.
#[derive(Deserialize)]
pub(crate) struct ClientKey {
    pub(crate) client_id: String,
    pub(crate) private_key_pem: String,
}

/// A workload, and what its platform says of it.
#[derive(Deserialize)]
pub(crate) struct WorkloadJwt {
    pub(crate) client_id: String,
    pub(crate) valid_jwt: String,
}

/// A user who has logged in at an identity provider.
#[derive(Deserialize)]
pub(crate) struct Login {
    pub(crate) idp_issuer: String,
    pub(crate) idp_client_id: String,
    pub(crate) idp_id_token: String,
}
