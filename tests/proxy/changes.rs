//! What changes on the other server.

use std::sync::Arc;

use futures_util::FutureExt as _;
use mcp_runtime::Resource;
use mcp_runtime::client::{ClientBuilder, Era, ServerChange, Subscription};
use mcp_runtime::prelude::*;
use mcp_runtime::protocol::{ResourceLink, SubscriptionFilter};
use mcp_tests::checked;
use mcp_tests::http::Served;
use mcp_tests::scripted::{LONGEST, Scripted};
use serde_json::{Value, json};

use crate::*;

/// Is there later.
#[tool]
fn late() -> &'static str {
    "late"
}

/// Names a resource that is there later.
#[tool]
fn point() -> ResourceLink {
    ResourceLink::new("thing://late/it", "late")
}

/// Is there later.
#[prompt]
fn late_prompt() -> &'static str {
    "late"
}

/// What is there later.
#[resource("later://{id}")]
fn later(id: &str) -> String {
    id.to_owned()
}

/// Lets time pass, of a clock that is paused: it goes on when nobody has anything to do, so that all has happened by
/// then that was to happen.
async fn pass(time: std::time::Duration) {
    tokio::time::sleep(time).await;
}

/// What is heard next, if it comes.
async fn heard(changes: &mut Subscription) -> ServerChange {
    let next = tokio::time::timeout(std::time::Duration::from_secs(30), changes.next());
    next.await.expect("in time").expect("a change").expect("a change")
}

#[tokio::test]
async fn lists_that_change_are_passed_on_between_any_two_versions() {
    for ((above, below), is_mounted) in all_pairs().flat_map(|pair| [(pair, true), (pair, false)]) {
        let place = format!("{above:?} above, {below:?} below, mounted: {is_mounted}");
        let server = upstream().tools(tools![point]);
        let handle = server.handle();
        let proxy = checked::in_memory(server).era(above).proxy().await.expect("a proxy");
        // One under the other, and beside another.
        let (server, prefix) = match is_mounted {
            true => {
                let office = Server::new("office").mount("up", proxy);
                (Server::new("gateway").mount("a", office).mount("b", Server::new("b").tools(tools![add])), "a_up_")
            }
            false => (proxy, ""),
        };
        let uri = |uri: &str| if is_mounted { uri.replace("://", "://a/up/") } else { uri.to_owned() };
        let client = checked::in_memory(server).era(below).connect().await.expect("a connection");
        let mut changes = client.subscribe(SubscriptionFilter::new().lists()).await.expect("a subscription");
        assert_eq!(*changes.filter(), SubscriptionFilter::new().lists(), "{place}");

        handle.add_tools(tools![late]).expect("added");
        assert_eq!(heard(&mut changes).await, ServerChange::Tools, "{place}");
        let mut expected: Vec<_> =
            ["add", "fail", "ask", "ask_all", "point", "late"].map(|name| format!("{prefix}{name}")).into();
        expected.extend(is_mounted.then(|| "b_add".to_owned()));
        assert_eq!(names(&client).await, expected, "{place}");
        assert_eq!(client.call::<String>(&format!("{prefix}late"), ()).await.expect("a result"), "late", "{place}");
        assert!(handle.remove_tool("add"));
        assert_eq!(heard(&mut changes).await, ServerChange::Tools, "{place}");
        expected.remove(0);
        assert_eq!(names(&client).await, expected, "{place}");
        client.call_tool(&format!("{prefix}add"), json!({ "a": 1, "b": 2 })).await.expect_err("it is gone");

        handle.add_prompts(prompts![late_prompt]).expect("added");
        assert_eq!(heard(&mut changes).await, ServerChange::Prompts, "{place}");
        let prompt = client.get_prompt(&format!("{prefix}late_prompt"), ()).await.expect("a prompt");
        assert_eq!(prompt.joined_text(), "late");

        handle.add_resources(Resource::text("thing://late/it", "late")).expect("added");
        assert_eq!(heard(&mut changes).await, ServerChange::Resources, "{place}");
        let resources = client.list_resources().await.expect("a list");
        let uris: Vec<_> = resources.iter().map(|resource| &*resource.uri).collect();
        assert_eq!(uris, ["thing://fixed/it", "thing://late/it"].map(uri), "{place}");
        let link = client.call_tool(&format!("{prefix}point"), ()).await.expect("a link");
        let link = serde_json::to_value(&link.content[0]).expect("JSON");
        assert_eq!(link["uri"], uri("thing://late/it"), "{place}");
        let read = client.read_resource(&uri("thing://late/it")).await.expect("a thing");
        assert_eq!(read.joined_text(), "late", "{place}");

        handle.add_resources(resources![later]).expect("added");
        assert_eq!(heard(&mut changes).await, ServerChange::Resources, "{place}");
        assert_eq!(client.list_resource_templates().await.expect("a list").len(), 2, "{place}");
        assert_eq!(client.read_resource(&uri("later://x")).await.expect("it").joined_text(), "x", "{place}");
        assert!(handle.remove_resource("thing://fixed/it") && handle.remove_resource("later://{id}"));
        while client.list_resource_templates().await.expect("a list").len() > 1 {
            assert_eq!(heard(&mut changes).await, ServerChange::Resources, "{place}");
        }
        assert_eq!(client.list_resources().await.expect("a list").len(), 1, "{place}");
        client.read_resource(&uri("later://x")).await.expect_err("it is gone");
    }
}

