//! What is asked of an authorization server.

use std::time::Duration;

use reqwest::{Client, Response, Url, redirect};
use serde::de::DeserializeOwned;

use super::TokenError;

/// No document of an authorization server is longer.
const LONGEST: usize = 1 << 20;

/// A client for documents: it goes nowhere else than it was told, and waits for nobody for long.
pub(super) fn client() -> Result<Client, TokenError> {
    let client = Client::builder().redirect(redirect::Policy::none()).timeout(Duration::from_secs(10));
    client.build().map_err(unavailable)
}

pub(super) async fn json<T: DeserializeOwned>(client: &Client, url: Url) -> Result<T, TokenError> {
    read(client.get(url).send().await.map_err(unavailable)?).await
}

pub(super) async fn read<T: DeserializeOwned>(response: Response) -> Result<T, TokenError> {
    let mut response = response.error_for_status().map_err(unavailable)?;
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(unavailable)? {
        body.extend_from_slice(&chunk);
        if body.len() > LONGEST {
            return Err(unavailable("the answer of the authorization server is too long"));
        }
    }
    serde_json::from_slice(&body).map_err(unavailable)
}

/// A URL to which secrets may be sent and from which keys may be taken: encrypted, or on this machine.
pub(super) fn trusted(url: &str) -> Result<Url, TokenError> {
    let url: Url = url.parse().map_err(unavailable)?;
    let is_loopback = match url.host_str() {
        Some("localhost" | "[::1]") => true,
        Some(host) => host.parse().is_ok_and(|address: std::net::Ipv4Addr| address.is_loopback()),
        None => false,
    };
    if url.scheme() == "https" || (url.scheme() == "http" && is_loopback) {
        return Ok(url);
    }
    Err(unavailable(format!("`{url}` is not encrypted: it must begin with https")))
}

pub(super) fn unavailable(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> TokenError {
    TokenError::Unavailable(error.into())
}
