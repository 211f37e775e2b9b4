//! One tool, every carrier, one result; and what a call leaves behind when it ends early.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use mcp_runtime::client::{Client, ClientBuilder, Era, Speaker};
use mcp_runtime::prelude::*;
use mcp_runtime::protocol::{
    CreateMessageRequestParams, CreateMessageResult, ElicitRequestParams, ElicitResult, ErrorCode, ErrorObject,
    SamplingMessage,
};
use mcp_tests::conform::Conversation;
use mcp_tests::over::Over;
use mcp_tests::raw::{Call, Peer, text};
use mcp_tests::{Effects, World, checked, server, server_in};
use tokio::process::Command;
use tokio::sync::Notify;

/// Answers with the question in capitals.
async fn shout(request: CreateMessageRequestParams) -> Result<CreateMessageResult, ErrorObject> {
    let question = request.messages[0].content[0].as_text().unwrap_or_default().to_uppercase();
    Ok(CreateMessageResult::text("shouting-model", question))
}

async fn connect(builder: ClientBuilder, era: Era) -> Client {
    builder.era(era).on_sampling(shout).connect().await.expect("a connection")
}

async fn every_carrier_gives_the_same_result_and_runs_the_code_once(over: Over) {
    for &era in over.eras() {
        let effects = Arc::new(Effects::default());
        let client = connect(over.client(server(effects.clone())), era).await;
        let answer: String = client.call("ask_thrice", ()).await.expect("an answer");
        assert_eq!(answer, "ONE AND TWO", "{era:?}");
        assert_eq!(effects.before.load(Ordering::SeqCst), 1, "{era:?}");
        assert_eq!(effects.after.load(Ordering::SeqCst), 1, "{era:?}");
    }
}

#[tokio::test]
async fn every_carrier_gives_the_same_result_over_real_pipes() {
    for era in [Era::Auto, Era::Legacy, Era::Modern] {
        let fixture = Command::new(env!("CARGO_BIN_EXE_fixture"));
        let client = connect(checked::stdio(fixture).on_stderr(|_| {}), era).await;
        assert_eq!(client.protocol_version().is_modern(), era != Era::Legacy);
        let answer: String = client.call("ask_thrice", ()).await.expect("an answer");
        assert_eq!(answer, "ONE AND TWO", "{era:?}");
        client.close().await.expect("it ends");
    }
}

/// Answers a question to the user with a size.
async fn wish(_: ElicitRequestParams) -> Result<ElicitResult, ErrorObject> {
    let content = serde_json::json!({ "size": 12 });
    Ok(ElicitResult::accept(content.as_object().cloned().unwrap_or_default()))
}

/// The same by hand.
fn answer(method: &str, params: &serde_json::Value) -> Option<serde_json::Value> {
    match method {
        "elicitation/create" => Some(serde_json::json!({ "action": "accept", "content": { "size": 12 } })),
        _ => mcp_tests::raw::shout(method, params),
    }
}

const PLANNED: &str = "TEA ONE, TEA TWO (16), size Some(12)";

fn counts(before: u32) -> BTreeMap<String, u32> {
    [("after", 1), ("before", before), ("step", 1)].map(|(word, count)| (word.to_owned(), count)).into()
}

/// What of a server is the same in every process.
fn same(server: Server) -> Server {
    server.state_key([3; 32]).task_poll_interval(Duration::from_millis(10))
}

