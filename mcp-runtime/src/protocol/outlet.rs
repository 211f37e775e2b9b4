use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Waker};

use serde_json::value::RawValue;

use super::{ErrorObject, ProgressToken, ServerNotification};

/// A future behind a pointer, as traits without `async fn` return it.
pub(crate) type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What a client answered to a request of the server.
pub(crate) type Answered = Result<Box<RawValue>, ErrorObject>;

/// Called once, with the client's answer.
pub(crate) type OnAnswer = Box<dyn FnOnce(Answered) + Send>;

/// The way from a running call to the client that made it. The connection hands it in.
pub(crate) trait Outlet: Send + Sync {
    /// What stands for the token of a client that gave none, where progress needs none.
    fn own_token(&self) -> Option<ProgressToken> {
        None
    }

    /// Queues a notification; waits while the client is slow to read.
    fn notify(&self, notification: ServerNotification) -> BoxFuture<'_, ()>;

    /// Queues a notification if that needs no waiting. Whether it did.
    fn notify_at_once(&self, notification: ServerNotification) -> bool {
        self.notify(notification).as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready()
    }

    /// Sends a request to the client, where the revision has such requests. `question` is the
    /// number by which the call knows it.
    fn request(&self, question: usize, method: &'static str, params: Box<RawValue>, on_answer: OnAnswer);

    /// Tells the client that nobody waits for the answer to a request any more.
    fn withdraw(&self, question: usize);

    /// Lets go of the connection on which the client waits, where it can come back for the rest.
    fn pause(&self) {}
}
