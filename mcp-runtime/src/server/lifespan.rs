//! What happens before the first connection, beside all of them, and after the last.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::context::ToolError;
use crate::error::{Error, ErrorKind};
use crate::protocol::BoxFuture;
use crate::side_by_side::unless_it_panics;

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
    starting: tokio::sync::Mutex<Starting>,
    /// Known without waiting for anybody.
    has_started: AtomicBool,
    /// Cancelled when the server is to end.
    pub(super) stop: CancellationToken,
    background: Background,
    shutdown: Mutex<Vec<Hook<()>>>,
}

type Background = Arc<Mutex<JoinSet<()>>>;

/// How far the start has come. A connection that goes away meanwhile leaves it to the next one.
enum Starting {
    Doing(BoxFuture<'static, Result<(), String>>),
    Done(Result<(), String>),
}

impl Lifespan {
    pub(super) fn new(hooks: Hooks) -> Self {
        let Hooks { start, background: works, shutdown } = hooks;
        let (stop, background) = (CancellationToken::new(), Background::default());
        let doing = {
            let (stop, background) = (stop.clone(), background.clone());
            async move {
                for hook in start {
                    hook().await.map_err(|error| format!("the server did not start: {error}"))?;
                }
                for work in works {
                    let future = work(stop.child_token());
                    background.lock().unwrap_or_else(PoisonError::into_inner).spawn(future);
                }
                Ok(())
            }
        };
        let starting = tokio::sync::Mutex::new(Starting::Doing(Box::pin(doing)));
        let has_started = AtomicBool::new(false);
        Self { starting, has_started, stop, background, shutdown: Mutex::new(shutdown) }
    }

    /// Whether what comes first is done, and well.
    #[cfg(feature = "http")]
    pub(super) fn has_started(&self) -> bool {
        self.has_started.load(Ordering::Acquire)
    }

    /// Runs what comes first, once, and lets background work begin.
    pub(super) async fn start(&self) -> Result<(), Error> {
        let mut starting = self.starting.lock().await;
        if let Starting::Doing(doing) = &mut *starting {
            let done = unless_it_panics(doing).await;
            let panicked = || Err("the server did not start: a hook of `Server::on_start` panicked".to_owned());
            let done = done.unwrap_or_else(panicked);
            self.has_started.store(done.is_ok(), Ordering::Release);
            *starting = Starting::Done(done);
        }
        match &*starting {
            Starting::Done(Err(message)) => Err(Error::new(ErrorKind::Startup, message.clone())),
            _ => Ok(()),
        }
    }

    /// Waits for background work, for so long.
    pub(super) async fn end_background(&self, time: Duration) {
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
            background.shutdown().await;
        }
    }

    /// Runs what comes last. Nothing happens the second time.
    pub(super) async fn end(&self) {
        // Whoever came first ends last.
        let hooks = std::mem::take(&mut *self.shutdown.lock().unwrap_or_else(PoisonError::into_inner));
        for hook in hooks.into_iter().rev() {
            if unless_it_panics(async { hook().await }).await.is_none() {
                tracing::error!("a hook of `Server::on_shutdown` panicked");
            }
        }
    }
}
