//! Completion of arguments, as clients get it: values of schemas and of functions, what those are told, what goes
//! wrong, and what is announced.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use mcp_runtime::client::Era;
use mcp_runtime::prelude::*;
use mcp_runtime::protocol::{Completion, ErrorCode, ErrorObject};
use mcp_runtime::{Client, Completing, DynPrompt, ErrorKind, Extensions, Resource};
use mcp_tests::checked;
use mcp_tests::completing::server;
use mcp_tests::raw::Peer;
use serde_json::{Map, Value, json};
use tokio::sync::Notify;

async fn connect(server: Server, era: Era) -> Client {
    checked::in_memory(server).era(era).connect().await.expect("a connection")
}

async fn values(client: &Client, prompt: &str, argument: &str, typed: &str) -> Vec<String> {
    client.complete_prompt(prompt, argument, typed).await.expect("a completion").values
}

fn refusal(answer: Result<Completion, mcp_runtime::Error>) -> ErrorObject {
    let error = answer.expect_err("it is refused");
    assert_eq!(error.kind(), ErrorKind::Refused, "{error:?}");
    error.peer_error().expect("the server's error").clone()
}

/// Why a server does not start.
async fn problems(server: Server) -> String {
    let error = checked::in_memory(server).connect().await.expect_err("it does not fit together");
    assert_eq!(error.kind(), ErrorKind::Configuration);
    error.to_string()
}

const DB: &str = "db://{table}/{column}{?limit,order}";

#[tokio::test]
async fn arguments_are_completed_in_both_eras() {
    for era in [Era::Legacy, Era::Modern] {
        let client = connect(server(), era).await;
        assert!(client.server_capabilities().completions.is_some());
        // From the schema, without any code.
        assert_eq!(values(&client, "code_review", "language", "").await, ["python", "rust", "typescript"]);
        assert_eq!(values(&client, "code_review", "language", "t").await, ["typescript", "python", "rust"]);
        assert_eq!(values(&client, "code_review", "strict", "").await, ["true", "false"]);
        assert_eq!(values(&client, "code_review", "depth", "").await, ["1", "2", "5"]);
        assert_eq!(values(&client, "code_review", "code", "x").await, [""; 0], "any text is right");
        // From functions.
        assert_eq!(values(&client, "code_review", "framework", "").await, [""; 0], "the language is not known");
        let frameworks = client.complete_prompt("code_review", "framework", "FL").argument("language", "python").await;
        assert_eq!(frameworks.expect("a completion"), Completion::new(["Flask"]).total(1));
        let tables = client.complete_resource(DB, "table", "order").await.expect("a completion");
        assert_eq!(tables, Completion::new(["orders", "order_items"]).total(2));
        let columns = client.complete_resource(DB, "column", "na").argument("table", "users").await;
        assert_eq!(columns.expect("a completion").values, ["name"]);
        let columns = client.complete_resource(DB, "column", "").argument("table", "none").await;
        assert_eq!(columns.expect("a completion"), Completion::default().total(0));
        let order = client.complete_resource(DB, "order", "de").await.expect("a completion");
        assert_eq!(order.values, ["descending"]);
        // From methods.
        assert_eq!(values(&client, "recommend", "title", "dick").await, ["Moby-Dick"]);
        let book = "book://{title}/{place}{?from}";
        let titles = client.complete_resource(book, "title", "D").await.expect("a completion");
        assert_eq!(titles.values, ["DRACULA"]);
        let places = client.complete_resource(book, "place", "").argument("from", "7.0").await.expect("a completion");
        assert_eq!(places.values, ["7", "8", "9"]);
        // Of what is known only at run time.
        assert_eq!(values(&client, "translate", "language", "h").await, ["Dutch", "English", "French"]);
        let log = "log://{year}/{month}{?level}";
        let years = client.complete_resource(log, "year", "").await.expect("a completion");
        assert_eq!(years.values, ["2025", "2026"]);
        let months = client.complete_resource(log, "month", "").argument("year", "2026").await.expect("a completion");
        assert_eq!(months.values.len(), 7);
    }
}

#[tokio::test]
async fn a_uri_fills_variables_in() {
    let client = connect(server(), Era::Modern).await;
    let columns = client.complete_resource("db://users/x", "column", "").await.expect("a completion");
    assert_eq!(columns.values, ["id", "name", "e-mail"]);
    let columns = client.complete_resource("db://users/x", "column", "").argument("table", "orders").await;
    assert_eq!(columns.expect("a completion").values, ["id", "price"], "what the client says counts more");
}