#[tokio::test]
async fn what_a_resource_holds_is_passed_on_to_those_who_subscribed() {
    for (above, below) in all_pairs() {
        let place = format!("{above:?} above, {below:?} below");
        let server = upstream().resources(Resource::text("thing://other/it", "other"));
        let handle = server.handle();
        let proxy = checked::in_memory(server).era(above).proxy().await.expect("a proxy");
        let gateway = Server::new("gateway").mount("up", proxy);
        let client = checked::in_memory(gateway).era(below).connect().await.expect("a connection");
        let (fixed, other) = ("thing://up/fixed/it", "thing://up/other/it");
        let subscribe = |uri| client.subscribe(SubscriptionFilter::new().resource(uri));
        let of = |uri: &str| ServerChange::Resource(uri.to_owned());
        let mut one = subscribe(fixed).await.expect("a subscription");
        assert_eq!(heard(&mut one).await, of(fixed), "{place}: from here on it is told");
        handle.resource_updated("thing://fixed/it");
        assert_eq!(heard(&mut one).await, of(fixed), "{place}");
        // What others listen to does not take it away, when they begin and when they end.
        let mut two = subscribe(other).await.expect("a subscription");
        assert_eq!(heard(&mut two).await, of(other), "{place}");
        handle.resource_updated("thing://fixed/it");
        assert_eq!(heard(&mut one).await, of(fixed), "{place}");
        handle.resource_updated("thing://other/it");
        assert_eq!(heard(&mut two).await, of(other), "{place}");
        drop(one);
        for _ in 0..3 {
            // One that matches a template. Whether it was told to the end between two of these or not: it is heard of.
            let mut three = subscribe("thing://up/7").await.expect("a subscription");
            handle.resource_updated("thing://7");
            assert_eq!(heard(&mut three).await, of("thing://up/7"), "{place}");
        }
        handle.resource_updated("thing://other/it");
        assert_eq!(heard(&mut two).await, of(other), "{place}");
    }
}

#[tokio::test]
async fn changes_are_passed_on_over_http_too() {
    for (above, below) in all_pairs() {
        let place = format!("{above:?} above, {below:?} below");
        let server = upstream();
        let handle = server.handle();
        let server = Served::start(server).await;
        let url = |served: &Served| format!("http://{}/mcp", served.address);
        let proxy = checked::http(url(&server)).era(above).proxy().await.expect("a proxy");
        let gateway = Served::start(Server::new("gateway").mount("up", proxy)).await;
        let client = checked::http(url(&gateway)).era(below).connect().await.expect("a connection");
        let filter = SubscriptionFilter::new().lists().resource("thing://up/7");
        let mut changes = client.subscribe(filter).await.expect("a subscription");
        let of_it = ServerChange::Resource("thing://up/7".to_owned());
        assert_eq!(heard(&mut changes).await, of_it, "{place}");
        handle.resource_updated("thing://7");
        assert_eq!(heard(&mut changes).await, of_it, "{place}");
        handle.add_tools(tools![late]).expect("added");
        assert_eq!(heard(&mut changes).await, ServerChange::Tools, "{place}");
        assert_eq!(client.call::<String>("up_late", ()).await.expect("a result"), "late", "{place}");
        drop(changes);
        client.close().await.expect("it ends");
        gateway.shutdown().await;
        server.shutdown().await;
    }
}

