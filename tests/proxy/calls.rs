//! Calls of the other server, and what it asks for them.

use std::sync::Arc;

use mcp_runtime::ErrorKind;
use mcp_runtime::client::Era;
use mcp_runtime::prelude::*;
use mcp_runtime::protocol::{ErrorCode, LoggingLevel};
use mcp_tests::World;
use mcp_tests::checked;
use mcp_tests::library;
use mcp_tests::raw::{Call, Peer, shout, text};
use mcp_tests::scripted::LONGEST;
use serde_json::{Value, json};

use crate::*;

#[tokio::test]
async fn everything_is_passed_on_between_any_two_versions() {
    for (above, below) in all_pairs() {
        let server = Server::new("gateway").mount("up", proxy(above).await);
        let client = agreeable(checked::in_memory(server).era(below)).connect().await.expect("a connection");
        let place = format!("{above:?} above, {below:?} below");
        let tools = client.list_tools().await.expect("a list");
        let names: Vec<&str> = tools.iter().map(|tool| &*tool.name).collect();
        assert_eq!(names, ["up_add", "up_fail", "up_ask", "up_ask_all"], "{place}");
        assert_eq!(tools[0].title.as_deref(), Some("Sum"));
        assert_eq!(tools[0].annotations.as_ref().and_then(|it| it.read_only_hint), Some(true));
        assert!(tools[0].output_schema.is_some());

        assert_eq!(client.call::<i64>("up_add", json!({ "a": 1, "b": 2 })).await.expect("a sum"), 3, "{place}");
        let wrong = client.call_tool("up_add", json!({ "a": "x" })).await.expect("a result");
        assert!(wrong.is_error && wrong.joined_text().contains("`b` is missing"), "{wrong:?}");
        let failed = client.call_tool("up_fail", ()).await.expect("a result");
        assert_eq!((failed.is_error, &*failed.joined_text()), (true, "no"));
        assert_eq!(client.call::<String>("up_ask", [("what", "tea")]).await.expect("asked"), "TEA AGAIN", "{place}");
        assert_eq!(client.call::<String>("up_ask_all", ()).await.expect("asked"), "true 1", "{place}");

        assert_eq!(
            client.get_prompt("up_greet", [("name", "Ada")]).await.expect("a prompt").joined_text(),
            "Hello, Ada"
        );
        client.get_prompt("up_greet", ()).await.expect_err("an argument is missing");
        let read = client.read_resource("thing://up/7?kind=a%20b").await.expect("a thing");
        assert_eq!(read.joined_text(), "7 Some(\"a b\")", "{place}");
        assert_eq!(client.read_resource("thing://up/fixed/it").await.expect("a thing").joined_text(), "fixed");
        let error = client.read_resource("thing://up/none").await.expect_err("there is none");
        let code = error.peer_error().expect("an error").code;
        assert_eq!(code, if below == Era::Modern { ErrorCode::InvalidParams } else { ErrorCode::ResourceNotFound });
    }
}

#[tokio::test]
async fn a_client_that_cannot_be_asked_is_not() {
    for (above, below) in all_pairs() {
        let client = checked::in_memory(proxy(above).await).era(below).connect().await.expect("a connection");
        let place = format!("{above:?} above, {below:?} below");
        assert_eq!(client.server_info().expect("it says who it is").name, "upstream");
        assert_eq!(client.instructions(), Some("Ask."));
        let error = match client.call_tool("ask", [("what", "tea")]).await {
            Ok(result) => result.joined_text(),
            Err(error) => {
                let error = error.peer_error().expect("an error");
                assert_eq!(error.code, ErrorCode::MissingRequiredClientCapability);
                error.message.to_string()
            }
        };
        assert!(error.contains("declare") && error.contains("sampling"), "{place}: {error}");
    }
}

/// What came of each round of a modern server is kept, so that a call goes on wherever it is continued.
#[tokio::test]
async fn calls_of_a_modern_server_go_on_on_every_carrier() {
    let upstream = Arc::new(upstream().build().expect("it fits together"));
    let connect = move || {
        let upstream = upstream.clone();
        let (ours, theirs) = tokio::io::duplex(1 << 16);
        tokio::spawn(async move { upstream.serve(theirs).await });
        checked::over(ours).era(Era::Modern)
    };
    // Each server of the trial has a connection of its own to the one above.
    let proxies: Arc<std::sync::Mutex<Vec<Server>>> = Arc::default();
    for _ in 0..64 {
        let proxy = connect().proxy().await.expect("a proxy");
        proxies.lock().expect("no panic").push(proxy);
    }
    let trial = checked::trial(|| (), move |_| proxies.lock().expect("no panic").pop().expect("one is left"))
        .model(|request| request.joined_text().to_uppercase());
    trial.assert_replay_safe("ask", [("what", "tea")], async |()| ()).await;
}

