use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::sync::Arc;

use serde_json::Value;

use super::Context;
use crate::engine::Call;
use crate::protocol::{LoggingLevel, LoggingMessageNotificationParams, ProgressNotificationParams, ServerNotification};

impl Context {
    /// Tells the client how far the call has come, if it asked to know ([specification]).
    ///
    /// Progress must grow: a value that is not above the last one is not sent.
    ///
    /// ```
    /// # use mcp_runtime::prelude::*;
    /// #[tool]
    /// async fn import(ctx: Context) {
    ///     for done in 1..=10 {
    ///         ctx.report_progress(f64::from(done)).total(10.0).message("importing").await;
    ///     }
    /// }
    /// ```
    ///
    /// [specification]: https://modelcontextprotocol.io/specification/2026-07-28/basic/patterns/progress
    pub fn report_progress(&self, progress: f64) -> ReportProgress {
        ReportProgress { call: self.call.clone(), progress, total: None, message: None }
    }

    /// Logs to the client: details for debugging. Text or any JSON.
    pub fn debug(&self, data: impl Into<Value>) -> Log {
        self.log(LoggingLevel::Debug, data)
    }

    /// Logs to the client: what goes on. Text or any JSON.
    pub fn info(&self, data: impl Into<Value>) -> Log {
        self.log(LoggingLevel::Info, data)
    }

    /// Logs to the client: normal but worth a look. Text or any JSON.
    pub fn notice(&self, data: impl Into<Value>) -> Log {
        self.log(LoggingLevel::Notice, data)
    }

    /// Logs to the client: something may be wrong. Text or any JSON.
    pub fn warning(&self, data: impl Into<Value>) -> Log {
        self.log(LoggingLevel::Warning, data)
    }

    /// Logs to the client: something failed. Text or any JSON.
    pub fn error(&self, data: impl Into<Value>) -> Log {
        self.log(LoggingLevel::Error, data)
    }

    /// Logs to the client at any level, text or any JSON ([specification]).
    ///
    /// What the client does not want to hear is not sent.
    ///
    /// [specification]: https://modelcontextprotocol.io/specification/2026-07-28/server/utilities/logging
    pub fn log(&self, level: LoggingLevel, data: impl Into<Value>) -> Log {
        let wanted = self.call.round().log_level.is_some_and(|least| level >= least);
        let message = || LoggingMessageNotificationParams { level, logger: None, data: data.into() };
        Log { call: self.call.clone(), message: wanted.then(message) }
    }
}

/// A message for the client's log; await it. Made by [`Context::log`] and its sisters.
#[must_use = "a message is logged when it is awaited"]
pub struct Log {
    call: Arc<Call>,
    /// None for one that the client does not want.
    message: Option<LoggingMessageNotificationParams>,
}

impl IntoFuture for Log {
    type Output = ();
    type IntoFuture = Pin<Box<dyn Future<Output = ()> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            if let Some((message, outlet)) = self.message.zip(self.call.outlet())
                && self.call.is_news(|| serde_json::to_vec(&message).unwrap_or_default())
            {
                outlet.notify(ServerNotification::Message(message)).await;
            }
        })
    }
}

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Log").field("message", &self.message).finish_non_exhaustive()
    }
}

/// A report of progress; await it. Made by [`Context::report_progress`].
#[must_use = "progress is reported when it is awaited"]
pub struct ReportProgress {
    call: Arc<Call>,
    progress: f64,
    total: Option<f64>,
    message: Option<String>,
}

impl ReportProgress {
    /// How far the call will go, if that is known.
    pub fn total(mut self, total: f64) -> Self {
        self.total = Some(total);
        self
    }

    /// What is going on.
    pub fn message(mut self, message: impl Into<String>) -> Self {
        self.message = Some(message.into());
        self
    }
}

impl IntoFuture for ReportProgress {
    type Output = ();
    type IntoFuture = Pin<Box<dyn Future<Output = ()> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        let Self { call, progress, total, message } = self;
        Box::pin(async move {
            let Some(outlet) = call.outlet() else { return };
            // The outlet of a task needs no token: whoever wants to know asks.
            let Some(progress_token) = call.round().progress_token.clone().or_else(|| outlet.own_token()) else {
                return;
            };
            if call.advance(progress) {
                let params = ProgressNotificationParams { progress_token, progress, total, message };
                outlet.notify(ServerNotification::Progress(params)).await;
            }
        })
    }
}

impl fmt::Debug for ReportProgress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReportProgress").field("progress", &self.progress).finish_non_exhaustive()
    }
}
