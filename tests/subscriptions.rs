//! What clients hear of changes, in both eras; who must not, and what it costs not to listen.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use mcp_runtime::client::{Era, ServerChange, Subscription};
use mcp_runtime::prelude::*;
use mcp_runtime::protocol::SubscriptionFilter;
use mcp_runtime::{Client, ErrorKind, Requester, Resource, ServerHandle};
use mcp_tests::changing::server;
use mcp_tests::checked;
use mcp_tests::raw::{Call, Peer, meta};
use serde_json::{Map, Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, DuplexStream};

async fn connect(server: Server, era: Era) -> Client {
    checked::in_memory(server).era(era).connect().await.expect("a connection")
}

async fn heard(changes: &mut Subscription) -> ServerChange {
    changes.next().await.expect("it goes on").expect("a change")
}

fn updated(uri: &str) -> ServerChange {
    ServerChange::Resource(uri.to_owned())
}

#[tokio::test]
async fn lists_and_resources_change_for_those_who_subscribed() {
    for era in [Era::Legacy, Era::Modern] {
        let client = connect(server().0, era).await;
        let filter = SubscriptionFilter::new().tools().resource("note://tea").resource("note://tea");
        let mut changes = client.subscribe(filter.resource("elsewhere://x")).await.expect("a subscription");
        assert!(changes.filter().tools_list_changed && !changes.filter().prompts_list_changed);
        assert_eq!(changes.filter().resource_subscriptions, ["note://tea"], "{era:?}: what is not there is left out");

        let names = async || -> Vec<String> {
            client.list_tools().await.expect("a list").into_iter().map(|tool| tool.name).collect()
        };
        assert_eq!(names().await, ["touch", "add", "remove"]);
        client.call::<()>("add", [("name", "more")]).await.expect("added");
        assert_eq!(heard(&mut changes).await, ServerChange::Tools);
        assert_eq!(names().await, ["touch", "add", "remove", "more"], "{era:?}: what was kept is void");
        assert_eq!(client.call::<String>("more", ()).await.expect("it is there"), "here");
        assert_eq!(client.read_resource("added://more").await.expect("there").joined_text(), "here");
        assert_eq!(client.get_prompt("more", ()).await.expect("there").joined_text(), "here");

        client.call::<()>("touch", [("uri", "note://milk")]).await.expect("touched");
        client.call::<()>("touch", [("uri", "note://tea")]).await.expect("touched");
        assert_eq!(heard(&mut changes).await, updated("note://tea"));

        assert!(client.call::<bool>("remove", [("name", "more")]).await.expect("removed"));
        assert_eq!(heard(&mut changes).await, ServerChange::Tools);
        assert_eq!(names().await, ["touch", "add", "remove"]);
        assert!(!client.call::<bool>("remove", [("name", "more")]).await.expect("not there"));
        let error = client.call_tool("more", ()).await.expect_err("it is gone");
        assert!(error.peer_error().expect("an error").message.contains("unknown tool `more`"), "{error:?}");
    }
}

#[tokio::test]
async fn several_subscriptions_are_told_apart() {
    for era in [Era::Legacy, Era::Modern] {
        let (server, handle) = server();
        let client = connect(server, era).await;
        let subscribe = async |filter| client.subscribe(filter).await.expect("a subscription");
        let mut lists = subscribe(SubscriptionFilter::new().lists()).await;
        let mut tea = subscribe(SubscriptionFilter::new().resource("note://tea")).await;
        let tea_too = subscribe(SubscriptionFilter::new().resource("note://tea").resource("note://milk")).await;
        // One that ends takes nothing from another.
        drop(tea_too);
        client.list_tools().await.expect("everything before has arrived");
        handle.resource_updated("note://milk");
        handle.resource_updated("note://tea");
        assert_eq!(heard(&mut tea).await, updated("note://tea"));
        handle.prompts_changed();
        handle.resources_changed();
        handle.tools_changed();
        let mut all = vec![heard(&mut lists).await, heard(&mut lists).await, heard(&mut lists).await];
        all.sort_by_key(|change| format!("{change:?}"));
        assert_eq!(all, [ServerChange::Prompts, ServerChange::Resources, ServerChange::Tools]);
    }
}

