use std::borrow::Cow;
use std::cell::Cell;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::time::{Duration, SystemTime};

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::{RawValue, to_raw_value};

use super::Context;
use super::error::ToolError;
use crate::engine::{self, Call, StepKey};
use crate::protocol::without_position;

impl Context {
    /// Does something once for each call, however often its function runs: the result is kept, and
    /// a function that runs again is given it.
    ///
    /// A function that asks its client may run again from the top when the answers come: on
    /// another replica, after a restart, or when it had to make room
    /// ([`Resume`](crate::Resume)). What it does before a question is done again then, unless it is
    /// a step. Around anything that has an effect, or that differs from one run to the next, goes a
    /// step:
    ///
    /// ```
    /// use mcp_runtime::prelude::*;
    ///
    /// # async fn hold_seat(_flight: &str) -> Result<String> { Ok("12A".to_owned()) }
    /// /// Book a seat.
    /// #[tool]
    /// async fn book(flight: String, ctx: Context) -> Result<String> {
    ///     let seat = ctx.step("hold", || async { hold_seat(&flight).await }).await?;
    ///     let wish = ctx.sample(format!("A kind sentence for whoever sits at {seat}")).await?;
    ///     Ok(format!("{seat}: {}", wish.text()?))
    /// }
    /// ```
    ///
    /// The result travels as JSON, also where the function runs only once, so that what does not
    /// survive that shows at once. A step is known by its name, and by how often the name was used
    /// before in the call: steps in loops and in `join!` work, if those of one name are alike.
    ///
    /// A step that fails, or whose future is dropped, is not kept; the next one of its name is taken
    /// for the same, tried again. If it was dropped half way (by `select!`, a timeout or a cancelled
    /// request) it may have had its effect all the same.
    ///
    /// A step is in the client's hands from the end of the next round on. One that is done after
    /// that, beside a question that waits or after the last one, is done again if the server dies or
    /// the call must make room before the next round ends; [`Context::idempotency_key`] closes that
    /// gap together with the system that is called. A call that is never parked
    /// ([`Resume::Replay`](crate::Resume::Replay)) does not end a round while a step is running, for
    /// up to 30 seconds.
    ///
    /// # Errors
    ///
    /// The error of the body; one that says so if the result cannot be written as JSON or read
    /// back, if the step stands inside of another step of the call, or if the call has ended.
    pub async fn step<T, F, Fut>(&self, name: impl Into<Cow<'static, str>>, body: F) -> Result<T, ToolError>
    where
        T: Serialize + DeserializeOwned,
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<T, ToolError>>,
    {
        once(&self.call, &name.into(), Scope::Closed, body).await.map_err(|failure| match failure {
            Failure::Step(error) | Failure::Body(error) => error,
        })
    }

    /// The time at which this was first called, the same in every run of the call.
    ///
    /// # Errors
    ///
    /// As those of [`Context::step`], of which this is one.
    ///
    /// ```
    /// # use mcp_runtime::prelude::*;
    /// #[tool]
    /// async fn remind(ctx: Context) -> Result<String> {
    ///     let now = ctx.now().await?;
    ///     let text = ctx.sample(format!("It is {now:?}. Write a reminder.")).await?;
    ///     Ok(text.text()?.to_owned())
    /// }
    /// ```
    pub async fn now(&self) -> Result<SystemTime, ToolError> {
        let since = self
            .step("mcp-runtime/now", || async {
                let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
                Ok((since.as_secs(), since.subsec_nanos()))
            })
            .await?;
        let since = Duration::from_secs(since.0).saturating_add(Duration::from_nanos(since.1.into()));
        SystemTime::UNIX_EPOCH.checked_add(since).ok_or_else(|| ToolError::new("the clock of the server is not right"))
    }

    /// A new identifier in the form of a UUID (version 8), the same in every run of the call: the
    /// first one is the first one, and so on.
    ///
    /// ```
    /// # use mcp_runtime::prelude::*;
    /// #[tool]
    /// fn new_order(ctx: Context) -> String {
    ///     format!("order {}", ctx.uuid())
    /// }
    /// ```
    #[must_use]
    pub fn uuid(&self) -> String {
        uuid(self.call.derived(Inside::of(&self.call).as_ref(), "uuid"))
    }

    /// A key that names this call to other systems: the same in every round and every run, on every
    /// replica, and another one for every other call.
    ///
    /// A system that is given it with a request can see that it was given the request before, which
    /// is what makes an effect happen once even if the server dies at the wrong moment.
    ///
    /// ```
    /// # use mcp_runtime::prelude::*;
    /// # async fn charge(_cents: u32, _key: &str) -> Result<String> { Ok("receipt".to_owned()) }
    /// #[tool]
    /// async fn pay(cents: u32, ctx: Context) -> Result<String> {
    ///     let key = ctx.idempotency_key();
    ///     ctx.step("charge", || async { charge(cents, &key).await }).await
    /// }
    /// ```
    ///
    /// It is one key for all of the call: for several effects, add to it what each of them is.
    /// A client that sends a request anew, without the state of the call that it had begun, begins
    /// another call.
    #[must_use]
    pub fn idempotency_key(&self) -> String {
        uuid(self.call.idempotency_key())
    }

    /// Does something when the call has really completed: after the function has returned, if it
    /// did not return an error, and before the client gets the result. What was registered first is
    /// done first. In a call that runs several times, that is in its last run.
    ///
    /// Nothing is done for a call that fails, panics, runs out of time or is cancelled. An effect that
    /// panics makes the call one that panicked, and those after it are not done. Register them outside
    /// of steps: the body of a step does not run again.
    ///
    /// ```
    /// # use mcp_runtime::prelude::*;
    /// #[tool]
    /// async fn order(product: String, ctx: Context) -> Result<String> {
    ///     let text = format!("ordered {product}");
    ///     ctx.on_complete({
    ///         let text = text.clone();
    ///         || async move { tracing::info!("{text}") }
    ///     });
    ///     ctx.sample("Is that wise?").await?;
    ///     Ok(text)
    /// }
    /// ```
    pub fn on_complete<F, Fut>(&self, effect: F)
    where
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        self.call.on_complete(Box::new(|| Box::pin(effect())));
    }
}