#[tokio::test]
async fn calls_of_a_legacy_server_are_made_one_at_a_time() {
    let client = agreeable(checked::in_memory(proxy(Era::Legacy).await)).connect().await.expect("a connection");
    let call = |what: &'static str| client.call::<String>("ask", [("what", what)]);
    let (tea, milk, sum) =
        tokio::join!(call("tea"), call("milk"), client.call::<i64>("add", json!({ "a": 1, "b": 2 })));
    assert_eq!(
        (tea.expect("tea"), milk.expect("milk"), sum.expect("a sum")),
        ("TEA AGAIN".into(), "MILK AGAIN".into(), 3)
    );
}

#[tokio::test]
async fn a_call_that_is_given_up_makes_room_for_the_next() {
    let mut peer = Peer::start(proxy(Era::Legacy).await);
    let call = Call::new("ask", json!({ "what": "tea" }));
    let asked = peer.call(&call).await.expect("a question");
    let id = peer.send("tools/call", Call::new("add", json!({ "a": 1, "b": 2 })).params).await;
    let again = peer.call(&call.next(&asked, shout)).await.expect("another question");
    let done = peer.call(&call.next(&again, shout)).await.expect("a result");
    assert_eq!(text(&done), "TEA AGAIN");
    assert_eq!(text(&peer.receive(id).await.expect("it was its turn")), "3");
}

#[tokio::test]
async fn a_server_of_another_kind_is_passed_on_too() {
    let server = checked::in_memory(library::server(World::default())).proxy().await.expect("a proxy");
    let client = checked::in_memory(server).connect().await.expect("a connection");
    let listed = client.list_resources().await.expect("a list");
    let original = checked::in_memory(library::server(World::default())).connect().await.expect("a connection");
    assert_eq!(listed, original.list_resources().await.expect("a list"));
    assert_eq!(
        client.list_resource_templates().await.expect("a list"),
        original.list_resource_templates().await.expect("a list")
    );
    let page = "manual://en/a/b%20c?style=short";
    assert_eq!(
        client.read_resource(page).await.expect("a page").joined_text(),
        original.read_resource(page).await.expect("a page").joined_text()
    );
}

#[tokio::test]
async fn a_server_that_is_gone_costs_its_calls_and_nothing_else() {
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    let serving = tokio::spawn(async move { upstream().serve(theirs).await });
    let proxy = checked::over(ours).proxy().await.expect("a proxy");
    let client = checked::in_memory(Server::new("gateway").tools(tools![add]).mount("up", proxy)).connect().await;
    let client = client.expect("a connection");
    assert_eq!(client.call::<i64>("up_add", json!({ "a": 1, "b": 2 })).await.expect("a sum"), 3);
    serving.abort();
    let error = client.call::<i64>("up_add", json!({ "a": 1, "b": 2 })).await.expect_err("it is gone");
    assert_eq!(error.kind(), ErrorKind::Tool);
    assert!(error.to_string().contains("connection ended"), "{error}");
    let names = names(&client).await;
    assert!(names.contains(&"up_add".to_owned()), "what it offered stays: {names:?}");
    assert_eq!(client.call::<i64>("add", json!({ "a": 1, "b": 2 })).await.expect("a sum"), 3);
}

/// Reports and logs.
#[tool]
async fn report(ctx: Context) -> &'static str {
    ctx.report_progress(1.0).total(2.0).message("half").await;
    ctx.debug("details").await;
    ctx.info("it goes on").logger("upstream").await;
    ctx.report_progress(2.0).total(2.0).await;
    "done"
}

#[tokio::test]
async fn what_is_said_of_a_call_is_heard_by_whoever_makes_it() {
    for (above, below) in all_pairs() {
        let upstream = Server::new("upstream").tools(tools![report]);
        let proxy = checked::in_memory(upstream).era(above).proxy().await.expect("a proxy");
        let heard = Arc::<std::sync::Mutex<Vec<String>>>::default();
        let (progress, log) = (heard.clone(), heard.clone());
        let say = |heard: &std::sync::Mutex<Vec<String>>, what: String| heard.lock().expect("no panic").push(what);
        let client = checked::in_memory(Server::new("gateway").mount("up", proxy))
            .era(below)
            .on_progress(move |it| say(&progress, format!("{} of {:?}: {:?}", it.progress, it.total, it.message)))
            .on_log(LoggingLevel::Debug, move |it| say(&log, format!("{:?} {:?} {}", it.level, it.logger, it.data)))
            .connect()
            .await
            .expect("a connection");
        assert_eq!(client.call::<String>("up_report", ()).await.expect("a result"), "done");
        let expected = [
            "1 of Some(2.0): Some(\"half\")",
            "Debug None \"details\"",
            "Info Some(\"upstream\") \"it goes on\"",
            "2 of Some(2.0): None",
        ];
        assert_eq!(*heard.lock().expect("no panic"), expected, "{above:?} above, {below:?} below");
    }
}

