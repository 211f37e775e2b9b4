use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::sync::Arc;

use serde_json::Value;

use super::Context;
use crate::engine::Call;
use crate::protocol::{
    LoggingLevel, LoggingMessageNotificationParams, Outlet, ProgressNotificationParams, ServerNotification,
};
use tokio::task::coop::consume_budget;

impl Context {
    /// Tells the client how far the call has come, if it asked to know ([specification]).
    ///
    /// Progress must grow: a value that is not above the last one is not sent. For a loop,
    /// [`Context::progress`] counts and does not send too often.
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

    /// Logs to the client: a part of the program failed. Text or any JSON.
    pub fn critical(&self, data: impl Into<Value>) -> Log {
        self.log(LoggingLevel::Critical, data)
    }

    /// Logs to the client: someone must act now. Text or any JSON.
    pub fn alert(&self, data: impl Into<Value>) -> Log {
        self.log(LoggingLevel::Alert, data)
    }

    /// Logs to the client: nothing works. Text or any JSON.
    pub fn emergency(&self, data: impl Into<Value>) -> Log {
        self.log(LoggingLevel::Emergency, data)
    }

    /// Logs to the client at any of the eight levels, text or any JSON ([specification]).
    ///
    /// What the client does not want to hear is not sent: a modern one names the least severe level with
    /// each request, and hears nothing without it; a legacy one sets it with `logging/setLevel`, and hears
    /// messages from `info` on until it does.
    ///
    /// ```
    /// use mcp_runtime::prelude::*;
    /// use mcp_runtime::protocol::LoggingLevel;
    /// use serde_json::json;
    ///
    /// /// Import a file.
    /// #[tool]
    /// async fn import(path: String, ctx: Context) {
    ///     ctx.log(LoggingLevel::Info, json!({ "path": path, "rows": 12 })).logger("importer").await;
    ///     ctx.critical("the disk is full").logger("storage").await;
    /// }
    /// ```
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

impl Log {
    /// Who logs: the part of the program that has something to say. Nobody in particular by default.
    pub fn logger(mut self, name: impl Into<String>) -> Self {
        if let Some(message) = &mut self.message {
            message.logger = Some(name.into());
        }
        self
    }
}

impl IntoFuture for Log {
    type Output = ();
    type IntoFuture = Pin<Box<dyn Future<Output = ()> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            // A loop that only reports must not keep its thread, also when nobody listens any more.
            consume_budget().await;
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
    pub(super) call: Arc<Call>,
    pub(super) progress: f64,
    pub(super) total: Option<f64>,
    pub(super) message: Option<String>,
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

    /// What is to be sent, if somebody asked and progress has grown. It counts as sent.
    fn due(self) -> Option<Due> {
        let Self { call, progress, total, message } = self;
        let outlet = call.outlet()?;
        // The outlet of a task needs no token: whoever wants to know asks.
        let progress_token = call.round().progress_token.clone().or_else(|| outlet.own_token())?;
        let previous = call.advance(progress)?;
        let params = ProgressNotificationParams { progress_token, progress, total, message };
        Some(Due { call, outlet, notification: ServerNotification::Progress(params), progress, previous })
    }

    /// Reports if there is room for it at once. False if there was none.
    pub(super) fn at_once(self) -> bool {
        let Some(Due { call, outlet, notification, progress, previous }) = self.due() else { return true };
        let sent = outlet.notify_at_once(notification);
        if !sent {
            call.take_back(progress, previous);
        }
        sent
    }
}

/// A report that is to be sent.
struct Due {
    call: Arc<Call>,
    outlet: Arc<dyn Outlet>,
    notification: ServerNotification,
    progress: f64,
    /// What the client had heard before.
    previous: f64,
}

impl IntoFuture for ReportProgress {
    type Output = ();
    type IntoFuture = Pin<Box<dyn Future<Output = ()> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            consume_budget().await;
            if let Some(Due { outlet, notification, .. }) = self.due() {
                outlet.notify(notification).await;
            }
        })
    }
}

impl fmt::Debug for ReportProgress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReportProgress").field("progress", &self.progress).finish_non_exhaustive()
    }
}
