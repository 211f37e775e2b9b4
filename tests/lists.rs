//! Lists by pages, and for how long they may be kept.

use std::time::Duration;

use mcp_runtime::client::Era;
use mcp_runtime::prelude::*;
use mcp_runtime::{Requester, Resource, StateKey};
use mcp_tests::checked;
use mcp_tests::raw::Peer;
use serde_json::{Map, Value, json};

const KEY: [u8; 32] = [7; 32];

fn tool(name: &str) -> DynTool {
    DynTool::new(name, json!({ "type": "object" }), |_, _| async { "" })
}

fn server(names: impl IntoIterator<Item = u32>) -> Server {
    let tools = names.into_iter().map(|it| tool(&format!("tool_{it}")));
    Server::new("many").state_key(StateKey::from(KEY)).tools(tools.collect::<mcp_runtime::Tools>())
}

fn names(page: &Value) -> Vec<&str> {
    page["tools"].as_array().expect("tools").iter().map(|tool| tool["name"].as_str().expect("a name")).collect()
}

fn cursor(page: &Value) -> Map<String, Value> {
    Map::from_iter([("cursor".to_owned(), page["nextCursor"].clone())])
}

#[tokio::test]
async fn a_client_gets_all_pages() {
    for era in [Era::Legacy, Era::Modern] {
        for (items, page) in [(0, 3), (1, 3), (3, 3), (4, 3), (7, 3), (7, 1), (7, 100)] {
            let client =
                checked::in_memory(server(0..items).page_size(page)).era(era).connect().await.expect("connected");
            let listed = client.list_tools().await.expect("a list");
            let expected: Vec<String> = (0..items).map(|it| format!("tool_{it}")).collect();
            let listed: Vec<String> = listed.into_iter().map(|it| it.name).collect();
            assert_eq!(listed, expected, "{era:?}: {items} by {page}");
        }
    }
}

#[tokio::test]
async fn a_page_goes_on_where_the_last_one_ended_whatever_happened_since() {
    let server = server(0..6).page_size(2);
    let handle = server.handle();
    let mut peer = Peer::start(server);
    let first = peer.request("tools/list", Map::new()).await.expect("a page");
    assert_eq!(names(&first), ["tool_0", "tool_1"]);
    assert_eq!((&first["ttlMs"], &first["cacheScope"]), (&json!(60_000), &json!("public")));
    // What goes before the page does not shift it.
    handle.remove_tool("tool_0");
    let second = peer.request("tools/list", cursor(&first)).await.expect("a page");
    assert_eq!(names(&second), ["tool_2", "tool_3"]);
    // What the cursor names is gone: it goes on where that was.
    handle.remove_tool("tool_3");
    handle.add_tools(tool("tool_6")).expect("added");
    let third = peer.request("tools/list", cursor(&second)).await.expect("a page");
    assert_eq!(names(&third), ["tool_4", "tool_5"]);
    let last = peer.request("tools/list", cursor(&third)).await.expect("a page");
    assert_eq!(names(&last), ["tool_6"]);
    assert_eq!(last.get("nextCursor"), None);
    // A cursor is good for as long as the key is, on any server that has it.
    let mut other = Peer::start(self::server(0..6).page_size(4));
    let page = other.request("tools/list", cursor(&first)).await.expect("a page");
    assert_eq!(names(&page), ["tool_2", "tool_3", "tool_4", "tool_5"]);
    // One that has no pages gives the rest.
    let mut whole = Peer::start(self::server(0..6));
    let page = whole.request("tools/list", cursor(&first)).await.expect("the rest");
    assert_eq!(names(&page), ["tool_2", "tool_3", "tool_4", "tool_5"]);
    assert_eq!(page.get("nextCursor"), None);
}

