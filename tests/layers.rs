//! What stands around calls: it sees each of them, and changes nothing that it does not mean to.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mcp_runtime::client::{Client, Era};
use mcp_runtime::layer::{
    Cache, CallKind, CallRequest, CallResponse, CallResult, Next, RateLimit, ResponseLimit, Timing, from_fn,
};
use mcp_runtime::prelude::*;
use mcp_runtime::protocol::{CreateMessageRequestParams, CreateMessageResult, ErrorObject};
use mcp_runtime::{ErrorKind, Extensions, Principal};
use mcp_tests::checked;
use mcp_tests::raw::{Call, Peer, shout, text};
use serde_json::json;

#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Vec<String>>>);

impl Seen {
    fn note(&self, what: impl Into<String>) {
        self.0.lock().expect("no panic").push(what.into());
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().expect("no panic"))
    }

    /// A layer that notes what it sees.
    fn layer(
        &self,
        name: &'static str,
    ) -> mcp_runtime::layer::FromFn<impl Fn(CallRequest, Next) -> BoxedCall + Send + Sync + 'static> {
        let seen = self.clone();
        from_fn(move |request: CallRequest, next: Next| -> BoxedCall {
            let seen = seen.clone();
            Box::pin(async move {
                seen.note(format!("{name}: {:?} {}", request.kind(), request.called()));
                let result = next.run(request).await;
                seen.note(match &result {
                    Ok(response) => format!("{name}: {}{}", response.is_error(), response.joined_text()),
                    Err(error) => format!("{name}: {error}"),
                });
                result
            })
        })
    }
}

type BoxedCall = std::pin::Pin<Box<dyn Future<Output = CallResult> + Send>>;

/// Adds.
#[tool]
fn add(a: i64, b: i64) -> i64 {
    a + b
}

/// Fails.
#[tool]
fn fail() -> Result<()> {
    Err(ToolError::new("no"))
}

/// Asks, and tells meanwhile.
#[tool]
async fn ask(what: String, ctx: Context) -> Result<String> {
    ctx.report_progress(1.0).await;
    Ok(ctx.sample(what).await?.text()?.to_owned())
}

/// Greets.
#[prompt]
fn greet(name: &str) -> String {
    format!("Hello, {name}")
}

/// A thing.
#[resource("thing://{id}")]
fn thing(id: u32) -> Option<String> {
    (id < 9).then(|| format!("thing {id}"))
}

async fn connect(server: Server) -> Client {
    checked::in_memory(server).connect().await.expect("a connection")
}

#[tokio::test]
async fn the_first_layer_is_the_outermost_and_sees_calls_of_all_kinds() {
    let seen = Seen::default();
    let server = Server::new("layered")
        .layer(seen.layer("one"))
        .layer(seen.layer("two"))
        .tools(tools![add].layer(seen.layer("three")).and(tools![fail]))
        .prompts(prompts![greet])
        .resources(resources![thing]);
    let client = connect(server).await;
    assert_eq!(client.call::<i64>("add", json!({ "a": 1, "b": 2 })).await.expect("a sum"), 3);
    assert_eq!(
        seen.take(),
        ["one: Tool add", "two: Tool add", "three: Tool add", "three: false3", "two: false3", "one: false3"]
    );
    client.call_tool("fail", ()).await.expect("a result");
    assert_eq!(seen.take(), ["one: Tool fail", "two: Tool fail", "two: trueno", "one: trueno"]);
    client.get_prompt("greet", [("name", "Ada")]).await.expect("a prompt");
    assert_eq!(seen.take()[2..], ["two: falseHello, Ada", "one: falseHello, Ada"]);
    assert_eq!(client.read_resource("thing://7").await.expect("a thing").contents[0].uri, "thing://7");
    assert_eq!(seen.take()[..2], ["one: Resource thing://7", "two: Resource thing://7"]);
    let error = client.read_resource("thing://77").await.expect_err("there is none");
    assert_eq!(error.peer_error().expect("an error").message, "there is no resource `thing://77`");
    assert_eq!(seen.take()[3], "one: there is no such resource (-32002)");
    // Arguments that are not right are a result like others.
    client.call_tool("add", json!({ "a": "x" })).await.expect("a result");
    assert!(seen.take()[3].starts_with("three: truethe arguments of tool `add` are not right"));
    // What is not there is not called.
    client.call_tool("sub", ()).await.expect_err("unknown");
    assert_eq!(seen.take(), [""; 0]);
}