#[tokio::test]
async fn a_subscription_ends_with_its_server_or_its_connection() {
    for era in [Era::Legacy, Era::Modern] {
        let (built, handle) = server();
        let ready = built.build().expect("it fits together");
        let (ours, theirs) = tokio::io::duplex(1 << 16);
        let serving = tokio::spawn({
            let ready = ready.clone();
            async move { ready.serve(theirs).await }
        });
        let client = checked::over(ours).era(era).connect().await.expect("a connection");
        let filter = SubscriptionFilter::new().resource("note://tea");
        let mut changes = client.subscribe(filter.clone()).await.expect("a subscription");
        let mut other = client.subscribe(filter).await.expect("a subscription");
        handle.resource_updated("note://tea");
        assert_eq!(heard(&mut changes).await, updated("note://tea"));
        ready.shutdown().await;
        serving.await.expect("no panic").expect("it served");
        assert_eq!(heard(&mut other).await, updated("note://tea"), "{era:?}: what came before the end is heard");
        for changes in [&mut changes, &mut other] {
            match (era, changes.next().await) {
                // Only since 2026-07-28 a server can say so.
                (Era::Modern, None) => {}
                (Era::Legacy, Some(Err(error))) => assert_eq!(error.kind(), ErrorKind::Closed),
                (_, next) => panic!("{era:?}: {next:?}"),
            }
            assert!(changes.next().await.is_none(), "nothing comes after the end");
        }
    }
}

#[tokio::test]
async fn what_a_client_may_not_see_is_not_told() {
    fn nobody(_: &Requester) -> bool {
        false
    }
    for era in [Era::Legacy, Era::Modern] {
        /// Say that everything has changed.
        #[tool]
        fn say(ctx: Context) {
            ctx.notify_resource_updated("secret://plan");
            ctx.notify_tools_changed();
        }
        let secret = Resource::text("secret://plan", "run").visible(nobody);
        let server = Server::new("secrets").tools(tools![say]).resources(secret);
        let client = connect(server, era).await;
        let filter = SubscriptionFilter::new().lists().resource("secret://plan");
        let mut changes = client.subscribe(filter).await.expect("a subscription");
        // This server's lists do not change, either.
        assert_eq!(*changes.filter(), SubscriptionFilter::new(), "{era:?}");
        client.call::<()>("say", ()).await.expect("said");
        drop(client);
        let next = changes.next().await;
        assert!(!matches!(next, Some(Ok(_))), "{era:?}: nothing is told: {next:?}");
    }
}

#[tokio::test]
async fn what_a_client_may_not_see_any_more_is_not_told() {
    for era in [Era::Legacy, Era::Modern] {
        let shown = Arc::new(AtomicBool::new(true));
        let is_shown = shown.clone();
        let plan = |uri: &str| Resource::text(uri, "run");
        let server = Server::new("plans")
            .resources(plan("plan://a"))
            .resources(plan("plan://b"))
            .resources(plan("plan://c"))
            .resources(plan("plan://d"))
            .visible(move |item, _| item.name() != "a" || is_shown.load(Ordering::Relaxed));
        let handle = server.handle();
        let client = connect(server, era).await;
        let filter = ["plan://a", "plan://b", "plan://c", "plan://d"].into_iter();
        let filter = filter.fold(SubscriptionFilter::new(), SubscriptionFilter::resource);
        let mut changes = client.subscribe(filter).await.expect("a subscription");
        let touch_all = || ["plan://a", "plan://b", "plan://c", "plan://d"].map(|uri| handle.resource_updated(uri));

        shown.store(false, Ordering::Relaxed);
        assert!(handle.disable(|item| item.name() == "b"));
        assert!(handle.remove_resource("plan://c"));
        touch_all();
        assert_eq!(heard(&mut changes).await, updated("plan://d"), "{era:?}");

        // Whoever sees something again hears of it again.
        shown.store(true, Ordering::Relaxed);
        assert!(handle.enable(|item| item.name() == "b"));
        handle.add_resources(plan("plan://c")).expect("it has a place");
        touch_all();
        for uri in ["plan://a", "plan://b", "plan://c", "plan://d"] {
            assert_eq!(heard(&mut changes).await, updated(uri), "{era:?}");
        }
    }
}