/// A server may ask something for a call that was given up before it has heard of that. It is nobody else's to answer.
#[tokio::test]
async fn what_is_asked_for_a_call_that_was_given_up_is_not_asked_of_the_next() {
    let (mut first, mut last) = (None, None);
    let (refused, is_refused) = tokio::sync::oneshot::channel();
    let mut refused = Some(refused);
    let done = |id: &Value| json!({ "id": id, "result": { "content": [{ "type": "text", "text": "done" }] } });
    let upstream = by_hand(move |message| match message["method"].as_str() {
        Some("initialize") => {
            let result = json!({ "protocolVersion": "2025-11-25", "capabilities": { "tools": {} },
                "serverInfo": { "name": "by hand", "version": "1" } });
            vec![json!({ "id": message["id"], "result": result })]
        }
        Some("tools/list") => vec![json!({ "id": message["id"], "result": one_tool() })],
        Some("tools/call") if first.is_none() => {
            first = Some(message["id"].clone());
            vec![]
        }
        Some("tools/call") => {
            last = Some(message["id"].clone());
            vec![]
        }
        Some("notifications/cancelled") => {
            let params = json!({ "maxTokens": 1, "messages": [
                { "role": "user", "content": { "type": "text", "text": "secret" } }] });
            vec![json!({ "id": "late", "method": "sampling/createMessage", "params": params })]
        }
        Some("ping") => {
            vec![json!({ "id": message["id"], "result": {} })]
        }
        None if message["id"] == "late" => {
            let _ = refused.take().expect("once").send(message["error"].clone());
            last.iter().map(done).collect()
        }
        _ => vec![],
    });
    let mut peer = Peer::start(upstream.era(Era::Legacy).proxy().await.expect("a proxy"));
    let given_up = peer.send("tools/call", Call::new("it", json!({})).params).await;
    peer.request("tools/list", serde_json::Map::new()).await.expect("it has begun");
    peer.cancel(given_up).await;
    let next = peer.send("tools/call", Call::new("it", json!({})).params).await;
    let error = tokio::select! {
        error = is_refused => error.expect("an answer"),
        asked = peer.receive(next) => panic!("it was asked: {asked:?}"),
    };
    assert_eq!(error["message"], "no call is made that this could be asked for");
}

/// A server that wants one round after the other and says nothing new is given up.
#[tokio::test(start_paused = true)]
async fn rounds_without_questions_come_to_an_end() {
    let upstream = by_hand(|message| {
        let result = match message["method"].as_str() {
            Some("server/discover") => json!({ "resultType": "complete", "supportedVersions": ["2026-07-28"],
                "capabilities": { "tools": {} }, "ttlMs": 0, "cacheScope": "public" }),
            Some("tools/list") => one_tool(),
            Some("tools/call") => json!({ "resultType": "input_required", "requestState": "again" }),
            _ => return vec![],
        };
        vec![json!({ "id": message["id"], "result": result })]
    });
    let proxy = upstream.era(Era::Modern).max_rounds(3).proxy().await.expect("a proxy");
    let client = checked::in_memory(proxy).connect().await.expect("a connection");
    let result = tokio::time::timeout(std::time::Duration::from_secs(60), client.call_tool("it", ())).await;
    let result = result.expect("it comes to an end").expect("a result");
    assert!(result.is_error && result.joined_text().contains("more than 3 rounds"), "{result:?}");
}

#[tokio::test]
async fn a_list_without_an_end_is_given_up() {
    let mut pages = 0;
    let server = by_hand(move |message| {
        let result = match message["method"].as_str() {
            Some("server/discover") => json!({ "resultType": "complete", "supportedVersions": ["2026-07-28"],
                "capabilities": { "tools": {} }, "ttlMs": 0, "cacheScope": "public" }),
            Some("tools/list") => {
                pages += 1;
                json!({ "tools": [], "nextCursor": format!("page {pages}"), "resultType": "complete",
                    "ttlMs": 0, "cacheScope": "public" })
            }
            _ => return vec![],
        };
        vec![json!({ "id": message["id"], "result": result })]
    });
    let client = server.era(Era::Modern).connect().await.expect("a connection");
    let error = tokio::time::timeout(LONGEST, client.list_tools()).await.expect("it comes to an end");
    let error = error.expect_err("it has no end");
    assert_eq!(error.kind(), ErrorKind::Protocol);
    let message = error.to_string();
    assert!(message.contains("tools/list") && message.contains("10000 pages"), "{message}");
}