#[tokio::test]
async fn a_layer_may_change_arguments_and_results_and_refuse() {
    let twice = from_fn(|mut request: CallRequest, next: Next| async move {
        let (a, b): (i64, i64) = (request.argument("a").unwrap_or(0), request.argument("b").unwrap_or(0));
        request.set_arguments(serde_json::value::to_raw_value(&json!({ "a": 2 * a, "b": b }))?);
        match next.run(request).await? {
            CallResponse::Tool(mut result) => {
                result.meta.get_or_insert_default().insert("com.example/seen".to_owned(), json!(true));
                Ok(CallResponse::Tool(result))
            }
            other => Ok(other),
        }
    });
    let refuse = from_fn(|request: CallRequest, next: Next| async move {
        match (request.kind(), request.argument::<i64>("b")) {
            (CallKind::Tool, Some(13)) => Err("thirteen is refused".into()),
            (CallKind::Tool, Some(14)) => {
                Err(ErrorObject::new(mcp_runtime::protocol::ErrorCode::InvalidParams, "not 14").into())
            }
            _ => next.run(request).await,
        }
    });
    let client = connect(Server::new("layered").tools(tools![add].layer(refuse).layer(twice))).await;
    let result = client.call_tool("add", json!({ "a": 5, "b": 1 })).await.expect("a result");
    assert_eq!(result.joined_text(), "11");
    assert_eq!(result.meta.expect("metadata")["com.example/seen"], true);
    let refused = client.call_tool("add", json!({ "a": 5, "b": 13 })).await.expect("a result");
    assert!(refused.is_error && refused.joined_text() == "thirteen is refused");
    let error = client.call_tool("add", json!({ "a": 5, "b": 14 })).await.expect_err("an error");
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert_eq!(error.peer_error().expect("an error").message, "not 14");
}

/// Layers change nothing of how a call asks its client, on any carrier.
#[tokio::test]
async fn calls_ask_through_layers_on_every_carrier() {
    let server = || {
        let seen = Seen::default();
        Server::new("layered")
            .layer(Timing::with(|_| {}))
            .layer(RateLimit::new(1_000, Duration::from_secs(1)))
            .layer(ResponseLimit::new(10_000))
            .tools(tools![ask].layer(seen.layer("around")))
    };
    let trial = checked::trial(|| (), move |_| server()).model(|request| request.joined_text().to_uppercase());
    trial.assert_replay_safe("ask", [("what", "tea")], async |()| ()).await;
    let said: String =
        trial.on_every_carrier(async |client, ()| client.call("ask", [("what", "tea")]).await.expect("said")).await;
    assert_eq!(said, "TEA");
}

#[tokio::test]
async fn a_call_that_is_parked_or_cancelled_is_so_with_its_layers() {
    let seen = Seen::default();
    let dropped = Arc::new(AtomicUsize::new(0));
    struct Bomb(Arc<AtomicUsize>);
    impl Drop for Bomb {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
    let holds = {
        let dropped = dropped.clone();
        from_fn(move |request: CallRequest, next: Next| {
            let bomb = Bomb(dropped.clone());
            async move {
                let result = next.run(request).await;
                drop(bomb);
                result
            }
        })
    };
    let server = Server::new("layered").layer(seen.layer("one")).layer(holds).tools(tools![ask]);
    let mut peer = Peer::start(server);
    let call = Call::new("ask", json!({ "what": "tea" }));
    let asked = peer.call(&call).await.expect("a question");
    assert_eq!((seen.take(), dropped.load(Ordering::Relaxed)), (vec!["one: Tool ask".to_owned()], 0));
    let done = peer.call(&call.next(&asked, shout)).await.expect("a result");
    assert_eq!(text(&done), "TEA");
    assert_eq!((seen.take(), dropped.load(Ordering::Relaxed)), (vec!["one: falseTEA".to_owned()], 1));
}

#[tokio::test(start_paused = true)]
async fn calls_are_counted_for_each_principal() {
    let server = || Server::new("limited").layer(RateLimit::new(1, Duration::from_secs(5))).tools(tools![add]);
    let ready = server().build().expect("it fits together");
    let connect = |principal: &'static str| {
        let (ours, theirs) = tokio::io::duplex(1 << 16);
        let ready = ready.clone();
        tokio::spawn(async move { ready.serve_with(theirs, Extensions::new().with(Principal::new(principal))).await });
        checked::over(ours).connect()
    };
    let ada = connect("ada").await.expect("a connection");
    let bob = connect("bob").await.expect("a connection");
    let sum = json!({ "a": 1, "b": 2 });
    assert_eq!(ada.call::<i64>("add", &sum).await.expect("the first"), 3);
    assert_eq!(bob.call::<i64>("add", &sum).await.expect("another's first"), 3);
    let error = ada.call::<i64>("add", &sum).await.expect_err("the second");
    assert_eq!(error.to_string(), "there were 1 calls in 5s already; call again in 5 s");
    tokio::time::advance(Duration::from_secs(5)).await;
    assert_eq!(ada.call::<i64>("add", &sum).await.expect("later"), 3);
}

