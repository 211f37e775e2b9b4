//! Calls that go on as tasks: what a client sees of them, message by message, and through `Client`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use mcp_runtime::MemoryTasks;
use mcp_runtime::client::{Called, ClientBuilder, Era};
use mcp_runtime::prelude::*;
use mcp_runtime::protocol::{CreateMessageRequestParams, CreateMessageResult, ErrorCode, TaskStatus};
use mcp_tests::over::Over;
use mcp_tests::raw::{Call, Peer, meta, said, text};
use serde_json::{Map, Value, json};
use tokio::sync::Notify;

/// Work until the test says that it is enough.
#[tool(task)]
async fn work(label: String, ctx: Context, go: State<Notify>) -> String {
    tokio::task::yield_now().await;
    ctx.report_progress(1.0).total(2.0).message("half way").await;
    go.notified().await;
    format!("done: {label}")
}

/// Ask two things at once.
#[tool(task)]
async fn ask_twice(ctx: Context) -> Result<String> {
    let (one, two) = tokio::join!(ctx.sample("one"), ctx.sample("two"));
    let three = ctx.sample(format!("{} {}", one?.text()?, two?.text()?)).await?;
    Ok(three.text()?.to_owned())
}

/// Ask the same again and again.
#[tool(task)]
async fn ask_the_same(ctx: Context) -> Result<String> {
    let mut all = Vec::new();
    for _ in 0..2 {
        all.push(ctx.sample("the same").key("same").await?.text()?.to_owned());
    }
    Ok(all.join(" "))
}

/// Fail in the background, and only there.
#[tool(task = "required")]
async fn fail_in_the_background() -> Result<()> {
    tokio::task::yield_now().await;
    Err(ToolError::new("it went wrong"))
}

/// Fail for want of something that the client would have to be able to do.
#[tool(task)]
async fn fail_by_protocol(ctx: Context) -> Result<()> {
    tokio::task::yield_now().await;
    ctx.roots().await?;
    Ok(())
}

/// Ask first, and then take long.
#[tool(task_after = "10ms")]
async fn ask_and_work(ctx: Context, go: State<Notify>) -> Result<String> {
    let name = ctx.sample("a name?").await?.text()?.to_owned();
    go.notified().await;
    Ok(format!("Hello, {name}!"))
}

/// Done at once, so never a task.
#[tool(task)]
async fn at_once() -> u8 {
    1
}

