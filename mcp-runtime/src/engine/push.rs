//! The push carrier: questions go to the client in the middle of the call, as requests of ours.

use std::future::{Future as _, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use super::{Call, Cancel, Outcome, Reply, Running, spawn};
use crate::telemetry::{Ended, Operation};

/// Drives a call in a task of its own until it completes.
pub(crate) fn push(mut running: Running, reply: Reply) -> Cancel {
    let call = running.call.clone();
    let task = spawn({
        let call = call.clone();
        Box::pin(async move {
            let finished = poll_fn(|cx| {
                if let Some(call) = &call {
                    call.set_driver(cx.waker());
                }
                let polled = Pin::new(&mut running).poll(cx);
                if let (Poll::Pending, Some(call)) = (&polled, &call) {
                    send_unsent(call);
                }
                polled
            })
            .await;
            drop(running);
            reply(Outcome::Complete(finished));
        })
    });
    Cancel::task(task.abort_handle(), call)
}

/// Sends what the client has not seen.
fn send_unsent(call: &Arc<Call>) {
    let (outlet, unsent) = {
        let mut state = call.lock();
        let Some(outlet) = state.outlet.clone() else { return };
        let ids = state.journal.take_unsent();
        let unsent: Vec<_> = ids
            .into_iter()
            .map(|id| {
                let question = state.journal.question(id);
                (id, question.method, question.params.clone())
            })
            .collect();
        (outlet, unsent)
    };
    let span = call.span();
    for (id, method, params) in unsent {
        let (operation, params) = Operation::question(&span, method, params);
        let call = Arc::downgrade(call);
        outlet.request(
            id.index(),
            method,
            params,
            Box::new(move |answer| {
                if let Some(operation) = operation {
                    operation.ended(answer.as_ref().map_or_else(Ended::Refused, |_| Ended::Well));
                }
                if let Some(call) = call.upgrade() {
                    call.answer(id, answer);
                }
            }),
        );
    }
}
