//! Calls of the client on which a server may ask something.

use std::sync::{Mutex, PoisonError};

use serde_json::{Map, Value};
use tokio::sync::mpsc;

use crate::protocol::{LoggingMessageNotificationParams, Method, ProgressNotificationParams};

/// A call of the client on which its server may ask something.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CallInFlight {
    /// What was called: `tools/call`, for example.
    pub method: String,
    /// Of which name: that of the tool or the prompt, or the URI of the resource. Of a task that was
    /// [come back to](super::Client::task) it is not known.
    pub name: Option<String>,
}

/// What a server says of a call while it runs.
#[derive(Debug)]
pub(super) enum Heard {
    Progress(ProgressNotificationParams),
    Message(LoggingMessageNotificationParams),
}

/// One call, over all its rounds.
#[derive(Debug)]
pub(super) struct Call {
    facts: CallInFlight,
    /// How many tokens the questions of this call may have taken.
    spent: Mutex<u64>,
    /// Who hears what is said of it, if that is not for the listeners of the client.
    pub(super) hears: Option<mpsc::Sender<Heard>>,
    /// Which trace its rounds belong to.
    #[cfg(feature = "otel")]
    pub(super) origin: crate::telemetry::Origin,
}

impl Call {
    pub(super) fn new(method: &str, params: &Map<String, Value>) -> Self {
        let name = params.get("name").or_else(|| params.get("uri")).and_then(Value::as_str).map(str::to_owned);
        Self {
            facts: CallInFlight { method: method.to_owned(), name },
            spent: Mutex::default(),
            hears: None,
            #[cfg(feature = "otel")]
            origin: Default::default(),
        }
    }

    /// One of which somebody else hears what is said of it.
    pub(super) fn heard_by(method: &str, params: &Map<String, Value>, hears: mpsc::Sender<Heard>) -> Self {
        Self { hears: Some(hears), ..Self::new(method, params) }
    }

    /// Of a task of which nothing but its id is known.
    pub(super) fn of_task() -> Self {
        Self::new(Method::ToolsCall.as_str(), &Map::new())
    }

    pub(super) fn facts(&self) -> CallInFlight {
        self.facts.clone()
    }

    pub(super) fn spent(&self) -> u64 {
        *self.spent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes so many tokens, unless there were more than `most` then. What is left is the error.
    pub(super) fn spend(&self, tokens: u64, most: u64) -> Result<(), u64> {
        let mut spent = self.spent.lock().unwrap_or_else(PoisonError::into_inner);
        let left = most.saturating_sub(*spent);
        if tokens > left {
            return Err(left);
        }
        *spent += tokens;
        Ok(())
    }

    pub(super) fn give_back(&self, tokens: u64) {
        let mut spent = self.spent.lock().unwrap_or_else(PoisonError::into_inner);
        *spent = spent.saturating_sub(tokens);
    }
}