/// However many resources are listened to, the other server has few requests for them, and none is lost.
#[tokio::test]
async fn many_resources_are_listened_to_by_few_requests() {
    for (above, below) in all_pairs() {
        let place = format!("{above:?} above, {below:?} below");
        let server = upstream().max_calls_in_flight(20);
        let handle = server.handle();
        let proxy = checked::in_memory(server).era(above).proxy().await.expect("a proxy");
        let client = checked::in_memory(proxy).era(below).connect().await.expect("a connection");
        let mut all = Vec::new();
        for number in 0..60 {
            let uri = format!("thing://{number}");
            let mut changes = client.subscribe(SubscriptionFilter::new().resource(&uri)).await.expect("a subscription");
            assert_eq!(heard(&mut changes).await, ServerChange::Resource(uri.clone()), "{place}");
            all.push((uri, changes));
            if number == 40 {
                all.drain(3..30);
            }
        }
        for (uri, changes) in &mut all {
            // What was heard when requests became one.
            while let Some(change) = changes.next().now_or_never() {
                assert_eq!(change.expect("a change").expect("a change"), ServerChange::Resource(uri.clone()));
            }
        }
        for (uri, changes) in &mut all {
            handle.resource_updated(uri);
            assert_eq!(heard(changes).await, ServerChange::Resource(uri.clone()), "{place}");
        }
    }
}

/// What is replaced stays where it was, and what was said of it holds.
#[tokio::test]
async fn what_is_passed_on_keeps_its_place_and_stays_disabled() {
    let (one, two) = (Server::new("one"), Server::new("two"));
    let (first, second) = (one.handle(), two.handle());
    let gateway = Server::new("gateway")
        .tools(tools![late])
        .mount("one", checked::in_memory(one).proxy().await.expect("a proxy"))
        .mount("two", checked::in_memory(two).proxy().await.expect("a proxy"));
    let handle = gateway.handle();
    let client = checked::in_memory(gateway).connect().await.expect("a connection");
    let mut changes = client.subscribe(SubscriptionFilter::new().tools()).await.expect("a subscription");
    second.add_tools(tools![add]).expect("added");
    heard(&mut changes).await;
    first.add_tools(tools![add, fail]).expect("added");
    heard(&mut changes).await;
    assert_eq!(names(&client).await, ["late", "one_add", "one_fail", "two_add"]);
    assert!(handle.disable(|item| item.name() == "one_add"));
    heard(&mut changes).await;
    assert!(first.remove_tool("fail"));
    heard(&mut changes).await;
    assert_eq!(names(&client).await, ["late", "two_add"], "it stays disabled");
    assert!(handle.enable(|_| true));
    heard(&mut changes).await;
    assert_eq!(names(&client).await, ["late", "one_add", "two_add"]);
}

#[tokio::test]
async fn what_does_not_fit_changes_nothing() {
    let upstream = upstream();
    let above = upstream.handle();
    let proxy = checked::in_memory(upstream).proxy().await.expect("a proxy");
    let gateway = proxy.tools(tools![late]);
    let client = checked::in_memory(gateway).connect().await.expect("a connection");
    let mut changes = client.subscribe(SubscriptionFilter::new().lists()).await.expect("a subscription");
    let before = names(&client).await;
    above.add_tools(tools![late, point]).expect("added");
    above.add_prompts(prompts![late_prompt]).expect("added");
    assert_eq!(heard(&mut changes).await, ServerChange::Prompts, "the tools are those that there were");
    assert_eq!(names(&client).await, before);
    above.remove_tool("late");
    assert_eq!(heard(&mut changes).await, ServerChange::Tools);
    assert_eq!(names(&client).await, ["add", "fail", "ask", "ask_all", "point", "late"]);
}

/// Waits until the test lets it go on.
#[tool]
async fn hold(holding: State<Holding>) -> &'static str {
    holding.begun.notify_one();
    holding.go.notified().await;
    "done"
}

#[derive(Default)]
struct Holding {
    begun: tokio::sync::Notify,
    go: tokio::sync::Notify,
}