/// What was hidden while a server ends is not told at its end, either.
#[tokio::test]
async fn who_listens_is_told_nothing_hidden_at_the_end() {
    let (server, handle) = server();
    let mut peer = Peer::start(server);
    let filter = listen(json!({ "resourceSubscriptions": ["note://a", "note://b"] }));
    let id = peer.send("subscriptions/listen", filter).await;
    peer.request("tools/list", Map::new()).await.expect("it listens");
    handle.resource_updated("note://a");
    assert!(handle.disable(|item| item.name() == "note"));
    peer.end().await;
    peer.receive(id).await.expect("it ends well");
    let told = peer.heard.iter().filter(|it| it["method"] == "notifications/resources/updated").count();
    assert_eq!(told, 0, "{:?}", peer.heard);
}

#[tokio::test]
async fn a_handle_says_what_does_not_fit() {
    /// Needs something.
    #[tool]
    fn needy(_it: State<u64>) {}

    let server = Server::new("empty");
    let handle = server.handle();
    handle.add_tools(tools![needy]).expect("it is found at the start");
    let error = server.build().expect_err("a state is missing");
    assert!(error.to_string().contains("takes `State<u64>`"), "{error}");

    let server = Server::new("empty").tools(tools![mcp_tests::changing::touch]);
    let handle = server.handle();
    assert!(handle.remove_tool("touch"), "before it runs, nobody knows");
    let client = connect(server, Era::Modern).await;
    assert!(client.list_tools().await.expect("a list").is_empty());
    let error = handle.add_tools(tools![needy, mcp_tests::changing::touch]).expect_err("a state is missing");
    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert!(error.to_string().contains("takes `State<u64>`"), "{error}");
    handle.add_tools(tools![mcp_tests::changing::touch]).expect("none of the others was added");
    let error = handle.add_tools(tools![mcp_tests::changing::touch]).expect_err("it is there already");
    assert!(error.to_string().contains("two tools are named `touch`"), "{error}");
    drop(client);
}

#[tokio::test]
async fn a_handle_in_a_tool_does_not_keep_the_server() {
    struct Dropped(Arc<AtomicUsize>);
    impl Drop for Dropped {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
    let dropped = Arc::new(AtomicUsize::new(0));
    let server = Server::new("holder").state(Dropped(dropped.clone()));
    let handle = server.handle();
    let held = (handle.clone(), Dropped(dropped.clone()));
    let tool = DynTool::new("holds", json!({ "type": "object" }), move |_, _| {
        let _ = &held;
        async { "" }
    });
    let ready = server.state(handle.clone()).tools(tool).build().expect("it fits together");
    drop(ready);
    assert_eq!(dropped.load(Ordering::Relaxed), 2);
    assert!(!handle.remove_tool("holds"));
    let error = handle.add_tools(tools![mcp_tests::changing::touch]).expect_err("nobody is left");
    assert_eq!(error.kind(), ErrorKind::Closed);
}

fn listen(filter: Value) -> Map<String, Value> {
    Map::from_iter([("notifications".to_owned(), filter)])
}

/// A listener that never reads, beside those who do: it holds what it subscribed to and no more, and
/// hears once of everything when it reads at last.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_who_does_not_listen_costs_nothing_and_holds_up_nobody() {
    const CHANGES: usize = 20_000;
    let (built, handle) = server();
    let ready = built.build().expect("it fits together");
    let mut lines = Vec::new();
    for _ in 0..8 {
        let (ours, theirs) = tokio::io::duplex(4096);
        let ready = ready.clone();
        tokio::spawn(async move { ready.serve(theirs).await });
        lines.push(checked::over(ours).era(Era::Modern).connect().await.expect("a connection"));
    }
    let filter = || SubscriptionFilter::new().tools().resource("note://a").resource("note://last");
    // It subscribes, and its reading end is full soon.
    let (mut slow, theirs) = tokio::io::duplex(512);
    tokio::spawn({
        let ready = ready.clone();
        async move { ready.serve(theirs).await }
    });
    let request = json!({ "jsonrpc": "2.0", "id": 1, "method": "subscriptions/listen",
        "params": { "_meta": meta(), "notifications": filter() } });
    tokio::io::AsyncWriteExt::write_all(&mut slow, format!("{request}\n").as_bytes()).await.expect("written");

    let mut readers = tokio::task::JoinSet::new();
    for client in lines {
        let mut changes = client.subscribe(filter()).await.expect("a subscription");
        readers.spawn(async move {
            let mut count = 0;
            while heard(&mut changes).await != updated("note://last") {
                count += 1;
            }
            drop(client);
            count
        });
    }
    for number in 0..CHANGES {
        handle.resource_updated("note://a");
        handle.tools_changed();
        if number % 64 == 0 {
            tokio::task::yield_now().await;
        }
    }
    handle.resource_updated("note://last");
    while let Some(count) = readers.join_next().await {
        let count = count.expect("no panic");
        assert!(count >= 1, "everyone hears of what happened: {count}");
    }
    // The slow one reads at last: each thing once more at most, for what it was just being told.
    let mut lines = tokio::io::AsyncBufReadExt::lines(tokio::io::BufReader::new(slow));
    let mut all = Vec::new();
    while !all.iter().any(|line: &String| line.contains("note://last")) {
        all.push(lines.next_line().await.expect("read").expect("it goes on"));
    }
    assert!(all[0].contains("notifications/subscriptions/acknowledged"), "{}", all[0]);
    assert!(all.len() < 100, "{} lines were kept for one who did not read", all.len());
}

