use serde_json::value::RawValue;

use super::*;
use crate::engine::Client;
use crate::protocol::{Extensions, RequestId, ServerNotification};

struct Nowhere;

impl Outlet for Nowhere {
    fn notify(&self, _: ServerNotification) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }

    fn request(&self, _: usize, _: &'static str, _: RawParams, _: crate::protocol::OnAnswer) {}

    fn withdraw(&self, _: usize) {}
}

pub(in crate::engine) fn round() -> Round {
    Round {
        request_id: RequestId::Number(1),
        meta: None,
        client: Client::Known(Arc::default()),
        progress_token: None,
        log_level: None,
        extensions: Extensions::new(),
        decoded: Default::default(),
    }
}

fn call() -> Arc<Call> {
    Call::new(round(), Arc::new(Nowhere), None)
}

fn poll(call: &Call, id: &mut Option<QuestionId>) -> Poll<Answered> {
    let question = || Question {
        method: "roots/list",
        params: RawValue::NULL.to_owned(),
        key: None,
        within: None,
        required: |_| None,
    };
    call.poll_answer(id, question, &mut TaskContext::from_waker(Waker::noop()))
}

#[test]
fn when_a_call_ends_its_questions_fail_and_can_still_be_dropped() {
    let call = call();
    let mut id = None;
    assert!(poll(&call, &mut id).is_pending());
    call.end();
    assert!(matches!(poll(&call, &mut id), Poll::Ready(Err(_))));
    assert!(matches!(poll(&call, &mut None), Poll::Ready(Err(_))), "a question after the end fails too");
    call.abandon(id.expect("it was asked"));
    assert!(call.cancelled().is_cancelled());
}

#[test]
fn progress_only_grows() {
    let call = call();
    let moved: Vec<_> = [1.0, 1.0, 0.5, 2.0, f64::NAN].into_iter().map(|progress| call.advance(progress)).collect();
    let before = moved.iter().map(Option::is_some).collect::<Vec<_>>();
    assert_eq!(before, [true, false, false, true, false]);
    call.take_back(2.0, 1.0);
    assert_eq!(call.advance(1.5), Some(1.0), "what could not be told was not told");
}