#[tokio::test]
async fn a_call_that_runs_goes_on_when_its_tool_is_gone() {
    for (above, below) in all_pairs() {
        let holding = Arc::<Holding>::default();
        let server = Server::new("upstream").state(holding.clone()).tools(tools![hold]);
        let handle = server.handle();
        let proxy = checked::in_memory(server).era(above).proxy().await.expect("a proxy");
        let gateway = Server::new("gateway").mount("up", proxy);
        let client = checked::in_memory(gateway).era(below).connect().await.expect("a connection");
        let mut changes = client.subscribe(SubscriptionFilter::new().tools()).await.expect("a subscription");
        let meanwhile = async {
            holding.begun.notified().await;
            assert!(handle.remove_tool("hold"));
            assert_eq!(heard(&mut changes).await, ServerChange::Tools);
            assert!(names(&client).await.is_empty());
            holding.go.notify_one();
        };
        let (result, ()) = tokio::join!(client.call::<String>("up_hold", ()), meanwhile);
        assert_eq!(result.expect("a result"), "done", "{above:?} above, {below:?} below");
    }
}

/// A hundred changes at once cost two lists, and it is the last one that counts.
#[tokio::test]
async fn a_burst_of_changes_is_heard_as_few() {
    let lists = Arc::<std::sync::atomic::AtomicUsize>::default();
    let counted = lists.clone();
    let mut changed = 0;
    let upstream = by_hand(move |message| match message["method"].as_str() {
        Some("initialize") => {
            let result = json!({ "protocolVersion": "2025-11-25", "capabilities": { "tools": { "listChanged": true } },
                "serverInfo": { "name": "by hand", "version": "1" } });
            vec![json!({ "id": message["id"], "result": result })]
        }
        Some("tools/list") => {
            counted.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            let mut list = one_tool();
            list["tools"][0]["description"] = json!(format!("changed {changed} times"));
            vec![json!({ "id": message["id"], "result": list })]
        }
        Some("tools/call") => {
            changed += 100;
            let changes = (0..100).map(|_| json!({ "method": "notifications/tools/list_changed" }));
            changes.chain([json!({ "id": message["id"], "result": { "content": [] } })]).collect()
        }
        _ => vec![],
    });
    let proxy = upstream.era(Era::Legacy).proxy().await.expect("a proxy");
    let client = checked::in_memory(proxy).connect().await.expect("a connection");
    let mut changes = client.subscribe(SubscriptionFilter::new().tools()).await.expect("a subscription");
    for times in 1..=3 {
        let before = lists.load(std::sync::atomic::Ordering::SeqCst);
        client.call_tool("it", ()).await.expect("a result");
        let expected = format!("changed {}00 times", times);
        while client.list_tools().await.expect("a list")[0].description.as_deref() != Some(&*expected) {
            assert_eq!(heard(&mut changes).await, ServerChange::Tools);
        }
        let asked = lists.load(std::sync::atomic::Ordering::SeqCst) - before;
        assert!((1..=2).contains(&asked), "it was asked {asked} times");
    }
}

/// A server that ends what it tells, as one that is restarted does, is listened to again.
#[tokio::test(start_paused = true)]
async fn a_server_that_has_ended_a_subscription_is_asked_for_all_again() {
    let mut listened = 0;
    let upstream = by_hand(move |message| {
        let id = &message["id"];
        let result = match message["method"].as_str() {
            Some("server/discover") => json!({ "resultType": "complete", "supportedVersions": ["2026-07-28"],
                "capabilities": { "tools": { "listChanged": true } }, "ttlMs": 0, "cacheScope": "public" }),
            Some("tools/list") => {
                let mut list = one_tool();
                list["tools"][0]["description"] = json!(format!("start {listened}"));
                list
            }
            Some("subscriptions/listen") => {
                listened += 1;
                let of_it = json!({ "io.modelcontextprotocol/subscriptionId": id });
                let params = json!({ "notifications": { "toolsListChanged": true }, "_meta": of_it });
                let begun = json!({ "method": "notifications/subscriptions/acknowledged", "params": params });
                let over = json!({ "id": id, "result": { "resultType": "complete", "_meta": of_it } });
                return if listened < 3 { vec![begun, over] } else { vec![begun] };
            }
            _ => return vec![],
        };
        vec![json!({ "id": id, "result": result })]
    });
    let proxy = upstream.era(Era::Modern).proxy().await.expect("a proxy");
    let client = checked::in_memory(proxy).connect().await.expect("a connection");
    let mut changes = client.subscribe(SubscriptionFilter::new().tools()).await.expect("a subscription");
    while client.list_tools().await.expect("a list")[0].description.as_deref() != Some("start 3") {
        assert_eq!(heard(&mut changes).await, ServerChange::Tools);
    }
}