#[tokio::test]
async fn wrong_requests_are_explained() {
    let mut peer = Peer::start(server().0);
    for (params, expected) in [
        (Map::new(), "`params.notifications` is missing; it must be an object that says what to tell"),
        (listen(json!(7)), "`params.notifications` must be an object"),
        (
            listen(json!({ "toolsListChanged": 1 })),
            "`params.notifications` is not right: invalid type: integer `1`, expected a boolean",
        ),
        (
            listen(json!({ "resourceSubscriptions": "a:1" })),
            "`params.notifications` is not right: invalid type: string \"a:1\", expected a sequence",
        ),
        (
            listen(json!({ "resourceSubscriptions": [1] })),
            "`params.notifications` is not right: invalid type: integer `1`, expected a string",
        ),
    ] {
        let error = peer.request("subscriptions/listen", params.clone()).await.expect_err("a refusal");
        assert_eq!((&error["code"], error["message"].as_str()), (&json!(-32602), Some(expected)), "{params:?}");
    }
    for method in ["resources/subscribe", "resources/unsubscribe"] {
        let uri = Map::from_iter([("uri".to_owned(), json!("note://tea"))]);
        let error = peer.request(method, uri).await.expect_err("another era's");
        assert_eq!(error["code"], -32601, "{method}");
    }
}

#[tokio::test]
async fn subscriptions_are_bounded() {
    let mut peer = Peer::start(server().0.max_subscriptions(3).max_calls_in_flight(3));
    let two = || listen(json!({ "resourceSubscriptions": ["note://a", "note://b"] }));
    let first = peer.send("subscriptions/listen", two()).await;
    let error = peer.request("subscriptions/listen", two()).await.expect_err("too many");
    assert_eq!(error["message"], "a connection may be subscribed to 3 resources; give up some of them first");
    peer.cancel(first).await;
    peer.send("subscriptions/listen", two()).await;
    peer.send("subscriptions/listen", listen(json!({}))).await;
    peer.send("subscriptions/listen", listen(json!({}))).await;
    let error = peer.request("subscriptions/listen", listen(json!({}))).await.expect_err("too many");
    assert!(error["message"].as_str().is_some_and(|it| it.contains("3 requests of this connection are in flight")));
    // What is no call still goes through.
    peer.request("tools/list", Map::new()).await.expect("a list");
}