/// Count when it is dropped.
#[tool(task)]
async fn hold(drops: State<AtomicU32>) {
    struct Held(State<AtomicU32>);
    impl Drop for Held {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
    let _held = Held(drops);
    std::future::pending::<()>().await;
}

fn tools() -> mcp_runtime::Tools {
    tools![
        work,
        ask_twice,
        ask_the_same,
        fail_in_the_background,
        fail_by_protocol,
        ask_and_work,
        at_once,
        hold,
        mcp_tests::add
    ]
}

fn server(go: &Arc<Notify>) -> Server {
    let interval = Duration::from_millis(10);
    Server::new("t").state(go.clone()).state(AtomicU32::new(0)).tools(tools()).task_poll_interval(interval)
}

const EXTENSION: &str = "io.modelcontextprotocol/tasks";

fn tasks_meta() -> Value {
    let mut meta = meta();
    let capabilities = &mut meta["io.modelcontextprotocol/clientCapabilities"];
    capabilities["extensions"] = json!({ EXTENSION: {} });
    capabilities.as_object_mut().expect("an object").remove("roots");
    meta
}

/// A client by hand that knows tasks.
struct Hand(Peer);

impl Hand {
    fn over(over: Over, server: Server) -> Self {
        Self(Peer::start_over(over, server))
    }

    async fn request(&mut self, method: &str, mut params: Value) -> Result<Value, Value> {
        params["_meta"] = tasks_meta();
        let Value::Object(params) = params else { panic!("{params}") };
        self.0.request(method, params).await
    }

    async fn start(&mut self, tool: &str, arguments: Value) -> Value {
        let task = self.request("tools/call", json!({ "name": tool, "arguments": arguments })).await.expect("a result");
        assert_eq!(task["resultType"], "task", "{task}");
        task
    }

    async fn get(&mut self, task: &Value) -> Value {
        self.request("tasks/get", json!({ "taskId": task["taskId"] })).await.expect("a task")
    }

    async fn until(&mut self, task: &Value, status: &str) -> Value {
        loop {
            let now = self.get(task).await;
            if now["status"] == status {
                return now;
            }
            assert!(now["status"] == "working" || now["status"] == "input_required", "{now}");
            tokio::task::yield_now().await;
        }
    }

    async fn answer(&mut self, task: &Value, answers: Value) -> Value {
        let params = json!({ "taskId": task["taskId"], "inputResponses": answers });
        self.request("tasks/update", params).await.expect("an acknowledgement")
    }
}

/// A result without what every result has.
fn bare(mut result: Value) -> Value {
    result.as_object_mut().expect("an object").remove("_meta");
    result
}

async fn a_task_is_made_looked_at_and_done(over: Over) {
    let go = Arc::new(Notify::new());
    let mut client = Hand::over(over, server(&go));
    let made = client.start("work", json!({ "label": "x" })).await;
    let names: Vec<_> = made.as_object().expect("an object").keys().cloned().collect();
    assert_eq!(
        names,
        ["resultType", "_meta", "taskId", "status", "createdAt", "lastUpdatedAt", "ttlMs", "pollIntervalMs"],
    );
    assert_eq!(
        (&made["status"], &made["ttlMs"], &made["pollIntervalMs"]),
        (&json!("working"), &json!(3_600_000), &json!(10))
    );
    let created = made["createdAt"].as_str().expect("text");
    assert!(chrono::DateTime::parse_from_rfc3339(created).is_ok(), "{created}");
    assert!(made["taskId"].as_str().is_some_and(|id| id.len() == 32), "hard to guess");
    let mut now = client.get(&made).await;
    while now["statusMessage"] != "half way (1 of 2)" {
        now = client.get(&made).await;
    }
    assert_eq!((&now["resultType"], &now["status"]), (&json!("complete"), &json!("working")));
    go.notify_one();
    let done = client.until(&made, "completed").await;
    assert_eq!(done["result"], json!({ "content": [{ "type": "text", "text": "done: x" }] }));
    assert_eq!(done["createdAt"], made["createdAt"]);
    for _ in 0..2 {
        assert_eq!(client.get(&made).await["status"], "completed", "it stays there");
    }
    let acknowledged = client.request("tasks/cancel", json!({ "taskId": made["taskId"] })).await;
    assert_eq!(acknowledged.map(bare), Ok(json!({ "resultType": "complete" })), "too late, and no mistake");
    assert_eq!(client.get(&made).await["status"], "completed");
}

async fn questions_wait_in_the_task_and_may_be_answered_one_by_one(over: Over) {
    let mut client = Hand::over(over, server(&Arc::default()));
    let task = client.start("ask_twice", json!({})).await;
    let asks = client.until(&task, "input_required").await;
    let open = asks["inputRequests"].as_object().expect("questions").clone();
    let key = |text: &str, open: &Map<String, Value>| {
        let asks = |(_, it): &(&String, &Value)| it["params"]["messages"][0]["content"]["text"] == text;
        open.iter().find(asks).expect("it is asked").0.clone()
    };
    assert_eq!(open.len(), 2);
    assert_eq!(open[&key("one", &open)]["method"], "sampling/createMessage");
    let nonsense = client.answer(&task, json!({ "unknown": { "ignored": true }, "other": 1 })).await;
    assert_eq!(bare(nonsense), json!({ "resultType": "complete" }));
    client.answer(&task, json!({ (key("one", &open)): said("ONE") })).await;
    let left = client.get(&task).await["inputRequests"].as_object().expect("questions").clone();
    assert_eq!(left.keys().collect::<Vec<_>>(), [&key("two", &open)], "the other one is still open");
    client.answer(&task, json!({ (key("one", &open)): said("again"), (key("two", &open)): said("TWO") })).await;
    let mut third = client.until(&task, "input_required").await;
    let open = third["inputRequests"].as_object_mut().expect("questions").clone();
    assert_eq!(open.len(), 1);
    client.answer(&task, json!({ (key("ONE TWO", &open)): said("THREE") })).await;
    let done = client.until(&task, "completed").await;
    assert_eq!(done["result"]["content"][0]["text"], "THREE");
    assert!(done.get("inputRequests").is_none());
}

async fn a_key_is_used_once(over: Over) {
    let mut client = Hand::over(over, server(&Arc::default()));
    let task = client.start("ask_the_same", json!({})).await;
    let mut keys = Vec::new();
    for answer in ["1", "2"] {
        let asks = client.until(&task, "input_required").await;
        let key = asks["inputRequests"].as_object().and_then(|it| it.keys().next()).expect("a question").clone();
        client.answer(&task, json!({ (key.clone()): said(answer) })).await;
        keys.push(key);
    }
    assert_eq!(keys, ["same", "same-2"]);
    assert_eq!(client.until(&task, "completed").await["result"]["content"][0]["text"], "1 2");
}

async fn a_tool_that_failed_is_completed_and_a_request_that_failed_is_failed(over: Over) {
    let mut client = Hand::over(over, server(&Arc::default()));
    let task = client.start("fail_in_the_background", json!({})).await;
    let done = client.until(&task, "completed").await;
    assert_eq!((&done["result"]["isError"], done.get("error")), (&json!(true), None));
    let task = client.start("fail_by_protocol", json!({})).await;
    let failed = loop {
        let now = client.get(&task).await;
        if now["status"] != "working" {
            break now;
        }
    };
    assert_eq!((&failed["status"], &failed["error"]["code"]), (&json!("failed"), &json!(-32021)));
    assert_eq!(failed["statusMessage"], failed["error"]["message"]);
    assert!(failed.get("result").is_none());
}

async fn a_task_that_is_cancelled_is_dropped(over: Over) {
    let drops = Arc::new(AtomicU32::new(0));
    let server = Server::new("t").state(drops.clone()).tools(tools![hold]);
    let mut client = Hand::over(over, server);
    let task = client.start("hold", json!({})).await;
    client.request("tasks/cancel", json!({ "taskId": task["taskId"] })).await.expect("an acknowledgement");
    assert_eq!(client.get(&task).await["status"], "cancelled");
    while drops.load(Ordering::SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(client.get(&task).await["status"], "cancelled", "it is over for good");
}

#[tokio::test(start_paused = true)]
async fn a_task_is_dropped_when_its_time_is_over() {
    let drops = Arc::new(AtomicU32::new(0));
    let server = Server::new("t").state(drops.clone()).tools(tools![hold]).task_timeout(Duration::from_secs(60));
    let mut client = Hand::over(Over::Memory, server);
    let task = client.start("hold", json!({})).await;
    assert_eq!(task["ttlMs"], 60_000);
    tokio::time::sleep(Duration::from_secs(61)).await;
    assert_eq!(drops.load(Ordering::SeqCst), 1);
    let error = client.request("tasks/get", json!({ "taskId": task["taskId"] })).await.expect_err("it is gone");
    assert_eq!(error["code"], -32602);
}

async fn a_call_may_ask_in_rounds_and_become_a_task_when_it_takes_long(over: Over) {
    let go = Arc::new(Notify::new());
    let mut client = Hand::over(over, server(&go));
    let mut first = Call::new("ask_and_work", json!({}));
    first.params.insert("_meta".to_owned(), tasks_meta());
    let asked = client.0.call(&first).await.expect("a result");
    assert!(asked.get("taskId").is_none());
    let second = first.next(&asked, |_, _| Some(said("Alice")));
    let task = client.0.call(&second).await.expect("a result");
    assert_eq!((&task["resultType"], task.get("requestState")), (&json!("task"), None));
    let again = client.0.call(&second).await.expect("a result");
    assert_eq!(again["taskId"], task["taskId"], "who lost the reply gets it again");
    go.notify_one();
    assert_eq!(client.until(&task, "completed").await["result"]["content"][0]["text"], "Hello, Alice!");
}

async fn clients_that_know_no_tasks_get_none(over: Over) {
    let go = Arc::new(Notify::new());
    go.notify_one();
    let mut peer = Peer::start_over(over, server(&go));
    let call = Call::new("work", json!({ "label": "x" }));
    assert_eq!(text(&peer.call(&call).await.expect("a result")), "done: x");
    let mut hinted = Call::new("add", json!({ "a": 1, "b": 2 }));
    hinted.params.insert("task".to_owned(), json!({ "ttl": 1 }));
    assert_eq!(text(&peer.call(&hinted).await.expect("a result")), "3");
    let error = peer.call(&Call::new("fail_in_the_background", json!({}))).await.expect_err("it needs tasks");
    let missing = json!({ "requiredCapabilities": { "extensions": { EXTENSION: {} } } });
    assert_eq!((&error["code"], &error["data"]), (&json!(-32021), &missing));
    for method in ["tasks/get", "tasks/update", "tasks/cancel"] {
        let params = Map::from_iter([("taskId".to_owned(), json!("x"))]);
        let error = peer.request(method, params).await.expect_err("not for this client");
        assert_eq!((&error["code"], &error["data"]), (&json!(-32021), &missing), "{method}");
    }
    for method in ["tasks/result", "tasks/list"] {
        assert_eq!(peer.request(method, Map::new()).await.expect_err("no such method")["code"], -32601);
    }
    // In the legacy era there are none at all, and what needs them runs as any tool.
    let client = over.client(server(&go)).era(Era::Legacy).tasks().connect().await.expect("a connection");
    assert!(client.server_capabilities().extensions.is_empty());
    let result = client.call_tool("fail_in_the_background", ()).await.expect("a result");
    assert_eq!(result.joined_text(), "it went wrong");
}

async fn what_is_no_task_is_none_and_what_is_wrong_is_said(over: Over) {
    let mut client = Hand::over(over, server(&Arc::default()));
    let discovered = client.request("server/discover", json!({})).await.expect("a result");
    assert_eq!(discovered["capabilities"]["extensions"], json!({ EXTENSION: {} }));
    let result = client.request("tools/call", json!({ "name": "at_once" })).await.expect("a result");
    assert_eq!((&result["resultType"], result.get("taskId")), (&json!("complete"), None));
    for method in ["tasks/get", "tasks/cancel"] {
        let error = client.request(method, json!({ "taskId": "unknown" })).await.expect_err("there is none");
        assert_eq!(error["code"], -32602, "{method}");
        let error = client.request(method, json!({})).await.expect_err("none is named");
        assert!(error["message"].as_str().is_some_and(|it| it.contains("taskId")), "{error}");
    }
    let error = client.request("tasks/update", json!({ "taskId": "x" })).await.expect_err("no answers");
    assert!(error["message"].as_str().is_some_and(|it| it.contains("inputResponses")), "{error}");
}

async fn when_too_many_run_a_call_goes_on_as_others_do(over: Over) {
    let go = Arc::new(Notify::new());
    let mut client = Hand::over(over, server(&go).max_running_tasks(1));
    client.start("work", json!({ "label": "1" })).await;
    let asked = client.request("tools/call", json!({ "name": "ask_twice", "arguments": {} })).await.expect("a result");
    assert_eq!(asked["resultType"], "input_required");
}

async fn servers_that_share_a_store_answer_for_each_other(over: Over) {
    let store = MemoryTasks::default();
    let go = Arc::new(Notify::new());
    let mut one = Hand::over(over, server(&go).task_store(store.clone()));
    let mut other = Hand::over(over, server(&go).task_store(store));
    let task = one.start("ask_the_same", json!({})).await;
    let mut asked = Vec::new();
    for answer in ["1", "2"] {
        let asks = loop {
            let asks = other.until(&task, "input_required").await;
            let key = asks["inputRequests"].as_object().and_then(|it| it.keys().next()).expect("a question").clone();
            if !asked.contains(&key) {
                break key;
            }
        };
        other.answer(&task, json!({ (asks.clone()): said(answer) })).await;
        asked.push(asks);
    }
    assert_eq!(other.until(&task, "completed").await["result"]["content"][0]["text"], "1 2");
    let task = one.start("work", json!({ "label": "x" })).await;
    other.request("tasks/cancel", json!({ "taskId": task["taskId"] })).await.expect("an acknowledgement");
    while one.get(&task).await["status"] != "cancelled" {
        tokio::task::yield_now().await;
    }
}

async fn shout(request: CreateMessageRequestParams) -> Result<CreateMessageResult, mcp_runtime::protocol::ErrorObject> {
    let question = request.messages[0].content[0].as_text().unwrap_or_default().to_uppercase();
    Ok(CreateMessageResult::text("shouting-model", question))
}

fn client(over: Over, server: Server) -> ClientBuilder {
    over.client(server).tasks().on_sampling(shout)
}

async fn a_client_waits_for_tasks_by_itself(over: Over) {
    let client = client(over, server(&Arc::default())).connect().await.expect("a connection");
    let answer: String = client.call("ask_twice", ()).await.expect("an answer");
    assert_eq!(answer, "ONE TWO");
    let failed = client.call_tool("fail_in_the_background", ()).await.expect("a result");
    assert!(failed.is_error && failed.joined_text() == "it went wrong");
    let error = client.call_tool("fail_by_protocol", ()).await.expect_err("it failed");
    assert_eq!(error.peer_error().map(|error| error.code), Some(ErrorCode::MissingRequiredClientCapability));
}

async fn a_task_is_handed_to_those_who_want_it(over: Over) {
    let go = Arc::new(Notify::new());
    let client = client(over, server(&go)).connect().await.expect("a connection");
    let Ok(Called::Task(task)) = client.start_tool("work", [("label", "x")]).await else { panic!("no task") };
    let id = task.id().to_owned();
    drop(task);
    let mut task = client.task(&id).await.expect("it is still there");
    assert_eq!(task.refresh().await.expect("a task").status, TaskStatus::Working);
    go.notify_one();
    assert_eq!(task.finish().await.expect("a result").joined_text(), "done: x");
    let Ok(Called::Task(task)) = client.start_tool("work", [("label", "y")]).await else { panic!("no task") };
    task.cancel().await.expect("an acknowledgement");
    assert!(task.finish().await.expect_err("it was cancelled").to_string().contains("was cancelled"));
    assert!(matches!(client.start_tool("add", [("a", 1), ("b", 2)]).await, Ok(Called::Done(_))));
}

async fn a_call_that_is_dropped_cancels_its_task(over: Over) {
    let drops = Arc::new(AtomicU32::new(0));
    let server = Server::new("t").state(drops.clone()).tools(tools![hold]);
    let client = client(over, server).connect().await.expect("a connection");
    let call = client.call_tool("hold", ());
    // Long enough to become a task; then nobody wants it any more.
    assert!(tokio::time::timeout(Duration::from_millis(100), call).await.is_err());
    while drops.load(Ordering::SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
}

mcp_tests::over_every_transport! {
    a_task_is_made_looked_at_and_done,
    questions_wait_in_the_task_and_may_be_answered_one_by_one,
    a_key_is_used_once,
    a_tool_that_failed_is_completed_and_a_request_that_failed_is_failed,
    a_task_that_is_cancelled_is_dropped,
    a_call_may_ask_in_rounds_and_become_a_task_when_it_takes_long,
    clients_that_know_no_tasks_get_none,
    what_is_no_task_is_none_and_what_is_wrong_is_said,
    when_too_many_run_a_call_goes_on_as_others_do,
    servers_that_share_a_store_answer_for_each_other,
    a_client_waits_for_tasks_by_itself,
    a_task_is_handed_to_those_who_want_it,
    a_call_that_is_dropped_cancels_its_task,
}
