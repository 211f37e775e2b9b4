//! The kit for those who test their own servers: what it runs, what it finds, and what it says.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use mcp_runtime::prelude::*;
use mcp_runtime::protocol::{CreateMessageResult, ElicitResult, LoggingLevel, Root};
use mcp_runtime::testing::{Carrier, Trial};
use mcp_tests::checked;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::Notify;

/// What tools change.
#[derive(Debug, Default)]
struct World {
    notes: Mutex<Vec<String>>,
    runs: AtomicU32,
    dropped: Notify,
    hanging: Notify,
}

impl World {
    fn note(&self, note: impl Into<String>) {
        self.notes.lock().expect("a lock").push(note.into());
    }

    fn notes(&self) -> Vec<String> {
        self.notes.lock().expect("a lock").clone()
    }

    fn run(&self) -> u32 {
        self.runs.fetch_add(1, Ordering::SeqCst) + 1
    }

    fn runs(&self) -> u32 {
        self.runs.load(Ordering::SeqCst)
    }
}

/// How to deliver.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
struct Delivery {
    street: String,
    express: bool,
}

/// Hold, ask, pay.
#[tool]
async fn guarded(item: String, ctx: Context, world: State<World>) -> Result<String> {
    world.run();
    let hold = ctx.step("hold", async || {
        world.note(format!("hold {item}"));
        Ok(world.notes().len())
    });
    let hold = hold.await?;
    let Some(Delivery { street, express }) = ctx.elicit::<Delivery>("Where to?").await?.accepted() else {
        return Ok("declined".to_owned());
    };
    let greeting = ctx.sample(format!("Greet somebody in {street}")).await?.text()?.to_owned();
    if !ctx.confirm("Really?").await? {
        return Ok("changed their mind".to_owned());
    }
    world.note(format!("pay {item}, express: {express}"));
    Ok(format!("{hold} {greeting}"))
}

/// Hold, without a step, and ask.
#[tool]
async fn unguarded(ctx: Context, world: State<World>) -> Result<String> {
    world.note("hold");
    Ok(ctx.sample("anything").await?.text()?.to_owned())
}

/// Ask something else each time.
#[tool]
async fn wander(ctx: Context, world: State<World>) -> Result<String> {
    Ok(ctx.sample(format!("run {}", world.run())).await?.text()?.to_owned())
}

/// Ask something else each time, and something that is the same.
#[tool]
async fn wander_a_bit(ctx: Context, world: State<World>) -> Result<String> {
    let (one, other) = tokio::join!(ctx.sample("the same"), ctx.sample(format!("run {}", world.run().min(2))));
    Ok(format!("{} {}", one?.text()?, other?.text()?))
}

/// Return something else if it ran again.
#[tool]
async fn count_runs(ctx: Context, world: State<World>) -> Result<Json<Value>> {
    let run = world.run();
    ctx.sample("anything").await?;
    Ok(Json(json!({ "run": run, "id": uuid::Uuid::new_v4() })))
}

/// Something new each time, which is right.
#[tool]
async fn identify(ctx: Context, world: State<World>) -> Result<String> {
    let done = world.clone();
    ctx.on_complete(move || async move { done.note("completed") });
    ctx.sample(format!("call {}", ctx.uuid())).await?;
    let id = uuid::Uuid::new_v4();
    world.note(format!("item {id}"));
    Ok(format!("made {id} at {:?}", ctx.now().await?))
}

/// Ask everybody at once.
#[tool]
async fn join(ctx: Context) -> Result<Vec<String>> {
    let (model, yes, page, roots) = tokio::join!(
        ctx.sample("Who are you?"),
        ctx.confirm("Yes?"),
        ctx.elicit_url("Sign in", "https://example.com/"),
        ctx.roots()
    );
    let roots: Vec<String> = roots?.into_iter().map(|root| root.uri).collect();
    Ok(vec![model?.text()?.to_owned(), yes?.to_string(), page?.is_accepted().to_string(), roots.join(" ")])
}

/// What the client can be asked.
#[tool]
fn capabilities(ctx: Context) -> String {
    let it = ctx.client_capabilities();
    format!("{} {} {}", it.sampling.is_some(), it.elicitation.is_some(), it.roots.is_some())
}