async fn a_tool_gives_one_result_on_every_carrier_and_does_what_the_carrier_promises(over: Over) {
    let arguments = [("topic", "tea")];
    // Where a client is connected for the whole call: pushed, parked, and as a task.
    for (era, tasks) in [(Era::Legacy, false), (Era::Modern, false), (Era::Modern, true)] {
        let world = Arc::<World>::default();
        let client = over.client(same(server_in(Arc::default(), Some(world.clone())))).on_elicitation(wish);
        let client = connect(if tasks { client.tasks() } else { client }, era).await;
        let planned: String = client.call("plan", arguments).await.expect("a plan");
        assert_eq!((planned.as_str(), world.counts()), (PLANNED, counts(1)), "{era:?}, tasks: {tasks}");
    }
    // Where the process is another one in every round, or in the last one only.
    for (replaced, before) in [(&[true, true][..], 3), (&[false, true], 2)] {
        let world = Arc::<World>::default();
        let start = || Peer::start_over(over, same(server_in(Arc::default(), Some(world.clone()))));
        let mut peer = start();
        let mut call = Call::new("plan", serde_json::json!({ "topic": "tea" }));
        for replaced in replaced {
            call = call.next(&peer.call(&call).await.expect("a result"), answer);
            if *replaced {
                peer.kill().await;
                peer = start();
            }
        }
        let planned = text(&peer.call(&call).await.expect("a result"));
        assert_eq!((planned.as_str(), world.counts()), (PLANNED, counts(before)), "{replaced:?}");
    }
}

#[tokio::test]
async fn a_tool_gives_one_result_on_every_carrier_over_real_pipes() {
    let folder = tempfile::tempdir().expect("a folder");
    let fixture = |world: &std::path::Path| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_fixture"));
        command.env("FIXTURE_WORLD", world).env("MCP_STATE_KEY", "07".repeat(32));
        command
    };
    for (name, era, tasks) in
        [("push", Era::Legacy, false), ("parked", Era::Modern, false), ("task", Era::Modern, true)]
    {
        let world = folder.path().join(name);
        let client = checked::stdio(fixture(&world)).on_stderr(|_| {}).on_elicitation(wish);
        let client = connect(if tasks { client.tasks() } else { client }, era).await;
        let planned: String = client.call("plan", [("topic", "tea")]).await.expect("a plan");
        client.close().await.expect("it ends");
        assert_eq!((planned.as_str(), World::in_file(world).counts()), (PLANNED, counts(1)), "{name}");
    }
    for (name, replaced, before) in [("replayed", &[true, true][..], 3), ("mixed", &[false, true], 2)] {
        let world = folder.path().join(name);
        let mut process = Process::start(fixture(&world));
        let mut call = Call::new("plan", serde_json::json!({ "topic": "tea" }));
        for replaced in replaced {
            call = call.next(&process.call(&call).await, answer);
            if *replaced {
                process.kill().await;
                process = Process::start(fixture(&world));
            }
        }
        let planned = text(&process.call(&call).await);
        process.kill().await;
        assert_eq!((planned.as_str(), World::in_file(world).counts()), (PLANNED, counts(before)), "{name}");
    }
}

/// A server process, one request at a time.
struct Process {
    child: tokio::process::Child,
    reader: tokio::io::BufReader<tokio::process::ChildStdout>,
    conversation: Conversation,
}

impl Process {
    fn start(mut command: Command) -> Self {
        use std::process::Stdio;
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().expect("it starts");
        let reader = tokio::io::BufReader::new(child.stdout.take().expect("an output"));
        Self { child, reader, conversation: Conversation::of(&[Speaker::Server]) }
    }

    async fn call(&mut self, call: &Call) -> serde_json::Value {
        use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _};
        let mut params = call.params.clone();
        params.insert("_meta".to_owned(), mcp_tests::raw::meta());
        let message = serde_json::json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params });
        self.conversation.assert(Speaker::Client, &message.to_string());
        let input = self.child.stdin.as_mut().expect("an input");
        input.write_all(format!("{message}\n").as_bytes()).await.expect("written");
        let mut line = String::new();
        self.reader.read_line(&mut line).await.expect("read");
        self.conversation.assert(Speaker::Server, &line);
        let mut answer: serde_json::Value = serde_json::from_str(&line).expect("JSON");
        answer["result"].take()
    }

    async fn kill(mut self) {
        self.child.kill().await.expect("it ends");
    }
}

