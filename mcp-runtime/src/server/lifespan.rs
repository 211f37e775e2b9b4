//! What happens before the first connection, beside all of them, and after the last.

use std::panic::AssertUnwindSafe;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::sync::OnceCell;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::context::ToolError;
use crate::error::{Error, ErrorKind};
use crate::protocol::BoxFuture;

pub(super) type Hook<T> = Box<dyn FnOnce() -> BoxFuture<'static, T> + Send>;
pub(super) type Work = Box<dyn FnOnce(CancellationToken) -> BoxFuture<'static, ()> + Send>;

/// What a server was told to do.
#[derive(Default)]
pub(super) struct Hooks {
    pub(super) start: Vec<Hook<Result<(), ToolError>>>,
    pub(super) background: Vec<Work>,
    pub(super) shutdown: Vec<Hook<()>>,
}

/// The same, done once.
pub(super) struct Lifespan {
    hooks: Mutex<Hooks>,
    started: OnceCell<()>,
    /// Cancelled when the server is to end.
    pub(super) stop: CancellationToken,
    background: Mutex<JoinSet<()>>,
}

impl Lifespan {
    pub(super) fn new(hooks: Hooks) -> Self {
        Self {
            hooks: Mutex::new(hooks),
            started: OnceCell::new(),
            stop: CancellationToken::new(),
            background: Mutex::default(),
        }
    }

    fn take<T>(&self, part: impl FnOnce(&mut Hooks) -> &mut Vec<T>) -> Vec<T> {
        std::mem::take(part(&mut self.hooks.lock().unwrap_or_else(PoisonError::into_inner)))
    }

    /// Runs what comes first, once, and lets background work begin.
    pub(super) async fn start(&self) -> Result<(), Error> {
        let start = async || {
            for hook in self.take(|hooks| &mut hooks.start) {
                hook()
                    .await
                    .map_err(|error| Error::new(ErrorKind::Startup, format!("the server did not start: {error}")))?;
            }
            for work in self.take(|hooks| &mut hooks.background) {
                let future = work(self.stop.child_token());
                self.background.lock().unwrap_or_else(PoisonError::into_inner).spawn(future);
            }
            Ok(())
        };
        self.started.get_or_try_init(start).await.copied()
    }

    /// Waits for background work, for so long, and runs what comes last. Nothing happens the second time.
    pub(super) async fn end(&self, time: Duration) {
        self.stop.cancel();
        let mut background = std::mem::take(&mut *self.background.lock().unwrap_or_else(PoisonError::into_inner));
        let all = async {
            while let Some(ended) = background.join_next().await {
                if let Err(error) = ended {
                    tracing::error!(%error, "background work of the server failed");
                }
            }
        };
        if tokio::time::timeout(time, all).await.is_err() {
            tracing::warn!(works = background.len(), "background work was stopped: it did not end in time");
        }
        // Whoever came first ends last.
        for hook in self.take(|hooks| &mut hooks.shutdown).into_iter().rev() {
            if AssertUnwindSafe(async { hook().await }).catch_unwind().await.is_err() {
                tracing::error!("a hook of `Server::on_shutdown` panicked");
            }
        }
    }
}