/// Ask, and only wait in memory.
#[tool(resume = "parked")]
async fn in_memory(ctx: Context) -> Result<String> {
    Ok(ctx.sample("anything").await?.text()?.to_owned())
}

/// Ask the model, then the user.
#[tool]
async fn model_then_user(ctx: Context) -> Result<bool> {
    ctx.sample("anything").await?;
    Ok(ctx.confirm("Yes?").await?)
}

/// Three questions, and how often the code ran.
#[tool]
async fn thrice(ctx: Context, world: State<World>) -> Result<u32> {
    world.run();
    for number in 0..3 {
        ctx.info(format!("question {number}")).await;
        ctx.sample(format!("{number}")).await?;
    }
    Ok(world.runs())
}

/// Ask, and never return.
#[tool]
async fn hang(ctx: Context, world: State<World>) -> Result<()> {
    struct Guard(State<World>);
    impl Drop for Guard {
        fn drop(&mut self) {
            self.0.dropped.notify_one();
        }
    }
    ctx.sample("anything").await?;
    let _guard = Guard(world.clone());
    world.hanging.notify_one();
    std::future::pending().await
}

/// Keep something in the memory of this server.
#[tool]
fn keep(value: u32, kept: State<AtomicU32>) {
    kept.store(value, Ordering::SeqCst);
}

/// What was kept.
#[tool]
fn kept(kept: State<AtomicU32>) -> u32 {
    kept.load(Ordering::SeqCst)
}

/// Takes what no server here has.
#[tool]
fn misfit(_missing: State<String>) {}

fn server(world: Arc<World>) -> Server {
    Server::new("shop").state(world).state(AtomicU32::new(0)).tools(tools![
        guarded,
        unguarded,
        wander,
        wander_a_bit,
        count_runs,
        identify,
        join,
        capabilities,
        in_memory,
        model_then_user,
        thrice,
        hang,
        keep,
        kept
    ])
}

fn trial() -> Trial<World> {
    checked::trial(World::default, server)
        .model(|request| request.joined_text().to_uppercase())
        .user(|question| match question.message.as_str() {
            "Where to?" => json!({ "street": "Main St", "express": true }),
            _ => json!({}),
        })
        .roots([Root::new("file:///a"), Root::new("file:///b")])
}

/// What a test panics with.
fn complaint(test: impl Future<Output = ()>) -> String {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let panic = catch_unwind(AssertUnwindSafe(|| runtime.block_on(test))).expect_err("it panics");
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).expect("text")
}

async fn check(trial: &Trial<World>, tool: &str) {
    trial.assert_replay_safe(tool, (), async |world| world.notes()).await;
}

#[track_caller]
fn assert_says(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part} is not in:\n{text}");
    }
}

#[tokio::test]
async fn a_tool_gives_one_result_on_every_carrier() {
    let notes = trial()
        .on_every_carrier(async |client, world| {
            let said: String = client.call("guarded", [("item", "lamp")]).await.expect("a result");
            assert_eq!(said, "1 GREET SOMEBODY IN MAIN ST");
            world.notes()
        })
        .await;
    assert_eq!(notes, ["hold lamp", "pay lamp, express: true"]);
}

#[tokio::test]
async fn tools_that_are_safe_pass() {
    trial().assert_replay_safe("guarded", [("item", "lamp")], async |world| world.notes()).await;
    for tool in ["identify", "join", "model_then_user"] {
        check(&trial(), tool).await;
    }
    trial().user_declines().assert_replay_safe("guarded", json!({ "item": "lamp" }), async |_| ()).await;
}

#[test]
fn an_effect_before_a_question_is_found() {
    let said = complaint(async { check(&trial(), "unguarded").await });
    assert_eq!(
        said,
        "`unguarded` does something else when its code runs again than on `push`\n\n\
         on `replayed`, what it left in the world:\n    [\"hold\",\"hold\"] instead of [\"hold\"]\n\n\
         An effect before a question is done again each time the function runs again. Put it into `ctx.step(\"..\", ..)`, \
         which is done once for each call; or do it after the last question; or leave it to `ctx.on_complete(..)`. \
         A system outside that does it can be given `ctx.idempotency_key()`, and then knows the call when it comes again.\n"
    );
}