#[tokio::test]
async fn a_cursor_that_was_not_given_is_refused() {
    let server = server(0..6).page_size(2).resources(Resource::text("a:1", "").name("x"));
    let mut peer = Peer::start(server.resources(Resource::text("a:2", "")).resources(Resource::text("a:3", "")));
    let page = peer.request("tools/list", Map::new()).await.expect("a page");
    let given = page["nextCursor"].as_str().expect("a cursor").to_owned();
    let mut changed = given.clone().into_bytes();
    changed[20] ^= 1;
    let changed = String::from_utf8(changed).expect("text");
    let foreign =
        Peer::start(self::server(0..6).page_size(2).state_key([8; 32])).request("tools/list", Map::new()).await;
    let foreign = foreign.expect("a page")["nextCursor"].as_str().expect("a cursor").to_owned();
    let refusal =
        "`params.cursor` was not given by this server for this list; leave it out to begin with the first page";
    for (method, cursor, expected) in [
        ("tools/list", json!(""), refusal),
        ("tools/list", json!("MQ"), refusal),
        ("tools/list", json!(changed), refusal),
        ("tools/list", json!(foreign), refusal),
        ("resources/list", json!(given), refusal),
        ("tools/list", json!(1), "`params.cursor` must be a string"),
    ] {
        let params = Map::from_iter([("cursor".to_owned(), cursor.clone())]);
        let error = peer.request(method, params).await.expect_err("a refusal");
        assert_eq!((&error["code"], &error["message"]), (&json!(-32602), &json!(expected)), "{method} {cursor}");
    }
}

#[tokio::test]
async fn pages_have_only_what_whoever_asks_may_see() {
    fn nobody(_: &Requester) -> bool {
        false
    }
    let hidden = |name: &str| tool(name).visible(nobody);
    let server = Server::new("some")
        .tools([tool("a"), hidden("b"), tool("c"), hidden("d"), tool("e")].into_iter().collect::<mcp_runtime::Tools>())
        .page_size(2);
    let mut peer = Peer::start(server);
    let first = peer.request("tools/list", Map::new()).await.expect("a page");
    assert_eq!((names(&first), &first["cacheScope"]), (vec!["a", "c"], &json!("private")));
    let second = peer.request("tools/list", cursor(&first)).await.expect("a page");
    assert_eq!((names(&second), &second["cacheScope"]), (vec!["e"], &json!("private")));
    assert_eq!(second.get("nextCursor"), None);
}

#[tokio::test]
async fn each_list_says_for_how_long_it_may_be_kept() {
    let server = server(0..1)
        .resources(Resource::text("a:1", ""))
        .list_ttl(Duration::from_secs(5))
        .tools_ttl(Duration::from_millis(7))
        .resources_ttl(Duration::ZERO);
    let handle = server.handle();
    let mut peer = Peer::start(server);
    for (method, ttl) in [
        ("tools/list", 7),
        ("prompts/list", 5_000),
        ("resources/list", 0),
        ("resources/templates/list", 0),
        ("server/discover", 5_000),
    ] {
        let result = peer.request(method, Map::new()).await.expect("a result");
        assert_eq!(result["ttlMs"], ttl, "{method}");
    }
    drop(handle);
}

/// What a client asks for twice is asked of the server once, for as long as it may be kept.
#[tokio::test(start_paused = true)]
async fn a_client_keeps_what_it_may() {
    let server = server(0..1).list_ttl(Duration::from_secs(60)).page_size(1);
    let handle = server.handle();
    let client = checked::in_memory(server).connect().await.expect("connected");
    let count = async || client.list_tools().await.expect("a list").len();
    assert_eq!(count().await, 1);
    // Nobody listens, so that it is not told.
    handle.add_tools(tool("more")).expect("added");
    assert_eq!(count().await, 1);
    tokio::time::advance(Duration::from_secs(61)).await;
    assert_eq!(count().await, 2);

    let server = self::server(0..1);
    let handle = server.handle();
    let client = checked::in_memory(server).cache_bytes(0).connect().await.expect("connected");
    assert_eq!(client.list_tools().await.expect("a list").len(), 1);
    handle.add_tools(tool("more")).expect("added");
    assert_eq!(client.list_tools().await.expect("a list").len(), 2, "a client without a cache asks each time");
}