#[tokio::test(start_paused = true)]
async fn a_cache_gives_again_what_it_may() {
    #[derive(Default)]
    struct Count {
        calls: AtomicUsize,
    }

    /// Counts its calls, and fails for negative ones.
    #[tool]
    fn count(n: i64, count: State<Count>) -> Result<usize> {
        let calls = count.calls.fetch_add(1, Ordering::Relaxed) + 1;
        if n < 0 { Err(ToolError::new(format!("{calls}"))) } else { Ok(calls) }
    }

    let cache = Cache::new(Duration::from_secs(60));
    let client = connect(Server::new("cached").state(Count::default()).tools(tools![count].layer(cache))).await;
    let call = async |n: serde_json::Value| {
        client.call_tool("count", json!({ "n": n })).await.expect("a result").joined_text()
    };
    assert_eq!(call(json!(1)).await, "1");
    assert_eq!(call(json!(1.0)).await, "1", "it is the same number");
    assert_eq!(call(json!(2)).await, "2");
    assert_eq!(call(json!(-1)).await, "3");
    assert_eq!(call(json!(-1)).await, "4", "a failure is not kept");
    tokio::time::advance(Duration::from_secs(60)).await;
    assert_eq!(call(json!(1)).await, "5");
}

/// What is kept for one is given to nobody for whom it may be another.
#[tokio::test]
async fn a_cache_gives_nobody_what_is_for_somebody_else() {
    #[derive(Clone)]
    struct Tenant(&'static str);

    /// For whom it is.
    #[tool]
    fn whose(tenant: Option<Extension<Tenant>>) -> &'static str {
        tenant.map_or("nobody's", |tenant| tenant.0.0)
    }

    let cache = || Cache::new(Duration::from_secs(60));
    let by_tenant = cache().key(|call| call.context().extensions().get::<Tenant>().map(|it| it.0.to_owned()));
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = {
        let calls = calls.clone();
        from_fn(move |request: CallRequest, next: Next| {
            calls.fetch_add(1, Ordering::Relaxed);
            next.run(request)
        })
    };
    for (cache, expected) in [(cache(), 5), (by_tenant, 3)] {
        let server = Server::new("cached").tools(tools![whose].layer(cache).layer(counted.clone()));
        let ready = server.build().expect("it fits together");
        calls.store(0, Ordering::Relaxed);
        for tenant in [Some("ada"), Some("bob"), Some("ada"), Some("bob"), None] {
            let (ours, theirs) = tokio::io::duplex(1 << 16);
            let extensions = tenant.map_or_else(Extensions::new, |tenant| Extensions::new().with(Tenant(tenant)));
            let ready = ready.clone();
            tokio::spawn(async move { ready.serve_with(theirs, extensions).await });
            let client = checked::over(ours).connect().await.expect("a connection");
            assert_eq!(client.call::<String>("whose", ()).await.expect("said"), tenant.unwrap_or("nobody's"));
        }
        assert_eq!(calls.load(Ordering::Relaxed), expected);
    }
}