/// One that ends everything at once is asked again, and not all the time.
#[tokio::test(start_paused = true)]
async fn a_server_that_ends_every_subscription_is_asked_less_and_less() {
    let asked = Arc::<std::sync::Mutex<Vec<String>>>::default();
    let hears = asked.clone();
    let upstream = by_hand(move |message| {
        let id = &message["id"];
        let result = match message["method"].as_str() {
            Some("server/discover") => json!({ "resultType": "complete", "supportedVersions": ["2026-07-28"],
                "capabilities": { "tools": { "listChanged": true }, "resources": { "subscribe": true } },
                "ttlMs": 0, "cacheScope": "public" }),
            Some("tools/list") => one_tool(),
            Some("resources/list") => json!({ "resources": [{ "uri": "a:1", "name": "1" }], "resultType": "complete",
                "ttlMs": 0, "cacheScope": "public" }),
            Some("resources/templates/list") => json!({ "resourceTemplates": [], "resultType": "complete",
                "ttlMs": 0, "cacheScope": "public" }),
            Some("subscriptions/listen") => {
                let filter = &message["params"]["notifications"];
                hears.lock().expect("no panic").push(filter.to_string());
                let of_it = json!({ "io.modelcontextprotocol/subscriptionId": id });
                let params = json!({ "notifications": filter, "_meta": of_it });
                let begun = json!({ "method": "notifications/subscriptions/acknowledged", "params": params });
                return vec![begun, json!({ "id": id, "result": { "resultType": "complete", "_meta": of_it } })];
            }
            _ => return vec![],
        };
        vec![json!({ "id": id, "result": result })]
    });
    let proxy = upstream.era(Era::Modern).proxy().await.expect("a proxy");
    let client = checked::in_memory(proxy).connect().await.expect("a connection");
    let mut changes = client.subscribe(SubscriptionFilter::new().resource("a:1")).await.expect("a subscription");
    pass(std::time::Duration::from_secs(120)).await;
    assert_eq!(heard(&mut changes).await, ServerChange::Resource("a:1".to_owned()));
    for what in ["toolsListChanged", "a:1"] {
        let asked = asked.lock().expect("no panic").iter().filter(|filter| filter.contains(what)).count();
        assert!((5..15).contains(&asked), "{what}: {asked} times");
    }
}

/// The other server is told what nobody wants to know any more, and hears the end of ours.
#[tokio::test]
async fn nothing_is_left_of_a_proxy_that_has_ended() {
    for (above, below) in all_pairs() {
        let server = upstream();
        let handle = server.handle();
        let (ours, theirs) = tokio::io::duplex(1 << 16);
        let serving = tokio::spawn(async move { server.serve(theirs).await });
        let proxy = checked::over(ours).era(above).proxy().await.expect("a proxy");
        let gateway = Server::new("gateway").mount("up", proxy);
        let client = checked::in_memory(gateway).era(below).connect().await.expect("a connection");
        let filter = SubscriptionFilter::new().lists().resource("thing://up/7");
        let mut changes = client.subscribe(filter).await.expect("a subscription");
        heard(&mut changes).await;
        handle.add_tools(tools![late]).expect("added");
        heard(&mut changes).await;
        drop((changes, client));
        let ended = tokio::time::timeout(std::time::Duration::from_secs(30), serving).await;
        ended.expect("in time").expect("no panic").expect("a good end");
    }
}