#[tokio::test]
async fn an_answer_has_at_most_a_hundred_values() {
    let client = connect(server(), Era::Modern).await;
    let many = client.complete_prompt("many", "one", "").await.expect("a completion");
    assert_eq!((many.values.len(), many.total, many.has_more), (100, Some(250), true));
    let some = client.complete_prompt("many", "one", "24").await.expect("a completion");
    assert_eq!((some.values.len(), some.total, some.has_more), (16, Some(16), false));
    assert_eq!(some.values[0], "number 24");
    let best = client.complete_prompt("many", "best", "none of them").await.expect("a completion");
    assert_eq!((best.values.len(), best.total, best.has_more), (100, Some(1_000), true), "it was ranked already");
    let passed_on = client.complete_prompt("many", "passed_on", "zz").await.expect("a completion");
    assert_eq!(passed_on, Completion::new(["zz", "b"]).has_more(true), "nothing is added, and nothing left out");
}

#[tokio::test]
async fn what_is_not_there_is_refused_and_what_is_hidden_is_not_there() {
    let client = connect(server(), Era::Legacy).await;
    let prompts = "the prompts are `code_review`, `many`, `recommend`, `translate`";
    for (prompt, argument, expected) in [
        ("code_reviev", "language", "unknown prompt `code_reviev`; did you mean `code_review`?".to_owned()),
        ("hidden", "tell", format!("unknown prompt `hidden`; {prompts}")),
        ("recommend", "titel", "prompt `recommend` has no argument `titel`; did you mean `title`?".to_owned()),
        ("recommend", "nothing", "prompt `recommend` has no argument `nothing`; it has `title`".to_owned()),
    ] {
        let error = refusal(client.complete_prompt(prompt, argument, "").await);
        assert_eq!((error.code, &*error.message), (ErrorCode::InvalidParams, &*expected));
    }
    for (template, variable, expected) in [
        ("log://{year}/{month}{?levle}", "year", "did you mean `log://{year}/{month}{?level}`?"),
        ("hidden://{tell}", "tell", "there is no resource template `hidden://{tell}`"),
        ("hidden://true", "tell", "there is no resource template `hidden://true`"),
        ("db://about", "table", "resource `db://about` has no argument `table`; it has none"),
        (DB, "tabel", "resource `db://{table}/{column}{?limit,order}` has no argument `tabel`; did you mean `table`?"),
    ] {
        let error = refusal(client.complete_resource(template, variable, "").await);
        assert_eq!(error.code, ErrorCode::InvalidParams);
        assert!(error.message.contains(expected), "{}", error.message);
    }
}

#[tokio::test]
async fn a_function_that_fails_does_not_lose_the_answer() {
    let answer = async |client: &Client, variable: &str, typed: &str| {
        let error = refusal(client.complete_resource(DB, variable, typed).await);
        assert_eq!(error.code, ErrorCode::InternalError);
        error.message.into_owned()
    };
    let client = connect(server(), Era::Modern).await;
    assert_eq!(answer(&client, "table", "panic").await, "completion `column.table` panicked");
    assert_eq!(answer(&client, "column", "panic").await, "completion `column.column` panicked");
    assert_eq!(answer(&client, "table", "io").await, "disk is full");
    assert_eq!(answer(&client, "table", "said").await, "the archive is closed on Sundays");
    let client = connect(server().mask_errors(true), Era::Modern).await;
    assert_eq!(answer(&client, "table", "io").await, "the completion failed; the server does not say why");
    assert_eq!(answer(&client, "table", "said").await, "the archive is closed on Sundays");
}

#[tokio::test(start_paused = true)]
async fn a_function_that_takes_too_long_is_stopped() {
    for (server, expected) in [(server(), "10s"), (server().completion_timeout(Duration::from_millis(250)), "250ms")] {
        let client = connect(server, Era::Modern).await;
        let error = refusal(client.complete_resource(DB, "table", "late").await);
        let expected = format!("completion `column.table` took longer than {expected} and was stopped");
        assert_eq!((error.code, &*error.message), (ErrorCode::InternalError, &*expected));
        assert!(client.complete_resource(DB, "table", "u").await.is_ok(), "the server goes on");
    }
}

/// Tells what becomes of a function that waits.
#[derive(Default)]
struct Waiting {
    begun: Notify,
    go: Notify,
    dropped: Notify,
}

struct Dropped(Arc<Waiting>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.dropped.notify_one();
    }
}

async fn waits(asked: Completing, waiting: State<Waiting>) -> Vec<String> {
    let _dropped = Dropped(waiting.0.clone());
    waiting.begun.notify_one();
    waiting.go.notified().await;
    vec![asked.typed().to_owned()]
}