/// What a client was asked, another might answer otherwise.
#[tokio::test]
async fn a_cache_does_not_keep_what_was_asked() {
    let server = || Server::new("cached").tools(tools![ask].layer(Cache::new(Duration::from_secs(60))));
    let mut peer = Peer::start(server());
    let call = Call::new("ask", json!({ "what": "tea" }));
    for answer in ["first", "second"] {
        let asked = peer.call(&call).await.expect("a question");
        let done = peer.call(&call.next(&asked, |_, _| Some(mcp_tests::raw::said(answer)))).await.expect("a result");
        assert_eq!(text(&done), answer);
    }
}

#[tokio::test]
async fn a_result_that_is_too_large_is_refused() {
    /// Says a lot.
    #[tool]
    fn say(bytes: usize) -> String {
        "a".repeat(bytes)
    }
    let client = connect(Server::new("sized").tools(tools![say].layer(ResponseLimit::new(1_000)))).await;
    assert_eq!(client.call::<String>("say", [("bytes", 500)]).await.expect("small").len(), 500);
    let error = client.call::<String>("say", [("bytes", 5_000)]).await.expect_err("large");
    assert_eq!(error.kind(), ErrorKind::Tool);
    assert!(error.to_string().contains("bytes, and may have 1000; ask for less"), "{error}");
}

#[tokio::test]
async fn what_limits_a_tool_limits_its_layers_too() {
    /// Blocks.
    #[tool(blocking, timeout = "500ms", concurrency = 1)]
    fn block() -> &'static str {
        "done"
    }
    let slow = from_fn(|_: CallRequest, _: Next| std::future::pending());
    let client = connect(Server::new("slow").tools(tools![block].layer(slow))).await;
    let error = client.call::<String>("block", ()).await.expect_err("too slow");
    assert_eq!(error.to_string(), "tool `block` took longer than 500ms and was stopped");
    let client = connect(Server::new("quick").layer(Timing::new()).tools(tools![block])).await;
    assert_eq!(client.call::<String>("block", ()).await.expect("done"), "done");
}

#[tokio::test]
async fn a_layer_that_panics_costs_its_call_and_nothing_else() {
    let panics = from_fn(|request: CallRequest, next: Next| async move {
        assert!(request.argument::<i64>("a") != Some(13), "thirteen");
        next.run(request).await
    });
    let client = connect(Server::new("layered").tools(tools![add].layer(panics))).await;
    let result = client.call_tool("add", json!({ "a": 13, "b": 0 })).await.expect("a result");
    assert_eq!((result.is_error, &*result.joined_text()), (true, "tool `add` panicked"));
    assert_eq!(client.call::<i64>("add", json!({ "a": 1, "b": 0 })).await.expect("a sum"), 1);
}

#[tokio::test]
async fn what_layers_say_is_masked_and_what_they_miss_is_said() {
    let breaks = from_fn(|request: CallRequest, next: Next| async move {
        match request.argument::<i64>("a") {
            Some(1) => Err(std::io::Error::other("password is 1234").into()),
            Some(2) => Err(mcp_runtime::layer::Refusal::new("two is refused").into()),
            Some(3) => {
                request.context().confirm("Really?").await?;
                next.run(request).await
            }
            _ => next.run(request).await,
        }
    });
    let server = Server::new("masked").mask_errors(true).tools(tools![add].layer(breaks));
    let client = connect(server).await;
    let call = async |a: i64| client.call_tool("add", json!({ "a": a, "b": 0 })).await;
    assert_eq!(call(1).await.expect("a result").joined_text(), "the tool failed; the server does not say why");
    assert_eq!(call(2).await.expect("a result").joined_text(), "two is refused");
    let error = call(3).await.expect_err("nobody can be asked");
    let code = error.peer_error().expect("an error").code;
    assert_eq!(code, mcp_runtime::protocol::ErrorCode::MissingRequiredClientCapability);
}

#[tokio::test]
async fn legacy_clients_go_through_layers_too() {
    let seen = Seen::default();
    let server = Server::new("layered").layer(seen.layer("one")).tools(tools![ask]);
    let client = checked::in_memory(server)
        .era(Era::Legacy)
        .on_sampling(|request: CreateMessageRequestParams| async move {
            Ok(CreateMessageResult::text("m", request.joined_text().to_uppercase()))
        })
        .connect()
        .await
        .expect("a connection");
    assert_eq!(client.call::<String>("ask", [("what", "tea")]).await.expect("an answer"), "TEA");
    assert_eq!(seen.take(), ["one: Tool ask", "one: falseTEA"]);
}
