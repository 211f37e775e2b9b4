//! Where tokens and registrations are kept.

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{Error, ErrorKind};
use crate::protocol::BoxFuture;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Something that nobody else may read: tokens, or the registration of a client. `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Vec<u8>);

impl Secret {
    /// It as bytes, for a store outside of the process. They are UTF-8.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl From<Vec<u8>> for Secret {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// Keeps the tokens and registrations of a client. The default one is the memory of the process, so that users are
/// asked again when the program starts again; one that lasts spares them that.
///
/// It is a table of short texts to [secrets](Secret), like the key chain of an operating system: keep it where only
/// the user can read it ([specification]). Keys name what is kept by authorization server, resource and client, and
/// are no secrets.
///
/// Several processes may share a store. Of two that refresh at the same time, the second one may have to ask its user.
///
/// [specification]: https://modelcontextprotocol.io/specification/2026-07-28/basic/authorization/security-considerations#token-theft
pub trait TokenStore: Send + Sync + 'static {
    /// What is kept under this key.
    ///
    /// # Errors
    ///
    /// When the store cannot be asked. The request that needed it fails.
    fn get(&self, key: &str) -> impl Future<Output = Result<Option<Secret>, BoxError>> + Send;

    /// Keeps something under this key, instead of what was there.
    ///
    /// # Errors
    ///
    /// When it cannot be kept. That is logged; the process still has it.
    fn put(&self, key: &str, secret: Secret) -> impl Future<Output = Result<(), BoxError>> + Send;

    /// Forgets what is kept under this key, if there is anything.
    ///
    /// # Errors
    ///
    /// When that cannot be done. That is logged.
    fn remove(&self, key: &str) -> impl Future<Output = Result<(), BoxError>> + Send;
}

/// A [`TokenStore`] in the memory of the process. Clones share what they keep.
#[derive(Clone, Default)]
pub struct MemoryTokens {
    kept: Arc<Mutex<HashMap<String, Secret>>>,
}

impl MemoryTokens {
    fn with<R>(&self, with: impl FnOnce(&mut HashMap<String, Secret>) -> R) -> R {
        with(&mut self.kept.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl TokenStore for MemoryTokens {
    async fn get(&self, key: &str) -> Result<Option<Secret>, BoxError> {
        Ok(self.with(|kept| kept.get(key).cloned()))
    }

    async fn put(&self, key: &str, secret: Secret) -> Result<(), BoxError> {
        self.with(|kept| kept.insert(key.to_owned(), secret));
        Ok(())
    }

    async fn remove(&self, key: &str) -> Result<(), BoxError> {
        self.with(|kept| kept.remove(key));
        Ok(())
    }
}

impl fmt::Debug for MemoryTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryTokens").finish_non_exhaustive()
    }
}

/// A [`TokenStore`] of any type.
trait AnyTokenStore: Send + Sync {
    fn get_boxed<'s>(&'s self, key: &'s str) -> BoxFuture<'s, Result<Option<Secret>, BoxError>>;
    fn put_boxed<'s>(&'s self, key: &'s str, secret: Secret) -> BoxFuture<'s, Result<(), BoxError>>;
    fn remove_boxed<'s>(&'s self, key: &'s str) -> BoxFuture<'s, Result<(), BoxError>>;
}

impl<S: TokenStore> AnyTokenStore for S {
    fn get_boxed<'s>(&'s self, key: &'s str) -> BoxFuture<'s, Result<Option<Secret>, BoxError>> {
        Box::pin(self.get(key))
    }

    fn put_boxed<'s>(&'s self, key: &'s str, secret: Secret) -> BoxFuture<'s, Result<(), BoxError>> {
        Box::pin(self.put(key, secret))
    }

    fn remove_boxed<'s>(&'s self, key: &'s str) -> BoxFuture<'s, Result<(), BoxError>> {
        Box::pin(self.remove(key))
    }
}

/// A store, and what is written into it.
#[derive(Clone)]
pub(super) struct Records(Arc<dyn AnyTokenStore>);

impl Records {
    pub(super) fn in_store(store: impl TokenStore) -> Self {
        Self(Arc::new(store))
    }

    /// What is kept under this key. What cannot be read, another version may have written: it counts as nothing.
    pub(super) async fn get<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, Error> {
        let secret =
            self.0.get_boxed(key).await.map_err(|error| {
                Error::new(ErrorKind::Io, "the store of tokens could not be asked").with_source(error)
            })?;
        Ok(secret.and_then(|it| serde_json::from_slice(&it.0).ok()))
    }

    /// Keeps something. If that fails the user is asked once more than necessary, which is no reason to fail.
    pub(super) async fn put<T: Serialize>(&self, key: &str, record: &T) {
        let Ok(bytes) = serde_json::to_vec(record) else { return };
        if let Err(error) = self.0.put_boxed(key, Secret(bytes)).await {
            tracing::warn!(error = %error, "what an authorization server has given could not be kept");
        }
    }

    pub(super) async fn remove(&self, key: &str) {
        if let Err(error) = self.0.remove_boxed(key).await {
            tracing::warn!(error = %error, "what an authorization server has withdrawn could not be forgotten");
        }
    }
}

/// The key of tokens: for whom, from whom, and whose.
pub(super) fn key_of_tokens(issuer: &str, resource: &str, client_id: &str) -> String {
    key(&["tokens", issuer, resource, client_id])
}

/// The key of the registration at an authorization server.
pub(super) fn key_of_client(issuer: &str) -> String {
    key(&["client", issuer])
}

/// Parts as a list in JSON, so that no two lists have one key.
fn key(parts: &[&str]) -> String {
    serde_json::Value::from(parts.to_vec()).to_string()
}