async fn questions_that_wait_together_are_one_round(over: Over) {
    let most = Arc::new(AtomicU32::new(0));
    let open = Arc::new(AtomicU32::new(0));
    let both = Arc::new(Notify::new());
    let handler = {
        let most = most.clone();
        move |request: CreateMessageRequestParams| {
            let (most, open, both) = (most.clone(), open.clone(), both.clone());
            async move {
                let now = open.fetch_add(1, Ordering::SeqCst) + 1;
                most.fetch_max(now, Ordering::SeqCst);
                // The first two wait for each other: if they came one after the other, this hangs.
                if request.messages[0].content[0].as_text().is_some_and(|text| text.len() == 3) {
                    if now < 2 { both.notified().await } else { both.notify_one() }
                }
                open.fetch_sub(1, Ordering::SeqCst);
                shout(request).await
            }
        }
    };
    for &era in over.eras() {
        let builder = over.client(server(Arc::default())).era(era).on_sampling(handler.clone());
        let client = builder.connect().await.expect("a connection");
        let answer: String = client.call("ask_thrice", ()).await.expect("an answer");
        assert_eq!((answer.as_str(), most.load(Ordering::SeqCst)), ("ONE AND TWO", 2), "{era:?}");
    }
}

async fn many_calls_at_once_get_their_own_answers(over: Over) {
    for &era in over.eras() {
        let client = Arc::new(connect(over.client(server(Arc::default())), era).await);
        let mut calls = tokio::task::JoinSet::new();
        for number in 0..200 {
            let client = client.clone();
            calls.spawn(async move {
                let answer: String = client.call("ask", [("question", format!("q{number}"))]).await.expect("an answer");
                assert_eq!(answer, format!("Q{number}"));
            });
        }
        while let Some(joined) = calls.join_next().await {
            joined.expect("no call fails");
        }
    }
}

async fn a_call_that_the_client_drops_is_dropped_by_the_server(over: Over) {
    for &era in over.eras() {
        let effects = Arc::new(Effects::default());
        let client = connect(over.client(server(effects.clone())), era).await;
        {
            let call = client.call_tool("hang", ());
            tokio::pin!(call);
            // Polled once, so that the request is out; then dropped.
            assert!(futures_poll_once(call.as_mut()).await.is_none());
            let _: i64 = client.call("add", [("a", 1), ("b", 2)]).await.expect("the server has seen the call");
        }
        effects.drops.notified().await;
        assert_eq!(effects.dropped.load(Ordering::SeqCst), 1, "{era:?}");
    }
}

async fn futures_poll_once<F: Future + Unpin>(mut future: F) -> Option<F::Output> {
    std::future::poll_fn(|cx| match std::pin::Pin::new(&mut future).poll(cx) {
        std::task::Poll::Ready(output) => std::task::Poll::Ready(Some(output)),
        std::task::Poll::Pending => std::task::Poll::Ready(None),
    })
    .await
}

/// Ask with everything that can be said.
#[tool]
async fn ask_in_detail(ctx: Context) -> Result<String> {
    let answer = ctx
        .sample([SamplingMessage::user("a"), SamplingMessage::assistant("b")])
        .messages([SamplingMessage::user("c")])
        .system("Be brief.")
        .max_tokens(7)
        .temperature(0.5)
        .stop_sequences(["stop"])
        .prefer("model-a")
        .prefer("model-b")
        .cost_priority(0.1)
        .speed_priority(0.2)
        .intelligence_priority(0.3)
        .await?;
    let params = CreateMessageRequestParams::new([SamplingMessage::user("d")], 3);
    let raw = ctx.create_message(params).await?;
    Ok(format!("{} {} {:?} {}", answer.text()?, answer.model(), answer.stop_reason(), raw.max_tokens_seen()))
}

trait MaxTokensSeen {
    fn max_tokens_seen(&self) -> String;
}

impl MaxTokensSeen for CreateMessageResult {
    fn max_tokens_seen(&self) -> String {
        self.content[0].as_text().unwrap_or_default().to_owned()
    }
}

