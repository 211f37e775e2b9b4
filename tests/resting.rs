//! Calls between their rounds while much else happens, on several threads: they are woken, the room for them runs out,
//! and requests come twice or are cancelled. Each request is answered rightly, and nothing of a call stays.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use mcp_runtime::prelude::*;
use mcp_runtime::{ReadyServer, Resume};
use mcp_tests::raw::{Call, Peer, shout, text};
use serde_json::json;
use tokio::sync::{Notify, watch};

/// Counts itself for as long as it is there.
struct Held(watch::Sender<usize>);

impl Held {
    fn new(counter: &watch::Sender<usize>) -> Self {
        counter.send_modify(|count| *count += 1);
        Self(counter.clone())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}

/// Ask twice, and be woken again and again.
#[tool]
async fn restless(
    number: u32,
    ctx: Context,
    noise: State<Notify>,
    alive: State<watch::Sender<usize>>,
) -> Result<String> {
    let _held = Held::new(&alive);
    let asks = async {
        let one = ctx.sample(format!("one {number}")).await?.text()?.to_owned();
        Ok(ctx.sample(format!("two {one}")).await?.text()?.to_owned())
    };
    let listens = async {
        loop {
            noise.notified().await;
        }
    };
    tokio::select! {
        answer = asks => answer,
        () = listens => unreachable!("it listens on"),
    }
}

/// Makes calls over two connections, of which the second repeats what the first one says, or gives up.
async fn make_calls(server: ReadyServer, resume: Resume, numbers: std::ops::Range<u32>) {
    let (mut one, mut other) = (Peer::of(&server), Peer::of(&server));
    for number in numbers {
        let call = Call::new("restless", json!({ "number": number }));
        let mut asked = one.call(&call).await.expect("a question");
        if number.is_multiple_of(7) {
            // Nobody comes back for this one.
            continue;
        }
        for _ in 0..2 {
            let next = call.next(&asked, shout);
            // One that is gone when it was cancelled must be able to run again.
            if number.is_multiple_of(5) && resume != Resume::Parked {
                let id = other.send("tools/call", next.params.clone()).await;
                other.cancel(id).await;
            }
            let (answer, again) = tokio::join!(one.call(&next), other.call(&next));
            asked = answer.expect("it goes on");
            assert_eq!(again.as_ref(), Ok(&asked), "who repeats it gets the same");
        }
        assert_eq!(text(&asked), format!("TWO ONE {number}"));
    }
    one.kill().await;
    other.kill().await;
}

async fn restless_calls_are_answered(resume: Resume, room: usize) {
    const CONNECTIONS: u32 = 8;
    const CALLS: u32 = 60;
    let (alive, mut count) = watch::channel(0_usize);
    let (noise, is_over) = (Arc::new(Notify::new()), Arc::new(AtomicBool::new(false)));
    let server = Server::new("t").state(noise.clone()).state(alive).tools(tools![restless]);
    let server = server.resume(resume).max_parked_calls(room).build().expect("it fits together");
    let maker = std::thread::spawn({
        let is_over = is_over.clone();
        move || {
            while !is_over.load(Ordering::Relaxed) {
                noise.notify_waiters();
                std::thread::yield_now();
            }
        }
    });
    let calls: Vec<_> = (0..CONNECTIONS)
        .map(|place| tokio::spawn(make_calls(server.clone(), resume, place * CALLS..(place + 1) * CALLS)))
        .collect();
    drop(server);
    for calls in calls {
        calls.await.expect("all are answered");
    }
    let none = tokio::time::timeout(Duration::from_secs(60), count.wait_for(|count| *count == 0)).await;
    assert!(none.is_ok_and(|none| none.is_ok()), "nothing of them stays when the server is gone");
    is_over.store(true, Ordering::Relaxed);
    maker.join().expect("it ends");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn calls_that_are_woken_and_repeated_are_answered() {
    restless_calls_are_answered(Resume::Parked, 10_000).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn calls_for_which_there_is_no_room_are_answered_too() {
    restless_calls_are_answered(Resume::Auto, 3).await;
}