/// A server by hand learns who listens, and that nobody does any more.
#[tokio::test]
async fn a_legacy_server_is_told_what_nobody_listens_to_any_more() {
    let (said, mut hears) = tokio::sync::mpsc::unbounded_channel();
    let upstream = by_hand(move |message| {
        let result = match message["method"].as_str() {
            Some("initialize") => json!({ "protocolVersion": "2025-06-18",
                "capabilities": { "resources": { "subscribe": true } },
                "serverInfo": { "name": "by hand", "version": "1" } }),
            Some("resources/list") => {
                json!({ "resources": [{ "uri": "a:1", "name": "1" }, { "uri": "a:2", "name": "2" }] })
            }
            Some("resources/templates/list") => json!({ "resourceTemplates": [] }),
            Some(method @ ("resources/subscribe" | "resources/unsubscribe")) => {
                let _ = said.send(format!("{method} {}", message["params"]["uri"]));
                json!({})
            }
            _ => return vec![],
        };
        vec![json!({ "id": message["id"], "result": result })]
    });
    let proxy = upstream.era(Era::Legacy).proxy().await;
    let client = checked::in_memory(proxy.expect("a proxy")).connect().await.expect("a connection");
    let one = client.subscribe(SubscriptionFilter::new().resource("a:1")).await.expect("a subscription");
    assert_eq!(hears.recv().await.expect("it"), "resources/subscribe \"a:1\"");
    let again = client.subscribe(SubscriptionFilter::new().resource("a:1")).await.expect("a subscription");
    let two = client.subscribe(SubscriptionFilter::new().resource("a:2")).await.expect("a subscription");
    assert_eq!(hears.recv().await.expect("it"), "resources/subscribe \"a:2\"");
    drop((one, two));
    assert_eq!(hears.recv().await.expect("it"), "resources/unsubscribe \"a:2\"");
    drop(again);
    assert_eq!(hears.recv().await.expect("it"), "resources/unsubscribe \"a:1\"");
}

/// "Not now" is no answer for good, also where an error of the protocol says it.
#[tokio::test]
async fn a_server_that_cannot_be_listened_to_yet_is_asked_again() {
    let listened = Arc::<std::sync::atomic::AtomicUsize>::default();
    let upstream = Scripted::start({
        let listened = listened.clone();
        move |asked, mut talk| {
            let listened = listened.clone();
            async move {
                let empty =
                    |what: &str| json!({ "resultType": "complete", what: [], "ttlMs": 0, "cacheScope": "public" });
                match &*asked.what() {
                    "server/discover" => talk.json(&asked.discovered()).await,
                    "resources/list" => talk.json(&asked.answer(&empty("resources"))).await,
                    "resources/templates/list" => talk.json(&asked.answer(&empty("resourceTemplates"))).await,
                    "tools/list" => {
                        let mut list = one_tool();
                        let times = listened.load(std::sync::atomic::Ordering::SeqCst);
                        list["tools"][0]["description"] = json!(format!("asked {times} times"));
                        talk.json(&asked.answer(&list)).await;
                    }
                    _ if listened.fetch_add(1, std::sync::atomic::Ordering::SeqCst) < 2 => {
                        let headers = [("content-type", "application/json")];
                        talk.respond(503, &headers, &asked.error(-32603, &json!(null)).to_string()).await;
                    }
                    _ => {
                        let of_it = json!({ "io.modelcontextprotocol/subscriptionId": asked.message()["id"] });
                        let params = json!({ "notifications": { "toolsListChanged": true }, "_meta": of_it });
                        let method = "notifications/subscriptions/acknowledged";
                        talk.events(&[]).await;
                        talk.event(&json!({ "jsonrpc": "2.0", "method": method, "params": params })).await;
                        talk.closed().await;
                    }
                }
            }
        }
    })
    .await;
    let proxy = checked::other::http(&*upstream.url).era(Era::Modern).proxy().await.expect("a proxy");
    let client = checked::in_memory(proxy).connect().await.expect("a connection");
    let mut changes = client.subscribe(SubscriptionFilter::new().tools()).await.expect("a subscription");
    assert_eq!(*changes.filter(), SubscriptionFilter::new().tools(), "they may change");
    while client.list_tools().await.expect("a list")[0].description.as_deref() != Some("asked 3 times") {
        assert_eq!(heard(&mut changes).await, ServerChange::Tools);
    }
}

/// A modern server with resources to listen to, which answers a request for these URIs with that.
fn with_things(mut listen: impl FnMut(&Value, Vec<String>) -> Vec<Value> + Send + 'static) -> ClientBuilder {
    by_hand(move |message| {
        let result = match message["method"].as_str() {
            Some("server/discover") => json!({ "resultType": "complete", "supportedVersions": ["2026-07-28"],
                "capabilities": { "resources": { "subscribe": true } }, "ttlMs": 0, "cacheScope": "public" }),
            Some("resources/list") => json!({ "resources": [], "resultType": "complete",
                "ttlMs": 0, "cacheScope": "public" }),
            Some("resources/templates/list") => json!({
                "resourceTemplates": [{ "uriTemplate": "thing://{id}", "name": "thing" }],
                "resultType": "complete", "ttlMs": 0, "cacheScope": "public" }),
            Some("subscriptions/listen") => {
                let uris = &message["params"]["notifications"]["resourceSubscriptions"];
                return listen(&message["id"], serde_json::from_value(uris.clone()).expect("URIs"));
            }
            _ => return vec![],
        };
        vec![json!({ "id": message["id"], "result": result })]
    })
    .era(Era::Modern)
}

