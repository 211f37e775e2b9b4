//! Multi round-trip requests: answers what the server asks and calls again, until the request is
//! complete ([specification]).
//!
//! [specification]: https://modelcontextprotocol.io/specification/2026-07-28/basic/patterns/mrtr

use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use tokio::task::JoinSet;
use tracing::Instrument as _;

use super::call::Call;
use super::wire::refused;
use super::{Client, decode};
use crate::error::{Error, ErrorKind};
use crate::protocol::{Answered, Method, ReceivedInputRequired, Task};
use crate::telemetry::current;

#[derive(Deserialize)]
struct Kind {
    #[serde(rename = "resultType")]
    result_type: Option<String>,
}

const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// How a request of several rounds ended.
pub(super) enum Completed {
    Result {
        result: Box<RawValue>,
        /// Whether nothing was asked before.
        at_once: bool,
    },
    /// It goes on as a task.
    Task(Task, Arc<Call>),
}

pub(super) async fn complete(client: &Client, method: &str, params: Map<String, Value>) -> Result<Completed, Error> {
    let call = Arc::new(Call::new(method, &params));
    let mut answers = Map::new();
    let mut state: Option<String> = None;
    let mut pauses = Pauses::default();
    for round in 0..=client.options.max_rounds {
        let mut params = params.clone();
        if !answers.is_empty() {
            params.insert("inputResponses".to_owned(), Value::Object(std::mem::take(&mut answers)));
        }
        if let Some(state) = state.take() {
            params.insert("requestState".to_owned(), Value::String(state));
        }
        let result = client.request_within(&call, method, params).await?;
        let kind: Kind = decode(method, result.get())?;
        match kind.result_type.as_deref() {
            None | Some("complete") => return Ok(Completed::Result { result, at_once: round == 0 }),
            // Nothing else can become one, and nobody else has said that they know tasks.
            Some("task") if method == Method::ToolsCall.as_str() && client.options.tasks => {
                return Ok(Completed::Task(decode(method, result.get())?, call));
            }
            Some("input_required") => {}
            Some(other) => {
                return Err(Error::new(
                    ErrorKind::Protocol,
                    format!("the server answered `{method}` with a result of the unknown type `{other}`"),
                ));
            }
        }
        let required: ReceivedInputRequired = decode(method, result.get())?;
        if required.input_requests.is_empty() {
            if required.request_state.is_none() {
                return Err(wants_nothing(method));
            }
            pauses.pause().await;
        } else {
            answers = answer_all(client, &call, required.input_requests).await?;
            pauses = Pauses::default();
        }
        state = required.request_state;
    }
    Err(too_many_rounds(method, client.options.max_rounds))
}

pub(super) fn wants_nothing(method: &str) -> Error {
    let message = format!("the server wants another round of `{method}`, but gave neither requests nor a state");
    Error::new(ErrorKind::Protocol, message)
}

pub(super) fn too_many_rounds(method: &str, most: u32) -> Error {
    Error::new(
        ErrorKind::Protocol,
        format!(
            "the server asked for more than {most} rounds of `{method}`; allow more with `ClientBuilder::max_rounds`"
        ),
    )
}

/// The pauses before rounds that only repeat the state, each twice as long as the one before.
pub(super) struct Pauses {
    next: Duration,
    longest: Duration,
}

impl Default for Pauses {
    fn default() -> Self {
        Self::up_to(LONGEST_WAIT)
    }
}

impl Pauses {
    pub(super) fn up_to(longest: Duration) -> Self {
        Self { next: FIRST_WAIT, longest }
    }

    pub(super) async fn pause(&mut self) {
        tokio::time::sleep(self.next).await;
        self.next = (self.next * 2).min(self.longest);
    }
}

/// Answers the questions of one round at the same time.
pub(super) async fn answer_all(
    client: &Client,
    call: &Arc<Call>,
    requests: std::collections::BTreeMap<String, crate::protocol::ReceivedInputRequest>,
) -> Result<Map<String, Value>, Error> {
    let mut running = JoinSet::new();
    for (key, request) in requests {
        let (handlers, calls) = (client.options.handlers.clone(), [call.clone()]);
        let answer = async move {
            let answer: Answered = handlers.answer(&request.method, request.params.as_deref(), &calls).await;
            (key, request.method, answer)
        };
        // What handlers trace belongs to whoever calls.
        running.spawn(answer.instrument(current()));
    }
    let mut answers = Map::new();
    while let Some(joined) = running.join_next().await {
        let (key, method, answer) = joined
            .map_err(|error| Error::new(ErrorKind::Closed, "a handler of the client panicked").with_source(error))?;
        // A round has no way to say no: a handler that refuses ends the call.
        let answer = answer.map_err(|error| refused(&method, error))?;
        answers.insert(key, json!(answer));
    }
    Ok(answers)
}