/// Why a step has no result.
pub(super) enum Failure<E> {
    /// It could not be one.
    Step(ToolError),
    /// Its body failed.
    Body(E),
}

/// Whether there may be steps in the body of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    /// No: when it is done, nobody would know of them.
    Closed,
    /// Yes: it is the whole of a function that has steps of its own, and is told what to know.
    Open,
}

/// Does something once for each call: what [`Context::step`] is made of.
pub(super) async fn once<T, E, F, Fut>(call: &Call, name: &str, scope: Scope, body: F) -> Result<T, Failure<E>>
where
    T: Serialize + DeserializeOwned,
    F: FnOnce() -> Fut,
    Fut: Future<Output = Result<T, E>>,
{
    let within = match Inside::step(call) {
        Some((outer, Scope::Closed)) => {
            return Err(Failure::Step(ToolError::new(format!(
                "step `{name}` stands inside of step `{}`: when that is done, nobody would know of it; \
                 take it out, or let the outer one be no step",
                outer.as_text()
            ))));
        }
        Some((outer, Scope::Open)) => Some(outer),
        None => None,
    };
    let key = match call.begin_step(within.as_ref(), name).map_err(|error| Failure::Step(error.into()))? {
        engine::Step::Done(result) => return read(name, &result).map_err(Failure::Step),
        engine::Step::New(key) => key,
    };
    let mut running = RunningStep { call, key: Some(key.clone()) };
    let mut body = pin!(body());
    let result = poll_fn(|cx| {
        let _inside = Inside::enter(call, &key, scope);
        body.as_mut().poll(cx)
    })
    .await
    .map_err(Failure::Body)?;
    let written = to_raw_value(&result).map_err(|error| {
        Failure::Step(ToolError::new(format!("the result of step `{name}` cannot be written as JSON: {error}")))
    })?;
    let read = read(name, &written).map_err(Failure::Step)?;
    running.end(Some(written));
    Ok(read)
}

fn read<T: DeserializeOwned>(name: &str, result: &RawValue) -> Result<T, ToolError> {
    serde_json::from_str(result.get()).map_err(|error| {
        let reason = without_position(&error);
        ToolError::new(format!("the result of step `{name}` cannot be read back from JSON: {reason}"))
    })
}

/// Sixteen bytes in the form of a UUID, version 8: its owner says what they are.
fn uuid(mut bytes: [u8; 16]) -> String {
    bytes[6] = bytes[6] & 0x0f | 0x80;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let mut text = String::with_capacity(36);
    for (place, byte) in bytes.iter().enumerate() {
        if matches!(place, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        // Text takes whatever is written into it.
        _ = fmt::Write::write_fmt(&mut text, format_args!("{byte:02x}"));
    }
    text
}

/// A step that runs, until it is over or dropped.
struct RunningStep<'c> {
    call: &'c Call,
    key: Option<StepKey>,
}

impl RunningStep<'_> {
    fn end(&mut self, result: Option<Box<RawValue>>) {
        if let Some(key) = self.key.take() {
            self.call.end_step(&key, result);
        }
    }
}

impl Drop for RunningStep<'_> {
    fn drop(&mut self) {
        self.end(None);
    }
}

thread_local! {
    /// The step whose body is polled on this thread right now, and its call.
    static STEP: Cell<Option<(usize, StepKey, Scope)>> = const { Cell::new(None) };
}

/// While a body is polled.
pub(super) struct Inside {
    outer: Option<(usize, StepKey, Scope)>,
}

impl Inside {
    fn enter(call: &Call, key: &StepKey, scope: Scope) -> Self {
        Self { outer: STEP.replace(Some((place(call), key.clone(), scope))) }
    }

    /// The step of this call that is polled right now.
    pub(super) fn of(call: &Call) -> Option<StepKey> {
        Self::step(call).map(|(key, _)| key)
    }

    /// The same, with what may stand in it.
    pub(super) fn step(call: &Call) -> Option<(StepKey, Scope)> {
        let step = STEP.take();
        let ours = step.as_ref().filter(|(of, ..)| *of == place(call));
        let found = ours.map(|(_, key, scope)| (key.clone(), *scope));
        STEP.set(step);
        found
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        STEP.set(self.outer.take());
    }
}

fn place(call: &Call) -> usize {
    std::ptr::from_ref(call).addr()
}