/// It is told of these.
fn taken(id: &Value, uris: &[String]) -> Vec<Value> {
    let of_it = json!({ "io.modelcontextprotocol/subscriptionId": id });
    let params = json!({ "notifications": { "resourceSubscriptions": uris }, "_meta": of_it });
    vec![json!({ "method": "notifications/subscriptions/acknowledged", "params": params })]
}

#[tokio::test(start_paused = true)]
async fn what_a_server_does_not_take_is_asked_for_again() {
    let (said, mut hears) = tokio::sync::mpsc::unbounded_channel();
    let mut times = 0;
    let upstream = with_things(move |id, mut uris| {
        let _ = said.send(uris.clone());
        times += 1;
        if times < 3 {
            uris.retain(|uri| uri != "thing://2");
        }
        taken(id, &uris)
    });
    let client = checked::in_memory(upstream.proxy().await.expect("a proxy")).connect().await.expect("a connection");
    let filter = SubscriptionFilter::new().resource("thing://1").resource("thing://2");
    let mut changes = client.subscribe(filter).await.expect("a subscription");
    assert_eq!(heard(&mut changes).await, ServerChange::Resource("thing://1".to_owned()));
    assert_eq!(heard(&mut changes).await, ServerChange::Resource("thing://2".to_owned()), "when it is listened to");
    assert_eq!(hears.recv().await.expect("it"), ["thing://1", "thing://2"]);
    assert_eq!(hears.try_recv().expect("it"), ["thing://2"]);
    assert_eq!(hears.try_recv().expect("it"), ["thing://2"]);
    pass(LONGEST * 10).await;
    assert!(hears.try_recv().is_err(), "it has all");
}

#[tokio::test(start_paused = true)]
async fn what_a_legacy_server_refuses_is_asked_for_again() {
    let mut times = 0;
    let upstream = by_hand(move |message| {
        let result = match message["method"].as_str() {
            Some("initialize") => json!({ "protocolVersion": "2025-06-18",
                "capabilities": { "resources": { "subscribe": true } },
                "serverInfo": { "name": "by hand", "version": "1" } }),
            Some("resources/list") => json!({ "resources": [{ "uri": "a:1", "name": "1" }] }),
            Some("resources/templates/list") => json!({ "resourceTemplates": [] }),
            Some("resources/subscribe") => {
                times += 1;
                if times < 3 {
                    return vec![json!({ "id": message["id"], "error": { "code": -32002, "message": "not yet" } })];
                }
                let params = json!({ "uri": "a:1" });
                let updated = json!({ "method": "notifications/resources/updated", "params": params });
                return vec![json!({ "id": message["id"], "result": {} }), updated];
            }
            _ => return vec![],
        };
        vec![json!({ "id": message["id"], "result": result })]
    });
    let proxy = upstream.era(Era::Legacy).proxy().await.expect("a proxy");
    let client = checked::in_memory(proxy).connect().await.expect("a connection");
    let begun = tokio::time::Instant::now();
    let mut changes = client.subscribe(SubscriptionFilter::new().resource("a:1")).await.expect("a subscription");
    assert_eq!(heard(&mut changes).await, ServerChange::Resource("a:1".to_owned()));
    assert!(begun.elapsed() >= std::time::Duration::from_millis(300), "it is told when it is listened to");
}

