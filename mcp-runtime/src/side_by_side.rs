//! Futures that go on beside each other, in one task.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;

use crate::protocol::BoxFuture;

/// How many go on at a time, at most. All of them are polled when one has something to do.
pub(crate) const MOST: usize = 256;

/// What these return, in their order. So many go on at a time; the next one begins when the first is done.
pub(crate) async fn in_order<'a, T>(futures: Vec<BoxFuture<'a, T>>, at_once: usize) -> Vec<T> {
    let at_once = at_once.clamp(1, MOST);
    let mut waiting = futures.into_iter();
    let mut running: VecDeque<Result<T, BoxFuture<'a, T>>> = VecDeque::new();
    let mut done = Vec::new();
    poll_fn(|cx| {
        let mut poll = |one: &mut Result<T, BoxFuture<'a, T>>| {
            if let Err(future) = one
                && let Poll::Ready(output) = future.as_mut().poll(cx)
            {
                *one = Ok(output);
            }
        };
        running.iter_mut().for_each(&mut poll);
        loop {
            while running.front().is_some_and(Result::is_ok) {
                done.extend(running.pop_front().and_then(Result::ok));
            }
            if running.len() >= at_once {
                return Poll::Pending;
            }
            let Some(next) = waiting.next() else { break };
            let mut next = Err(next);
            poll(&mut next);
            running.push_back(next);
        }
        if running.is_empty() { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    done
}

/// What it returns; `None` if it panics.
pub(crate) async fn unless_it_panics<T>(future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
        Ok(polled) => polled.map(Some),
        Err(_) => Poll::Ready(None),
    })
    .await
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn no_more_than_so_many_go_on_and_their_order_is_kept() {
        let (begun, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let (begun, most) = (&begun, &most);
        let (open, mut gates): (Vec<_>, Vec<_>) = (0..7).map(|_| oneshot::channel::<()>()).unzip();
        let futures = gates.drain(..).enumerate().map(|(number, gate)| -> BoxFuture<'_, usize> {
            Box::pin(async move {
                most.fetch_max(begun.fetch_add(1, Relaxed) + 1, Relaxed);
                let _ = gate.await;
                begun.fetch_sub(1, Relaxed);
                number
            })
        });
        let opening = async {
            for gate in open.into_iter().rev() {
                let _ = gate.send(());
                tokio::task::yield_now().await;
            }
        };
        let (done, ()) = tokio::join!(in_order(futures.collect(), 3), opening);
        assert_eq!(done, [0, 1, 2, 3, 4, 5, 6]);
        assert_eq!(most.load(Relaxed), 3);
    }
}