async fn a_question_arrives_as_it_was_asked(over: Over) {
    let echo = |request: CreateMessageRequestParams| async move {
        Ok(CreateMessageResult::text("echo", serde_json::to_string(&request).expect("JSON")))
    };
    for &era in over.eras() {
        let server = Server::new("test").tools(tools![ask_in_detail]);
        let client = over.client(server).era(era).on_sampling(echo).connect().await.expect("a connection");
        let answer = client.call_tool("ask_in_detail", ()).await.expect("an answer").joined_text();
        assert_eq!(
            answer,
            concat!(
                r#"{"messages":[{"role":"user","content":{"type":"text","text":"a"}},"#,
                r#"{"role":"assistant","content":{"type":"text","text":"b"}},"#,
                r#"{"role":"user","content":{"type":"text","text":"c"}}],"#,
                r#""modelPreferences":{"hints":[{"name":"model-a"},{"name":"model-b"}],"costPriority":0.1,"#,
                r#""speedPriority":0.2,"intelligencePriority":0.3},"systemPrompt":"Be brief.","temperature":0.5,"#,
                r#""maxTokens":7,"stopSequences":["stop"]} echo Some("endTurn") "#,
                r#"{"messages":[{"role":"user","content":{"type":"text","text":"d"}}],"maxTokens":3}"#
            ),
            "{era:?}"
        );
    }
}

/// Ask in a race; the slower one is withdrawn.
#[tool]
async fn race(ctx: Context) -> Result<String> {
    let first = tokio::select! {
        biased;
        answer = ctx.sample("slow") => answer?,
        () = std::future::ready(()) => ctx.sample("fast").await?,
    };
    Ok(first.text()?.to_owned())
}

async fn a_question_that_is_dropped_is_withdrawn(over: Over) {
    let never_slow = |request: CreateMessageRequestParams| async move {
        assert_eq!(request.messages[0].content[0].as_text(), Some("fast"));
        shout(request).await
    };
    for &era in over.eras() {
        let server = Server::new("test").tools(tools![race]);
        let client = over.client(server).era(era).on_sampling(never_slow).connect().await.expect("a connection");
        let answer: String = client.call("race", ()).await.expect("an answer");
        assert_eq!(answer, "FAST", "{era:?}");
    }
}

/// Ask, and stop waiting when the test says so.
#[tool]
async fn ask_until(ctx: Context, signal: State<Notify>) -> &'static str {
    tokio::select! {
        _ = ctx.sample("anything") => "answered",
        () = signal.notified() => "withdrawn",
    }
}

async fn a_legacy_client_hears_of_a_withdrawn_question(over: Over) {
    /// Tells when the handler is dropped.
    struct Dropped(Arc<Notify>);
    impl Drop for Dropped {
        fn drop(&mut self) {
            self.0.notify_one();
        }
    }
    let (signal, stopped) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (asked, dropped) = (signal.clone(), stopped.clone());
    let never = move |_| {
        let guard = Dropped(dropped.clone());
        asked.notify_one();
        async move {
            let _guard = guard;
            std::future::pending().await
        }
    };
    let server = Server::new("t").state(signal).tools(tools![ask_until]);
    let client = over.client(server).era(Era::Legacy).on_sampling(never).connect().await.expect("a connection");
    let answer: String = client.call("ask_until", ()).await.expect("an answer");
    assert_eq!(answer, "withdrawn");
    stopped.notified().await;
}

/// Wait for a signal of the test.
#[tool]
async fn wait(ctx: Context, signal: State<Notify>) -> &'static str {
    let _ = ctx;
    signal.notified().await;
    "waited"
}