/// No request is about too much, and those that there are stay when there is more.
#[tokio::test(start_paused = true)]
async fn requests_for_resources_are_bounded() {
    for (count, length, expected) in [(2_500_usize, 1_usize, 3), (16_500, 1, 16), (60, 8_000, 2)] {
        let asked = Arc::<std::sync::Mutex<Vec<Vec<String>>>>::default();
        let hears = asked.clone();
        let upstream = with_things(move |id, uris| {
            hears.lock().expect("no panic").push(uris.clone());
            taken(id, &uris)
        });
        let proxy = upstream.proxy().await.expect("a proxy").max_subscriptions(20_000);
        let client = checked::in_memory(proxy).connect().await.expect("a connection");
        let uris = (0..count).map(|number| format!("thing://{number:0length$}"));
        let filter = uris.fold(SubscriptionFilter::new(), SubscriptionFilter::resource);
        let _changes = client.subscribe(filter).await.expect("a subscription");
        pass(LONGEST * 10).await;
        let asked = asked.lock().expect("no panic");
        assert_eq!(asked.len(), expected, "{count} of {length}");
        for uris in &*asked {
            let text: usize = uris.iter().map(String::len).sum();
            assert!(uris.len() <= 1_000 && text <= 256 << 10, "{} with {text} bytes", uris.len());
        }
        let all: std::collections::BTreeSet<&String> = asked.iter().flatten().collect();
        assert_eq!(all.len(), count.min(16_000), "each once");
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_refuses_several_as_one_is_asked_again_and_tells_of_the_others() {
    let refused = Arc::<std::sync::atomic::AtomicUsize>::default();
    let taken_ones = Arc::<std::sync::Mutex<Vec<String>>>::default();
    let (counted, ones) = (refused.clone(), taken_ones.clone());
    let upstream = with_things(move |id, uris| {
        if uris.len() > 1 {
            counted.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            return vec![json!({ "id": id, "error": { "code": -32602, "message": "one at a time" } })];
        }
        ones.lock().expect("no panic").extend(uris.clone());
        taken(id, &uris)
    });
    let client = checked::in_memory(upstream.proxy().await.expect("a proxy")).connect().await.expect("a connection");
    let mut all = Vec::new();
    for number in 0..16 {
        let uri = format!("thing://{number}");
        let mut changes = client.subscribe(SubscriptionFilter::new().resource(&uri)).await.expect("a subscription");
        assert_eq!(heard(&mut changes).await, ServerChange::Resource(uri));
        all.push(changes);
    }
    let _more = client.subscribe(SubscriptionFilter::new().resource("thing://more")).await.expect("a subscription");
    pass(LONGEST * 4).await;
    let refused = refused.load(std::sync::atomic::Ordering::SeqCst);
    assert!((5..15).contains(&refused), "{refused} times");
    assert_eq!(taken_ones.lock().expect("no panic").len(), 16, "none was made again");
}

/// A list that the other server does not give any more does not keep the others from being asked for.
#[tokio::test(start_paused = true)]
async fn a_list_that_is_refused_holds_back_no_other() {
    let (mut tools, mut prompts) = (0, 0);
    let upstream = by_hand(move |message| {
        let id = &message["id"];
        let result = match message["method"].as_str() {
            Some("initialize") => json!({ "protocolVersion": "2025-11-25",
                "capabilities": { "tools": { "listChanged": true }, "prompts": { "listChanged": true } },
                "serverInfo": { "name": "by hand", "version": "1" } }),
            Some("prompts/list") => {
                prompts += 1;
                if prompts > 1 {
                    return vec![json!({ "id": id, "error": { "code": -32601, "message": "no more" } })];
                }
                json!({ "prompts": [{ "name": "it" }] })
            }
            Some("tools/list") => {
                tools += 1;
                let mut list = one_tool();
                list["tools"][0]["description"] = json!(format!("asked {tools} times"));
                list
            }
            Some("tools/call") => {
                let changed = |list: &str| json!({ "method": format!("notifications/{list}/list_changed") });
                let result = json!({ "id": id, "result": { "content": [] } });
                return vec![changed("prompts"), result, changed("tools")];
            }
            _ => return vec![],
        };
        vec![json!({ "id": id, "result": result })]
    });
    let proxy = upstream.era(Era::Legacy).proxy().await.expect("a proxy");
    let client = checked::in_memory(proxy).connect().await.expect("a connection");
    let mut changes = client.subscribe(SubscriptionFilter::new().lists()).await.expect("a subscription");
    for _ in 0..2 {
        client.call_tool("it", ()).await.expect("a result");
        assert_eq!(heard(&mut changes).await, ServerChange::Tools);
    }
    assert_eq!(client.list_prompts().await.expect("a list").len(), 1, "what there was stays");
}