/// Waits.
#[prompt]
fn wait(
    /// For what.
    #[arg(complete = waits)]
    what: &str,
) -> String {
    what.to_owned()
}

fn asks(typed: &str) -> Map<String, Value> {
    let params = json!({
        "ref": { "type": "ref/prompt", "name": "wait" },
        "argument": { "name": "what", "value": typed },
    });
    params.as_object().expect("an object").clone()
}

#[tokio::test]
async fn a_function_that_awaits_goes_on_beside_others_and_can_be_cancelled() {
    let waiting = Arc::new(Waiting::default());
    let mut peer = Peer::start(Server::new("s").state(waiting.clone()).prompts(prompts![wait]).max_calls_in_flight(1));
    let first = peer.send("completion/complete", asks("a")).await;
    waiting.begun.notified().await;
    let full = peer.request("completion/complete", asks("b")).await.expect_err("one is in flight");
    assert!(full["message"].as_str().expect("a message").contains("1 requests of this connection are in flight"));
    // Others are served meanwhile.
    peer.request("prompts/list", Map::new()).await.expect("a list");
    peer.cancel(first).await;
    waiting.dropped.notified().await;
    let second = peer.send("completion/complete", asks("c")).await;
    waiting.begun.notified().await;
    waiting.go.notify_one();
    let result = peer.receive(second).await.expect("a result");
    assert_eq!(result["completion"], json!({ "values": ["c"], "total": 1, "hasMore": false }));
    assert_eq!(result["resultType"], "complete");
    assert!(peer.heard.is_empty(), "what was cancelled is not answered: {:?}", peer.heard);
}