#[tokio::test]
async fn a_client_that_reads_slowly_does_not_stop_the_server() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    // One thread for both: a server that spins would never let the client read on.
    let signal = Arc::new(Notify::new());
    let server = Server::new("t").state(signal.clone()).tools(tools![wait, mcp_tests::echo]);
    let (mut ours, theirs) = tokio::io::duplex(64 << 10);
    let serving = tokio::spawn(server.serve(theirs));
    let call = |id: u8, name: &str, arguments: &str| {
        format!(
            r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{{"name":"{name}","arguments":{arguments},"_meta":{{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{{}}}}}}}}"#
        )
    };
    let echo = call(2, "echo", &format!(r#"{{"text":"{}"}}"#, "x".repeat(1_300_000)));
    ours.write_all(format!("{}\n{echo}\n", call(1, "wait", "{}")).as_bytes()).await.expect("written");
    let mut half = vec![0; 500_000];
    ours.read_exact(&mut half).await.expect("half of the answer");
    // The other call finishes while less is unread than is allowed, but more was written.
    signal.notify_one();
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
    ours.shutdown().await.expect("the end of input");
    let mut rest = Vec::new();
    ours.read_to_end(&mut rest).await.expect("the rest");
    assert!(String::from_utf8_lossy(&rest).contains("waited"));
    serving.await.expect("it ends").expect("well");
}

/// Wait for a signal of the test, then ask.
#[tool]
async fn ask_later(ctx: Context, signal: State<Notify>) -> Result<String> {
    signal.notified().await;
    Ok(ctx.sample("later").await?.text()?.to_owned())
}

async fn a_call_may_do_other_things_before_it_asks(over: Over) {
    for &era in over.eras() {
        let signal = Arc::new(Notify::new());
        let client = connect(over.client(Server::new("t").state(signal.clone()).tools(tools![ask_later])), era).await;
        let (answer, ()) = tokio::join!(client.call::<String>("ask_later", ()), async { signal.notify_one() });
        assert_eq!(answer.expect("an answer"), "LATER", "{era:?}");
    }
}

/// Ask, and wait for a timer or for another thread at the same time.
#[tool]
async fn ask_meanwhile(
    for_timer: bool,
    ctx: Context,
    signal: State<Notify>,
    heard: State<tokio::sync::mpsc::UnboundedSender<bool>>,
) -> Result<String> {
    let wait = async {
        match for_timer {
            true => tokio::time::sleep(Duration::from_millis(1)).await,
            false => signal.notified().await,
        }
        let _ = heard.send(for_timer);
    };
    let (answer, ()) = tokio::join!(ctx.sample("meanwhile"), wait);
    Ok(answer?.text()?.to_owned())
}

async fn a_call_goes_on_with_other_things_while_its_client_has_its_question(over: Over) {
    for &era in over.eras() {
        let signal = Arc::new(Notify::new());
        let (sender, heard) = tokio::sync::mpsc::unbounded_channel::<bool>();
        let server = Server::new("t").state(signal.clone()).state(sender).tools(tools![ask_meanwhile]);
        let heard = Arc::new(tokio::sync::Mutex::new(heard));
        let handler = move |_| {
            let (signal, heard) = (signal.clone(), heard.clone());
            async move {
                std::thread::spawn(move || signal.notify_waiters());
                let answer = heard.lock().await.recv().await.map_or_else(String::new, |it| it.to_string());
                Ok(CreateMessageResult::text("m", answer))
            }
        };
        let client = over.client(server).era(era).on_sampling(handler).connect().await.expect("a connection");
        for for_timer in [true, false] {
            let call = client.call::<String>("ask_meanwhile", [("for_timer", for_timer)]);
            let answer = tokio::time::timeout(Duration::from_secs(60), call).await.expect("it is woken");
            assert_eq!(answer.expect("an answer"), for_timer.to_string(), "{era:?}");
        }
    }
}

/// Spawn a task that outlives its call and asks.
#[tool]
async fn leave_behind(ctx: Context, outcome: State<tokio::sync::mpsc::UnboundedSender<String>>) {
    let (token, outcome) = (ctx.cancelled(), (*outcome.0).clone());
    tokio::spawn(async move {
        token.cancelled().await;
        let asked = ctx.sample("too late").await;
        let _ = outcome.send(asked.expect_err("the call is over").to_string());
    });
}

async fn a_task_that_outlives_its_call_gets_an_error_and_does_not_hang(over: Over) {
    for &era in over.eras() {
        let (sender, mut outcomes) = tokio::sync::mpsc::unbounded_channel::<String>();
        let client = connect(over.client(Server::new("t").state(sender).tools(tools![leave_behind])), era).await;
        client.call_tool("leave_behind", ()).await.expect("it returns");
        let outcome = outcomes.recv().await.expect("the task goes on");
        assert!(outcome.contains("the call has ended"), "{era:?}: {outcome}");
    }
}

/// Hold something that counts when it goes, and ask.
#[tool]
async fn hold(number: u32, ctx: Context, drops: State<tokio::sync::mpsc::UnboundedSender<u32>>) -> Result<String> {
    struct Held(tokio::sync::mpsc::UnboundedSender<u32>, u32);
    impl Drop for Held {
        fn drop(&mut self) {
            let _ = self.0.send(self.1);
        }
    }
    let _held = Held((*drops.0).clone(), number);
    Ok(ctx.sample(format!("{number}")).await?.text()?.to_owned())
}

/// A modern client by hand, that never comes back with answers.
async fn abandon_calls(server: Server, calls: u32) -> (impl Future<Output = ()>, tokio::io::DuplexStream) {
    let (mut ours, theirs) = tokio::io::duplex(1 << 20);
    let serving = async move {
        server.serve(theirs).await.expect("it serves");
    };
    for number in 1..=calls {
        call_hold(&mut ours, number).await;
    }
    (serving, ours)
}

async fn call_hold(client: &mut tokio::io::DuplexStream, number: u32) {
    use tokio::io::AsyncWriteExt as _;
    let call = format!(
        r#"{{"jsonrpc":"2.0","id":{number},"method":"tools/call","params":{{"name":"hold","arguments":{{"number":{number}}},"_meta":{{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{{"sampling":{{}}}}}}}}}}"#
    );
    client.write_all(call.as_bytes()).await.expect("written");
    client.write_all(b"\n").await.expect("written");
}

#[tokio::test]
async fn the_oldest_parked_call_makes_room_and_its_destructors_run() {
    let (sender, mut drops) = tokio::sync::mpsc::unbounded_channel::<u32>();
    let server = Server::new("t").state(sender).tools(tools![hold]).max_parked_calls(2);
    let (serving, _client) = abandon_calls(server, 4).await;
    let mut serving = Box::pin(serving);
    tokio::select! {
        () = &mut serving => panic!("it serves on"),
        dropped = async { [drops.recv().await, drops.recv().await] } => assert_eq!(dropped, [Some(1), Some(2)]),
    }
    assert!(drops.try_recv().is_err(), "the two youngest are kept while the server lives");
    drop(serving);
    let mut dropped = [drops.recv().await, drops.recv().await];
    dropped.sort_unstable();
    assert_eq!(dropped, [Some(3), Some(4)], "and no longer");
}

#[tokio::test]
async fn parked_calls_are_bounded_in_bytes() {
    let (sender, mut drops) = tokio::sync::mpsc::unbounded_channel::<u32>();
    let server = Server::new("t").state(sender).tools(tools![hold]).max_parked_bytes(1);
    let (serving, _client) = abandon_calls(server, 2).await;
    tokio::select! {
        () = serving => panic!("it serves on"),
        // Each of them alone is more than is allowed.
        dropped = async { [drops.recv().await, drops.recv().await] } => assert_eq!(dropped, [Some(1), Some(2)]),
    }
}

#[tokio::test(start_paused = true)]
async fn parked_calls_are_bounded_in_time() {
    let (sender, mut drops) = tokio::sync::mpsc::unbounded_channel::<u32>();
    let server = Server::new("t").state(sender).tools(tools![hold]).parked_timeout(Duration::from_secs(5));
    let (serving, _client) = abandon_calls(server, 1).await;
    let begin = tokio::time::Instant::now();
    tokio::select! {
        () = serving => panic!("it serves on"),
        dropped = drops.recv() => assert_eq!(dropped, Some(1)),
    }
    assert!(begin.elapsed() >= Duration::from_secs(5));
}

#[tokio::test(start_paused = true)]
async fn each_parked_call_has_its_own_time() {
    const TIME: Duration = Duration::from_secs(5);
    let (sender, mut drops) = tokio::sync::mpsc::unbounded_channel::<u32>();
    let server = Server::new("t").state(sender).tools(tools![hold]).parked_timeout(TIME);
    let (serving, mut client) = abandon_calls(server, 1).await;
    let begin = tokio::time::Instant::now();
    let calls = async {
        // One while the first waits, and one when nobody waits any more. The clock stands until all have nothing to do.
        tokio::time::sleep(TIME / 2).await;
        call_hold(&mut client, 2).await;
        let first = (drops.recv().await, begin.elapsed());
        let second = (drops.recv().await, begin.elapsed());
        call_hold(&mut client, 3).await;
        [first, second, (drops.recv().await, begin.elapsed())]
    };
    tokio::select! {
        () = serving => panic!("it serves on"),
        dropped = calls => {
            assert_eq!(dropped.map(|(number, _)| number), [Some(1), Some(2), Some(3)]);
            for ((_, after), least) in dropped.into_iter().zip([TIME, TIME + TIME / 2, 2 * TIME + TIME / 2]) {
                assert!((least..least + TIME / 4).contains(&after), "{after:?} and {least:?}");
            }
        }
    }
}

#[tokio::test]
async fn when_the_server_ends_parked_calls_are_dropped() {
    let (sender, mut drops) = tokio::sync::mpsc::unbounded_channel::<u32>();
    let server = Server::new("t").state(sender).tools(tools![hold]);
    let (serving, mut client) = abandon_calls(server, 2).await;
    tokio::io::AsyncWriteExt::shutdown(&mut client).await.expect("the input ends");
    let drain =
        async { while tokio::io::AsyncReadExt::read(&mut client, &mut [0; 4096]).await.is_ok_and(|read| read > 0) {} };
    tokio::join!(serving, drain);
    let mut dropped = [drops.recv().await, drops.recv().await];
    dropped.sort_unstable();
    assert_eq!(dropped, [Some(1), Some(2)]);
}

async fn a_capability_that_is_missing_is_named(over: Over) {
    let modern = over.client(server(Arc::default())).era(Era::Modern).connect().await.expect("a connection");
    let error = modern.call_tool("ask", [("question", "?")]).await.expect_err("it cannot be asked");
    assert_eq!(error.peer_error().map(|error| error.code), Some(ErrorCode::MissingRequiredClientCapability));

    let legacy = over.client(server(Arc::default())).era(Era::Legacy).connect().await.expect("a connection");
    let result = legacy.call_tool("ask", [("question", "?")]).await.expect("a result");
    assert!(result.is_error && result.joined_text().contains("sampling"), "{result:?}");
}

mcp_tests::over_every_transport! {
    broken;
    every_carrier_gives_the_same_result_and_runs_the_code_once,
    a_tool_gives_one_result_on_every_carrier_and_does_what_the_carrier_promises,
    questions_that_wait_together_are_one_round,
    many_calls_at_once_get_their_own_answers,
    a_call_that_the_client_drops_is_dropped_by_the_server,
    a_question_arrives_as_it_was_asked,
    a_question_that_is_dropped_is_withdrawn,
    a_legacy_client_hears_of_a_withdrawn_question,
    a_call_may_do_other_things_before_it_asks,
    a_call_goes_on_with_other_things_while_its_client_has_its_question,
    a_task_that_outlives_its_call_gets_an_error_and_does_not_hang,
    a_capability_that_is_missing_is_named,
}