#[test]
fn a_question_that_depends_on_the_run_is_found() {
    let said = complaint(async { check(&trial(), "wander").await });
    let parts = ["on `replayed`, it ended with an error", "run 1", "run 3", "`ctx.step(..)`", "`.key(\"..\")`"];
    assert_says(&said, &parts);
    assert!(!said.contains("`parked`"), "{said}");
}

#[test]
fn a_question_that_is_asked_again_among_others_is_found() {
    let said = complaint(async { check(&trial(), "wander_a_bit").await });
    assert_says(
        &said,
        &["on `replayed`, what its client was asked", "3 instead of 2", "`sampling/createMessage`", "run 2", "`.key("],
    );
}

#[test]
fn a_result_that_depends_on_the_run_is_found_beside_what_is_new_in_each_call() {
    let said = complaint(async { check(&trial(), "count_runs").await });
    assert_says(&said, &["on `replayed`, its result", "at `/structuredContent/run`: 2 instead of 1", "`ctx.now()`"]);
    assert!(!said.contains("/id"), "{said}");
}

#[test]
fn what_cannot_be_checked_is_said() {
    let said = complaint(async { check(&trial(), "in_memory").await });
    assert_says(&said, &["on `replayed`, it ended with an error", "`#[tool(resume = \"parked\")]` never runs again"]);
    let said = complaint(async { check(&trial(), "capabilities").await });
    assert_says(&said, &["`capabilities` asked its client nothing", "`.model(..)`", "true true true"]);
    let said = complaint(async { check(&trial(), "guarded").await });
    assert_says(&said, &["asked its client nothing", "are its arguments right", "item"]);
    let without_user = || checked::trial(World::default, server).model_says("anything");
    let said = complaint(async { check(&without_user(), "model_then_user").await });
    assert_says(&said, &["`model_then_user` asks for something that the client of this trial has not", "`.user(..)`"]);
}

#[test]
fn a_world_that_is_not_new_is_found() {
    // A database that all runs share.
    let shared = Arc::<World>::default();
    let trial = || {
        let shared = shared.clone();
        checked::trial(move || shared.clone(), |world: Arc<Arc<World>>| server((*world).clone())).model_says("anything")
    };
    for tool in ["unguarded", "identify"] {
        let said = complaint(async { trial().assert_replay_safe(tool, (), async |world| world.notes()).await });
        assert_says(&said, &["the world of a run was not new", "`Trial::new`"]);
    }
}

#[test]
fn a_server_that_does_not_fit_together_is_named() {
    for carrier in Carrier::ALL {
        let said = complaint(async {
            let trial = checked::trial(|| (), |_| Server::new("shop").tools(tools![misfit]));
            trial.on(*carrier, async |_, ()| ()).await;
        });
        assert_says(&said, &["does not fit together", "`misfit`", "`.state(..)`"]);
    }
}

#[tokio::test]
async fn everybody_can_be_asked_at_once() {
    let answers: Vec<String> =
        trial().on_every_carrier(async |client, _| client.call("join", ()).await.expect("answers")).await;
    assert_eq!(answers, ["WHO ARE YOU?", "true", "true", "file:///a file:///b"]);
    let declined = trial().user_declines().model_says("a model");
    let answers: Vec<String> =
        declined.on_every_carrier(async |client, _| client.call("join", ()).await.expect("answers")).await;
    assert_eq!(answers[..3], ["a model", "false", "false"]);
}

#[tokio::test]
async fn a_script_may_say_everything_itself() {
    let trial = checked::trial(World::default, server)
        .model(|_| CreateMessageResult::text("another-model", "HI"))
        .user_says(Delivery { street: "Side St".to_owned(), express: false })
        .assert_declared("true true false")
        .await;
    let notes = trial
        .on_every_carrier(async |client, world| {
            client.call::<String>("guarded", [("item", "lamp")]).await.expect("a result");
            world.notes()
        })
        .await;
    assert_eq!(notes, ["hold lamp", "pay lamp, express: false"]);
    let trial = checked::trial(World::default, server).user(|_| ElicitResult::cancel());
    let _ = trial.assert_declared("false true false").await;
    let _ = checked::trial(World::default, server).assert_declared("false false false").await;
}

trait AssertDeclared {
    async fn assert_declared(self, declared: &str) -> Self;
}