#[derive(Clone)]
struct User(&'static str);

fn whose(asked: &Completing, user: Extension<User>) -> Vec<String> {
    let other = asked.arguments().map(|(name, value)| format!("{}:{name}={value}", user.0.0)).collect();
    let _ = asked.requester().client_info();
    other
}

async fn lent(asked: &Completing) -> Result<Vec<String>> {
    tokio::task::yield_now().await;
    Ok(vec![format!("{} {}", asked.name(), asked.state::<u8>()?.0)])
}

/// Asks what a function is told.
#[prompt]
fn told(
    /// Who.
    #[arg(complete = whose)]
    who: &str,
    /// What.
    #[arg(name = "what-else", complete = lent)]
    what: &str,
) -> String {
    format!("{who} {what}")
}

#[tokio::test]
async fn a_function_is_told_what_there_is() {
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    tokio::spawn(async move {
        let extensions = Extensions::new().with(User("ada"));
        Server::new("s").prompts(prompts![told]).serve_with(theirs, extensions).await.expect("it serves");
    });
    let client = checked::over(ours).connect().await.expect("a connection");
    let completion = client.complete_prompt("told", "who", "").argument("who", "me").argument("what-else", "x").await;
    assert_eq!(completion.expect("a completion").values, ["ada:what-else=x"], "the argument itself is not another one");
    let error = refusal(client.complete_prompt("told", "what-else", "").await);
    assert_eq!((error.code, &*error.message), (ErrorCode::InternalError, "the server has no state of type `u8`"));

    let client = connect(Server::new("s").state(7_u8).prompts(prompts![told]), Era::Modern).await;
    assert_eq!(values(&client, "told", "what-else", "").await, ["what-else 7"]);
    let error = refusal(client.complete_prompt("told", "who", "").await);
    assert_eq!(error.code, ErrorCode::InternalError);
    assert!(error.message.ends_with("which did not come along with the request"), "{}", error.message);
}

#[tokio::test]
async fn what_is_mounted_completes_with_its_own_states() {
    let mounted = Server::new("inner").state(7_u8).prompts(prompts![told]);
    let client = connect(Server::new("outer").state(1_u8).mount("inner", mounted), Era::Modern).await;
    assert_eq!(values(&client, "inner_told", "what-else", "").await, ["what-else 7"]);
    let mounted = Server::new("inner").prompts(prompts![wait]);
    assert_eq!(
        problems(Server::new("outer").state(Waiting::default()).mount("inner", mounted)).await,
        "mounted as `inner`: the completion of argument `what` of prompt `inner_wait` takes \
         `State<behaviour::completion::Waiting>`, which the server was not given; add `.state(..)` with a value of that type"
    );
}

/// Nothing to complete.
#[prompt]
fn plain(
    /// Any text.
    text: &str,
    /// Any number.
    number: u8,
) -> String {
    format!("{text} {number}")
}

#[tokio::test]
async fn completion_is_announced_and_served_exactly_if_something_completes() {
    let nothing = || Server::new("s").prompts(prompts![plain]).resources(Resource::text("a:b", "c"));
    for era in [Era::Legacy, Era::Modern] {
        let client = connect(nothing(), era).await;
        assert_eq!(client.server_capabilities().completions, None);
        let error = refusal(client.complete_prompt("plain", "text", "").await);
        assert_eq!(error.code, ErrorCode::MethodNotFound);
        let something = DynPrompt::new("p", async |_, _| "x").argument("a", "A.").complete("a", ["x"]);
        let client = connect(nothing().prompts(something), era).await;
        assert_eq!(client.server_capabilities().completions, Some(Map::new()));
        assert_eq!(
            client.complete_prompt("plain", "number", "1").await.expect("nothing"),
            Completion::default().total(0)
        );
    }
}

#[tokio::test]
async fn what_came_later_completes_too() {
    let server = Server::new("s").prompts(prompts![plain]);
    let handle = server.handle();
    let client = connect(server, Era::Modern).await;
    assert!(client.server_capabilities().completions.is_some(), "there may be something to complete later");
    let refused = refusal(client.complete_prompt("later", "a", "").await);
    assert_eq!(
        (refused.code, &*refused.message),
        (ErrorCode::InvalidParams, "unknown prompt `later`; the prompts are `plain`")
    );
    handle
        .add_prompts(DynPrompt::new("later", async |_, _| "x").argument("a", "A.").complete("a", ["x"]))
        .expect("added");
    assert_eq!(values(&client, "later", "a", "").await, ["x"]);
    handle.add_resources(Resource::new("a:{b}", async |_, _| "x").complete("b", ["y"])).expect("added");
    assert_eq!(client.complete_resource("a:{b}", "b", "").await.expect("a completion").values, ["y"]);
    assert!(handle.remove_resource("a:{b}"));
    refusal(client.complete_resource("a:{b}", "b", "").await);
}

#[tokio::test]
async fn what_does_not_fit_together_is_said_when_the_server_starts() {
    assert_eq!(
        problems(Server::new("s").prompts(prompts![wait])).await,
        "the completion of argument `what` of prompt `wait` takes `State<behaviour::completion::Waiting>`, which the server was \
         not given; add `.state(..)` with a value of that type"
    );
    let prompt = || DynPrompt::new("p", async |_, _| "x").argument("name", "A.");
    assert_eq!(
        problems(Server::new("s").prompts(prompt().complete("nmae", ["x"]))).await,
        "prompt `p` is not right: it completes `nmae`, which it does not have; did you mean `name`?"
    );
    assert_eq!(
        problems(Server::new("s").prompts(prompt().complete("name", ["x"]).complete("name", ["y"]))).await,
        "prompt `p` is not right: its argument `name` is completed twice; remove one of the two"
    );
    assert_eq!(
        problems(Server::new("s").resources(Resource::text("a:b", "c").complete("x", ["y"]))).await,
        "resource `b` is not right: it completes `x`, which it does not have"
    );
}

static ASKED: AtomicUsize = AtomicUsize::new(0);

fn counted(_: &Completing) -> [&'static str; 1] {
    ASKED.fetch_add(1, Ordering::Relaxed);
    ["x"]
}

/// Counts.
#[prompt]
fn count(
    /// Anything.
    #[arg(complete = counted)]
    it: &str,
) -> String {
    it.to_owned()
}

#[tokio::test]
async fn getting_a_prompt_completes_nothing() {
    let client = connect(Server::new("s").prompts(prompts![count]), Era::Modern).await;
    client.list_prompts().await.expect("a list");
    assert_eq!(client.get_prompt("count", [("it", "anything")]).await.expect("a prompt").joined_text(), "anything");
    assert_eq!(ASKED.load(Ordering::Relaxed), 0);
    assert_eq!(values(&client, "count", "it", "").await, ["x"]);
    assert_eq!(ASKED.load(Ordering::Relaxed), 1);
}

#[tokio::test(start_paused = true)]
async fn so_many_are_completed_in_a_while() {
    let client = connect(server().completion_rate(2, Duration::from_secs(5)), Era::Modern).await;
    for _ in 0..2 {
        assert_eq!(values(&client, "code_review", "language", "t").await[0], "typescript");
    }
    let error = refusal(client.complete_prompt("code_review", "language", "t").await);
    assert_eq!(error.message, "there were 2 calls in 5s already; call again in 5 s");
    tokio::time::advance(Duration::from_secs(5)).await;
    assert_eq!(values(&client, "code_review", "language", "t").await[0], "typescript");
}