/// Who subscribes to what is subscribed to already needs no more room, and learns what the server says of it.
#[tokio::test]
async fn a_resource_counts_once_for_a_legacy_client() {
    let (server, handle) = server();
    let client = connect(server.max_subscriptions(1), Era::Legacy).await;
    let subscribe = async |uri: &str| client.subscribe(SubscriptionFilter::new().resource(uri)).await.expect("one");
    let (mut one, mut two) = tokio::join!(subscribe("note://a"), subscribe("note://a"));
    let mut three = subscribe("note://a").await;
    handle.resource_updated("note://a");
    for changes in [&mut one, &mut two, &mut three] {
        assert_eq!(changes.filter().resource_subscriptions, ["note://a"]);
        assert_eq!(heard(changes).await, updated("note://a"));
    }
    assert!(subscribe("note://b").await.filter().resource_subscriptions.is_empty(), "there is no room");
    drop((one, two, three));
    assert_eq!(subscribe("note://b").await.filter().resource_subscriptions, ["note://b"]);

    let (one, two) = tokio::join!(subscribe("elsewhere://x"), subscribe("elsewhere://x"));
    for changes in [one, two] {
        assert!(changes.filter().resource_subscriptions.is_empty(), "it is not there, whoever asks");
    }
}

#[tokio::test]
async fn a_cancelled_subscription_says_nothing_more() {
    let mut peer = Peer::start(server().0);
    let id = peer.send("subscriptions/listen", listen(json!({ "resourceSubscriptions": ["note://a"] }))).await;
    let touch = Call::new("touch", json!({ "uri": "note://a" }));
    peer.call(&touch).await.expect("touched");
    let after = peer.request("tools/list", Map::new()).await;
    after.expect("a list");
    let methods =
        |peer: &Peer| peer.heard.iter().map(|it| it["method"].as_str().unwrap_or("?").to_owned()).collect::<Vec<_>>();
    assert_eq!(methods(&peer), ["notifications/subscriptions/acknowledged", "notifications/resources/updated"]);
    assert!(peer.heard.iter().all(|it| it["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"] == id));
    peer.cancel(id).await;
    peer.heard.clear();
    peer.call(&touch).await.expect("touched");
    peer.request("tools/list", Map::new()).await.expect("a list");
    assert_eq!(methods(&peer), [""; 0]);
}

/// A server that says nothing but what it speaks, up to a cancellation; then it has seen this.
async fn says_nothing(theirs: DuplexStream) -> Vec<Value> {
    let (reader, mut writer) = tokio::io::split(theirs);
    let mut lines = BufReader::new(reader).lines();
    let mut seen = Vec::new();
    while let Some(line) = lines.next_line().await.expect("read") {
        let message: Value = serde_json::from_str(&line).expect("JSON");
        if message["method"] == "server/discover" {
            let result = json!({ "resultType": "complete", "supportedVersions": ["2026-07-28"],
                "capabilities": {}, "ttlMs": 0, "cacheScope": "public" });
            let answer = json!({ "jsonrpc": "2.0", "id": message["id"], "result": result });
            writer.write_all(format!("{answer}\n").as_bytes()).await.expect("written");
        }
        let is_over = message["method"] == "notifications/cancelled";
        seen.push(message);
        if is_over {
            return seen;
        }
    }
    pending().await
}

#[tokio::test]
async fn a_server_that_never_acknowledges_is_given_up() {
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    let server = tokio::spawn(says_nothing(theirs));
    let client = checked::other::over(ours)
        .timeout(std::time::Duration::from_millis(50))
        .on_progress(|_| {})
        .connect()
        .await
        .expect("a connection");
    let error = client.subscribe(SubscriptionFilter::new().tools()).await.expect_err("no answer");
    assert_eq!(error.kind(), ErrorKind::Timeout);
    let seen = server.await.expect("no panic");
    let [.., listen, cancelled] = &seen[..] else { panic!("{seen:?}") };
    assert_eq!((&listen["method"], &cancelled["params"]["requestId"]), (&json!("subscriptions/listen"), &listen["id"]));
    // A client that hears of progress has a token in each request, or none.
    assert_eq!(listen["params"]["_meta"]["progressToken"], listen["id"]);
}

fn _handles_are_shared(handle: ServerHandle) -> impl Clone + Send + Sync + 'static {
    handle
}