impl AssertDeclared for Trial<World> {
    async fn assert_declared(self, declared: &str) -> Self {
        let said: String =
            self.on_every_carrier(async |client, _| client.call("capabilities", ()).await.expect("a result")).await;
        assert_eq!(said, declared);
        self
    }
}

#[tokio::test]
async fn carriers_are_what_they_are_said_to_be() {
    for (carrier, runs, modern) in [
        (Carrier::Push, 1, false),
        (Carrier::Parked, 1, true),
        (Carrier::Replayed, 4, true),
        (Carrier::Moved, 2, true),
        (Carrier::Task, 1, true),
    ] {
        let heard = Arc::<Mutex<Vec<String>>>::default();
        let trial = trial().client({
            let heard = heard.clone();
            move |client| {
                let heard = heard.clone();
                checked::both(client).on_log(LoggingLevel::Info, move |it| {
                    heard.lock().expect("a lock").push(it.data.as_str().unwrap_or_default().to_owned());
                })
            }
        });
        let counted = trial
            .on(carrier, async |client, _| {
                assert_eq!(client.protocol_version().is_modern(), modern, "{carrier}");
                client.call::<u32>("thrice", ()).await.expect("a result")
            })
            .await;
        assert_eq!(counted, runs, "{carrier}");
        assert_eq!(*heard.lock().expect("a lock"), ["question 0", "question 1", "question 2"], "{carrier}");
    }
}

#[tokio::test]
async fn calls_at_the_same_time_do_not_disturb_each_other() {
    trial()
        .on_every_carrier(async |client, world| {
            let call = || client.call::<u32>("thrice", ());
            let (one, two, tools) = tokio::join!(call(), call(), client.list_tools());
            assert!(one.is_ok() && two.is_ok() && tools.is_ok_and(|it| it.len() == 14));
            assert!(world.runs() >= 2);
        })
        .await;
}

#[tokio::test]
async fn a_call_that_is_dropped_is_cancelled() {
    trial()
        .on_every_carrier(async |client, world| {
            tokio::select! {
                result = client.call_tool("hang", ()) => panic!("{result:?}"),
                () = world.hanging.notified() => {}
            }
            world.dropped.notified().await;
        })
        .await;
}

#[test]
fn what_a_server_keeps_for_itself_is_found() {
    let said = complaint(async {
        let kept = async |client: &mcp_runtime::Client, _: &World| {
            client.call_tool("keep", [("value", 7)]).await.expect("a result");
            client.call::<u32>("kept", ()).await.expect("a result")
        };
        trial().on_every_carrier(kept).await;
    });
    assert_says(
        &said,
        &["on `push`, `parked`, `task`: 7\n", "on `replayed`, `moved`: 0\n", "`Trial::assert_replay_safe`"],
    );
}

#[test]
fn a_server_that_cannot_be_made_again_ends_the_call_and_not_the_time() {
    let said = complaint(async {
        let made = AtomicU32::new(0);
        let trial = checked::trial(World::default, move |world| {
            assert!(made.fetch_add(1, Ordering::SeqCst) < 2, "one too many");
            server(world)
        });
        trial
            .model_says("anything")
            .on(Carrier::Replayed, async |client, _| {
                client.call::<u32>("thrice", ()).await.map_err(|error| error.peer_error().cloned()).expect("a result")
            })
            .await;
    });
    assert_says(&said, &["the function that makes the servers of this trial panicked"]);
}

#[tokio::test]
async fn a_tool_that_may_become_a_task_is_run_as_one_too() {
    let plan = |world: Arc<mcp_tests::World>| mcp_tests::server_in(Arc::default(), Some(world));
    let trial = checked::trial(mcp_tests::World::default, plan).model_says("MINT").user_says(json!({ "size": 12 }));
    let arguments = [("topic", "tea")];
    let planned =
        trial.on_every_carrier(async |client, _| client.call::<String>("plan", arguments).await.expect("a plan")).await;
    assert_eq!(planned, "MINT, MINT (10), size Some(12)");
    let counts = trial
        .on(Carrier::Task, async |client, world| {
            client.call_tool("plan", arguments).await.expect("a plan");
            world.counts()
        })
        .await;
    assert_eq!(counts.values().max(), Some(&1));
}
