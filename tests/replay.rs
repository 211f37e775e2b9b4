//! Calls that go on when nothing of them is left in memory, and what they may do twice.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use mcp_runtime::prelude::*;
use mcp_runtime::{
    Answers, Claim, Claimant, Extensions, MemoryOutcomes, OutcomeStore, Principal, RememberedOutcome, Resume, Ticket,
};
use mcp_tests::over::Over;
use mcp_tests::raw::{Call, Peer, said, shout, text};
use serde_json::{Value, json};
use tokio::sync::Notify;

const KEY: [u8; 32] = [7; 32];

/// Counts what happens in the world outside.
#[derive(Debug, Default)]
struct World {
    before: AtomicU32,
    steps: AtomicU32,
    after: AtomicU32,
    notes: std::sync::Mutex<Vec<String>>,
}

impl World {
    fn counts(&self) -> [u32; 3] {
        [&self.before, &self.steps, &self.after].map(|it| it.load(Ordering::SeqCst))
    }
}

/// Ask twice, with a step before the first question.
#[tool]
async fn twice(ctx: Context, world: State<World>) -> Result<String> {
    world.before.fetch_add(1, Ordering::SeqCst);
    ctx.info("begun").await;
    let step = ctx.step("count", async || Ok(world.steps.fetch_add(1, Ordering::SeqCst) + 1)).await?;
    let one = ctx.sample("one").await?.text()?.to_owned();
    ctx.info("half").await;
    let two = ctx.sample(format!("two {one}")).await?.text()?.to_owned();
    world.after.fetch_add(1, Ordering::SeqCst);
    Ok(format!("{step} {two}"))
}

/// The same, only from the state.
#[tool(resume = "replay")]
async fn twice_from_state(ctx: Context, world: State<World>) -> Result<String> {
    twice(ctx, world).await
}

/// The same, only in memory.
#[tool(resume = "parked")]
async fn twice_in_memory(ctx: Context, world: State<World>) -> Result<String> {
    twice(ctx, world).await
}

fn server(world: &Arc<World>) -> Server {
    let tools = tools![
        twice,
        twice_from_state,
        twice_in_memory,
        steps,
        wander,
        nest,
        endless,
        unwritable,
        keyed,
        two_named,
        slow_step,
        complete,
        identify,
        ask_in_step,
        two_answers
    ];
    Server::new("replica").state_key(KEY).state(world.clone()).tools(tools)
}

fn log_meta() -> Value {
    let mut meta = mcp_tests::raw::meta();
    meta["io.modelcontextprotocol/logLevel"] = json!("info");
    meta
}

fn heard(peer: &mut Peer) -> Vec<String> {
    peer.heard.drain(..).map(|it| it["params"]["data"].as_str().unwrap_or_default().to_owned()).collect()
}

async fn a_call_that_another_replica_continues_gives_the_same_result(over: Over) {
    let world = Arc::<World>::default();
    let mut call = Call::new("twice", json!({}));
    call.params.insert("_meta".to_owned(), log_meta());
    let mut said = Vec::new();
    let mut results = Vec::new();
    for round in 1..=3 {
        let mut replica = Peer::start_over(over, server(&world));
        let result = replica.call(&call).await.expect("a result");
        said.push(heard(&mut replica));
        if round < 3 {
            call = call.next(&result, shout);
        }
        results.push(result);
        replica.kill().await;
    }
    assert_eq!(text(&results[2]), "1 TWO ONE");
    assert_eq!(world.counts(), [3, 1, 1], "what is no step runs again, a step does not");
    assert_eq!(said, [vec!["begun"], vec!["half"], vec![]], "nothing is said twice");
}

/// Ask two things that have names.
#[tool]
async fn two_named(ctx: Context) -> Result<String> {
    let (one, two) = tokio::join!(ctx.sample("one").key("one"), ctx.sample("two").key("two"));
    let three = ctx.sample("three").await?.text()?.to_owned();
    Ok(format!("{} {} {three}", one?.text()?, two?.text()?))
}

#[tokio::test]
async fn answers_that_come_before_they_are_asked_for_are_taken() {
    for resume in [Resume::Auto, Resume::Replay, Resume::Parked] {
        let mut peer = Peer::start(server(&Arc::default()).resume(resume));
        let mut first = Call::new("two_named", json!({}));
        let answers = json!({ "one": said("1"), "two": 12345, "unknown": said("4") });
        first.params.insert("inputResponses".to_owned(), answers);
        let asked = peer.call(&first).await.expect("a result");
        let open: Vec<_> = asked["inputRequests"].as_object().into_iter().flatten().map(|(key, _)| &**key).collect();
        assert_eq!(open, ["two"], "{resume:?}: what was answered is not asked, and what is no answer is");
        let second = first.next(&asked, |_, _| Some(said("2")));
        let third = second.next(&peer.call(&second).await.expect("a result"), |_, _| Some(said("3")));
        assert_eq!(text(&peer.call(&third).await.expect("a result")), "1 2 3", "{resume:?}");
    }
}

async fn a_tool_that_never_parks_runs_from_the_top_each_round(over: Over) {
    let world = Arc::<World>::default();
    let server = server(&world);
    let metrics = server.metrics();
    let mut peer = Peer::start_over(over, server);
    let mut call = Call::new("twice_from_state", json!({}));
    for _ in 0..2 {
        call = call.next(&peer.call(&call).await.expect("a result"), shout);
    }
    assert_eq!(text(&peer.call(&call).await.expect("a result")), "1 TWO ONE");
    assert_eq!(world.counts(), [3, 1, 1]);
    assert_eq!((metrics.parked(), metrics.replayed(), metrics.resumed()), (0, 2, 0));
}

async fn a_tool_that_only_parks_says_so_when_it_is_gone(over: Over) {
    let world = Arc::<World>::default();
    let mut peer = Peer::start_over(over, server(&world));
    let first = Call::new("twice_in_memory", json!({}));
    let asked = peer.call(&first).await.expect("a result");
    let state = asked["requestState"].as_str().expect("a state");
    assert!(state.len() < 120, "nothing is remembered in it: {state}");
    let call = first.next(&asked, shout);
    let asked = peer.call(&call).await.expect("a result");
    peer.kill().await;
    let mut other = Peer::start_over(over, server(&world));
    let error = other.call(&call.next(&asked, shout)).await.expect_err("it is gone");
    assert_eq!(error["code"], -32603);
    assert!(error["message"].as_str().is_some_and(|it| it.contains("cannot be continued")), "{error}");
    assert_eq!(world.counts(), [1, 1, 0]);
}

async fn an_evicted_call_runs_again(over: Over) {
    let world = Arc::<World>::default();
    let server = server(&world).max_parked_calls(0);
    let metrics = server.metrics();
    let mut peer = Peer::start_over(over, server);
    let mut call = Call::new("twice", json!({}));
    for _ in 0..2 {
        call = call.next(&peer.call(&call).await.expect("a result"), shout);
    }
    assert_eq!(text(&peer.call(&call).await.expect("a result")), "1 TWO ONE");
    assert_eq!(world.counts(), [3, 1, 1]);
    assert_eq!((metrics.evicted(), metrics.replayed(), metrics.parked_now()), (2, 2, 0));
}

async fn a_reply_that_got_lost_is_given_again_without_running_again(over: Over) {
    let (world, outcomes) = (Arc::<World>::default(), MemoryOutcomes::default());
    let mut one = Peer::start_over(over, server(&world).outcomes(outcomes.clone()));
    let first = Call::new("twice", json!({}));
    let second = first.next(&one.call(&first).await.expect("a result"), shout);
    let asked = one.call(&second).await.expect("a result");
    // Lost; the client asks again, here and elsewhere.
    let mut other = Peer::start_over(over, server(&world).outcomes(outcomes));
    for peer in [&mut one, &mut other] {
        assert_eq!(peer.call(&second).await.as_ref(), Ok(&asked), "the same questions and state");
    }
    let third = second.next(&asked, shout);
    assert_eq!(text(&other.call(&third).await.expect("a result")), "1 TWO ONE");
    for peer in [&mut one, &mut other] {
        assert_eq!(text(&peer.call(&third).await.expect("a result")), "1 TWO ONE");
    }
    // The second replica had to run it once more from the top, and nobody ran the end twice.
    assert_eq!(world.counts(), [2, 1, 1]);
    let others = second.next(&asked, |_, _| Some(said("something else")));
    for peer in [&mut one, &mut other] {
        let error = peer.call(&others).await.expect_err("other answers");
        assert_eq!(error["code"], -32602, "{error}");
    }
}

/// Something that takes a while, after a question.
#[tool]
async fn slow_step(ctx: Context, world: State<World>) -> Result<String> {
    let answer = ctx.sample("before").await?.text()?.to_owned();
    world.after.fetch_add(1, Ordering::SeqCst);
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    Ok(answer)
}

async fn two_identical_retries_at_the_same_time_run_the_call_once(over: Over) {
    for resume in [Resume::Auto, Resume::Replay] {
        let (world, outcomes) = (Arc::<World>::default(), MemoryOutcomes::default());
        let replica = || Peer::start_over(over, server(&world).resume(resume).outcomes(outcomes.clone()));
        let (mut one, mut other) = (replica(), replica());
        let first = Call::new("slow_step", json!({}));
        let retry = first.next(&one.call(&first).await.expect("a result"), shout);
        let (id, again) =
            (one.send("tools/call", retry.params.clone()).await, one.send("tools/call", retry.params.clone()).await);
        let elsewhere = other.call(&retry).await.expect("a result");
        for id in [id, again] {
            assert_eq!(one.receive(id).await.expect("a result"), elsewhere, "{resume:?}");
        }
        assert_eq!(text(&elsewhere), "BEFORE");
        assert_eq!(world.after.load(Ordering::SeqCst), 1, "{resume:?}");
    }
}

/// Steps in a loop, and at the same time.
#[tool]
async fn steps(ctx: Context, world: State<World>) -> Result<Vec<u32>> {
    let count = async || Ok(world.steps.fetch_add(1, Ordering::SeqCst) + 1);
    let mut all = Vec::new();
    for _ in 0..2 {
        all.push(ctx.step("loop", count).await?);
        ctx.sample("next").await?;
    }
    let (one, other) = tokio::join!(ctx.step("loop", count), ctx.step("other", count));
    all.extend([one?, other?]);
    ctx.sample("last").await?;
    Ok(all)
}

async fn run(call: Call, mut replica: impl FnMut() -> Peer) -> Result<Value, Value> {
    let mut call = call;
    loop {
        let mut peer = replica();
        let result = peer.call(&call).await;
        peer.kill().await;
        match result {
            Ok(asked) if asked["resultType"] == "input_required" => call = call.next(&asked, shout),
            other => return other,
        }
    }
}

async fn steps_are_known_by_name_and_occurrence(over: Over) {
    let world = Arc::<World>::default();
    let result = run(Call::new("steps", json!({})), || Peer::start_over(over, server(&world))).await.expect("a result");
    assert_eq!(result["structuredContent"], json!({ "result": [1, 2, 3, 4] }));
    assert_eq!(world.steps.load(Ordering::SeqCst), 4);
}

/// Asks something else each time it runs.
#[tool]
async fn wander(ctx: Context, world: State<World>) -> Result<String> {
    let now = world.before.fetch_add(1, Ordering::SeqCst);
    Ok(ctx.sample(format!("question {now}")).await?.text()?.to_owned())
}

async fn a_run_that_does_not_ask_what_it_had_asked_is_told_how_to_mend_it(over: Over) {
    let world = Arc::<World>::default();
    let error =
        run(Call::new("wander", json!({})), || Peer::start_over(over, server(&world))).await.expect_err("it diverged");
    let message = error["message"].as_str().expect("text");
    for part in ["`wander`", "question 0", "question 2", "`ctx.step(..)`", "`.key(\"..\")`"] {
        assert!(message.contains(part), "{part}: {message}");
    }
    assert_eq!(world.before.load(Ordering::SeqCst), 3, "once may be chance, but it is not asked on and on");
}

/// Asks something else each time it runs, and says that it is the same.
#[tool]
async fn keyed(ctx: Context, world: State<World>) -> Result<String> {
    let now = world.before.fetch_add(1, Ordering::SeqCst);
    Ok(ctx.sample(format!("question {now}")).key("the question").await?.text()?.to_owned())
}

async fn a_question_with_a_key_is_the_same_whatever_it_asks(over: Over) {
    let world = Arc::<World>::default();
    let result = run(Call::new("keyed", json!({})), || Peer::start_over(over, server(&world))).await.expect("a result");
    assert_eq!(text(&result), "QUESTION 0");
}

/// A step inside of a step.
#[tool]
async fn nest(ctx: Context) -> Result<u8> {
    ctx.step("outer", async || ctx.step("inner", async || Ok(1)).await).await
}

/// A step whose result is no JSON.
#[tool]
async fn unwritable(ctx: Context) -> Result<()> {
    let pairs = ctx.step("pairs", async || Ok(std::collections::HashMap::from([((1, 2), 3)]))).await?;
    drop(pairs);
    Ok(())
}

async fn what_steps_cannot_do_is_said(over: Over) {
    let mut peer = Peer::start_over(over, server(&Arc::default()));
    for (tool, said) in
        [("nest", "step `inner` stands inside of step `outer`"), ("unwritable", "cannot be written as JSON")]
    {
        let result = peer.call(&Call::new(tool, json!({}))).await.expect("a result");
        assert!(result["isError"] == true && text(&result).contains(said), "{result}");
    }
}

/// Asks for ever.
#[tool]
async fn endless(ctx: Context) -> Result<()> {
    for number in 0.. {
        ctx.sample(format!("{number}")).await?;
    }
    Ok(())
}

async fn rounds_and_states_are_bounded(over: Over) {
    let rounds = AtomicU32::new(0);
    let replica = || {
        rounds.fetch_add(1, Ordering::SeqCst);
        Peer::start_over(over, server(&Arc::default()).max_rounds(5))
    };
    let error = run(Call::new("endless", json!({})), replica).await.expect_err("too many rounds");
    assert!(error["message"].as_str().is_some_and(|it| it.contains("more than 5 rounds")), "{error}");
    assert_eq!(rounds.load(Ordering::SeqCst), 6);
    let replica = || Peer::start_over(over, server(&Arc::default()).max_state_bytes(1_000));
    let error = run(Call::new("endless", json!({})), replica).await.expect_err("too large");
    assert!(error["message"].as_str().is_some_and(|it| it.contains("`Server::max_state_bytes`")), "{error}");
}

/// Effects for when the call is complete.
#[tool]
async fn complete(fails: bool, ctx: Context, world: State<World>) -> Result<String> {
    for note in ["one", "two"] {
        let world = world.clone();
        ctx.on_complete(move || async move { world.notes.lock().expect("a lock").push(note.to_owned()) });
    }
    ctx.sample("anything").await?;
    if fails {
        Err(ToolError::new("no"))?
    }
    Ok("done".to_owned())
}

async fn effects_of_a_complete_call_happen_once_and_in_order_and_only_then(over: Over) {
    for (fails, expected) in [(false, vec!["one", "two"]), (true, vec![])] {
        let world = Arc::<World>::default();
        run(Call::new("complete", json!({ "fails": fails })), || Peer::start_over(over, server(&world)))
            .await
            .expect("a result");
        assert_eq!(*world.notes.lock().expect("a lock"), expected);
    }
}

/// What is the same in every run.
#[tool]
async fn identify(ctx: Context, world: State<World>) -> Result<()> {
    let seen = format!("{} {} {} {:?}", ctx.idempotency_key(), ctx.uuid(), ctx.uuid(), ctx.now().await?);
    world.notes.lock().expect("a lock").push(seen);
    ctx.sample("anything").await?;
    Ok(())
}

async fn identity_time_and_identifiers_are_the_same_in_every_run_and_others_in_other_calls(over: Over) {
    let world = Arc::<World>::default();
    for _ in 0..2 {
        run(Call::new("identify", json!({})), || Peer::start_over(over, server(&world))).await.expect("a result");
    }
    let notes = world.notes.lock().expect("a lock");
    let [first, again, other, _] = &notes[..] else { panic!("{notes:?}") };
    assert_eq!(first, again);
    let words = |note: &str| note.split(' ').map(str::to_owned).collect::<Vec<_>>();
    let (first, other) = (words(first), words(other));
    for (place, word) in first.iter().enumerate().take(3) {
        assert!(
            !other.contains(word) && first.iter().filter(|it| *it == word).count() == 1,
            "{place} {first:?} {other:?}"
        );
        assert!(uuid::Uuid::parse_str(word).is_ok_and(|it| it.get_version_num() == 8), "{word}");
    }
}

/// A question inside of a step.
#[tool(resume = "replay")]
async fn ask_in_step(ctx: Context, world: State<World>) -> Result<String> {
    ctx.step("ask", async || {
        world.steps.fetch_add(1, Ordering::SeqCst);
        Ok(ctx.sample("inside").await?.text()?.to_owned())
    })
    .await
}

async fn a_question_inside_of_a_step_ends_the_round_as_others_do(over: Over) {
    let world = Arc::<World>::default();
    let result =
        run(Call::new("ask_in_step", json!({})), || Peer::start_over(over, server(&world))).await.expect("a result");
    assert_eq!(text(&result), "INSIDE");
    assert_eq!(world.steps.load(Ordering::SeqCst), 2);
}

/// Two questions at once, each followed by a step.
#[tool]
async fn two_answers(ctx: Context, world: State<World>) -> Result<String> {
    let branch = async |name: &'static str| -> Result<String> {
        let answer = ctx.sample(name).await?.text()?.to_owned();
        ctx.step(name, async || Ok(world.steps.fetch_add(1, Ordering::SeqCst))).await?;
        Ok(answer)
    };
    let (one, two) = tokio::join!(branch("a"), branch("b"));
    Ok(one? + &two?)
}

async fn answers_that_are_missing_are_asked_for_again_and_those_given_are_not(over: Over) {
    for resume in [Resume::Auto, Resume::Parked, Resume::Replay] {
        let world = Arc::<World>::default();
        let mut peer = Peer::start_over(over, server(&world).resume(resume));
        let first = Call::new("two_answers", json!({}));
        let only = |wanted: &'static str| {
            move |method: &str, params: &Value| {
                (params["messages"][0]["content"]["text"] == wanted).then(|| shout(method, params)).flatten()
            }
        };
        let asked = peer.call(&first).await.expect("a result");
        let second = first.next(&asked, only("b"));
        let asked = peer.call(&second).await.expect("a result");
        assert_eq!(asked["inputRequests"].as_object().map(|it| it.len()), Some(1), "{resume:?} {asked}");
        let third = second.next(&asked, only("a"));
        assert_eq!(text(&peer.call(&third).await.expect("a result")), "AB", "{resume:?}");
        assert_eq!(world.steps.load(Ordering::SeqCst), 2, "{resume:?}");
    }
}

/// Completes between rounds, without the answer.
#[tool]
async fn early(ctx: Context, world: State<World>, go: State<Notify>) -> Result<String> {
    tokio::select! {
        _ = ctx.sample("never mind") => {}
        () = go.notified() => {}
    }
    world.after.fetch_add(1, Ordering::SeqCst);
    Ok("early".to_owned())
}

async fn a_call_that_completes_between_rounds_is_there_for_the_next_one_and_those_that_repeat_it(over: Over) {
    let (world, go) = (Arc::<World>::default(), Arc::new(Notify::new()));
    let server = Server::new("t").state(world.clone()).state(go.clone()).tools(tools![early]);
    let mut peer = Peer::start_over(over, server);
    let first = Call::new("early", json!({}));
    let asked = peer.call(&first).await.expect("a result");
    go.notify_one();
    while world.after.load(Ordering::SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
    let second = first.next(&asked, shout);
    for _ in 0..3 {
        assert_eq!(text(&peer.call(&second).await.expect("a result")), "early");
    }
    assert_eq!(world.after.load(Ordering::SeqCst), 1);
}

async fn states_are_refused_alike_before_any_code_runs(over: Over) {
    let world = Arc::<World>::default();
    let mut peer = Peer::start_over(over, server(&world).previous_state_keys([[8; 32]]));
    let first = Call::new("twice", json!({}));
    let asked = peer.call(&first).await.expect("a result");
    let good = first.next(&asked, shout);
    let state = asked["requestState"].as_str().expect("a state").to_owned();
    let with = |change: &dyn Fn(&mut serde_json::Map<String, Value>)| {
        let mut call = good.clone();
        change(&mut call.params);
        call
    };
    let mut attacks = vec![
        ("another tool", with(&|it| it["name"] = json!("steps"))),
        ("other arguments", with(&|it| it["arguments"] = json!({ "a": 1 }))),
        ("nothing", with(&|it| it["requestState"] = json!(""))),
        ("extended", with(&|it| it["requestState"] = json!(format!("{state}AAAA")))),
        ("truncated", with(&|it| it["requestState"] = json!(&state[..state.len() - 4]))),
    ];
    for place in 0..state.len() {
        let other = if &state[place..=place] == "A" { "B" } else { "A" };
        let mut flipped = state.clone();
        flipped.replace_range(place..=place, other);
        attacks.push(("flipped", with(&|it| it["requestState"] = json!(flipped))));
    }
    let elsewhere = [
        ("another server", Server::new("other").state_key(KEY).state(world.clone()).tools(tools![twice])),
        ("another key", Server::new("replica").state_key([9; 32]).state(world.clone()).tools(tools![twice])),
    ];
    let mut errors = Vec::new();
    for (what, call) in &attacks {
        errors.push((*what, peer.call(call).await.expect_err(what)));
    }
    for (what, server) in elsewhere {
        errors.push((what, Peer::start_over(over, server).call(&good).await.expect_err(what)));
    }
    let uniform = errors[0].1.clone();
    assert_eq!(uniform["code"], -32602);
    for (what, error) in errors {
        assert_eq!(error, uniform, "{what}");
    }
    assert_eq!(world.counts(), [1, 1, 0], "no code ran");
    let rotated = Server::new("replica").state_key([8; 32]).previous_state_keys([KEY]).state(world.clone());
    let mut rotated = Peer::start_over(over, rotated.tools(tools![twice]));
    assert_eq!(rotated.call(&good).await.expect("a result")["resultType"], "input_required", "a previous key opens");
}

async fn a_state_expires(over: Over) {
    let world = Arc::<World>::default();
    let mut peer = Peer::start_over(over, server(&world).state_timeout(Duration::from_millis(50)));
    let first = Call::new("twice", json!({}));
    let retry = first.next(&peer.call(&first).await.expect("a result"), shout);
    // Its time is real time, which nobody can pause.
    tokio::time::sleep(Duration::from_millis(60)).await;
    assert_eq!(peer.call(&retry).await.expect_err("it expired")["code"], -32602);
    assert_eq!(world.counts(), [1, 1, 0]);
}

async fn a_round_that_was_cancelled_runs_again_when_it_is_repeated(over: Over) {
    let world = Arc::<World>::default();
    let mut peer = Peer::start_over(over, server(&world));
    let first = Call::new("twice", json!({}));
    let retry = first.next(&peer.call(&first).await.expect("a result"), shout);
    let id = peer.send("tools/call", retry.params.clone()).await;
    peer.cancel(id).await;
    let asked = peer.call(&retry).await.expect("a result");
    let last = retry.next(&asked, shout);
    assert_eq!(text(&peer.call(&last).await.expect("a result")), "1 TWO ONE");
    assert_eq!(world.steps.load(Ordering::SeqCst), 1);
}

async fn a_call_may_come_back_to_a_replica_that_others_have_overtaken(over: Over) {
    let world = Arc::<World>::default();
    let (mut one, mut other) = (Peer::start_over(over, server(&world)), Peer::start_over(over, server(&world)));
    let first = Call::new("twice", json!({}));
    let second = first.next(&one.call(&first).await.expect("a result"), shout);
    let third = second.next(&other.call(&second).await.expect("a result"), shout);
    assert_eq!(text(&one.call(&third).await.expect("a result")), "1 TWO ONE");
    assert_eq!(world.steps.load(Ordering::SeqCst), 1);
}

/// A step that fails at first.
#[tool]
async fn try_again(ctx: Context, world: State<World>) -> Result<u32> {
    let attempt = async || match world.steps.fetch_add(1, Ordering::SeqCst) {
        0 => Err(ToolError::new("not yet")),
        attempts => Ok(attempts),
    };
    let done = match ctx.step("try", attempt).await {
        Ok(done) => done,
        Err(_) => ctx.step("try", attempt).await?,
    };
    ctx.sample("anything").await?;
    Ok(done)
}

async fn a_step_that_worked_at_the_second_try_is_not_tried_again(over: Over) {
    let world = Arc::<World>::default();
    let replica =
        || Peer::start_over(over, Server::new("t").state_key(KEY).state(world.clone()).tools(tools![try_again]));
    let result = run(Call::new("try_again", json!({})), replica).await.expect("a result");
    assert_eq!((text(&result).as_str(), world.steps.load(Ordering::SeqCst)), ("1", 2));
}

/// Returns at once, and leaves something to be done.
#[tool]
fn at_once(ctx: Context, world: State<World>) -> u8 {
    ctx.on_complete(move || async move { _ = world.after.fetch_add(1, Ordering::SeqCst) });
    1
}

async fn effects_of_a_tool_that_never_waits_happen_too(over: Over) {
    let world = Arc::<World>::default();
    let mut peer = Peer::start_over(over, Server::new("t").state(world.clone()).tools(tools![at_once]));
    assert_eq!(text(&peer.call(&Call::new("at_once", json!({}))).await.expect("a result")), "1");
    assert_eq!(world.after.load(Ordering::SeqCst), 1);
}

/// An identifier inside of a step, and one outside.
#[tool]
async fn identifiers(ctx: Context, world: State<World>) -> Result<Vec<String>> {
    let inside = ctx.step("create", async || Ok(ctx.uuid())).await?;
    let outside = ctx.uuid();
    world.notes.lock().expect("a lock").push(outside.clone());
    ctx.sample("anything").await?;
    Ok(vec![inside, outside])
}

async fn identifiers_of_a_step_that_is_not_done_again_are_not_given_to_others(over: Over) {
    let world = Arc::<World>::default();
    let replica =
        || Peer::start_over(over, Server::new("t").state_key(KEY).state(world.clone()).tools(tools![identifiers]));
    let result = run(Call::new("identifiers", json!({})), replica).await.expect("a result");
    let notes = world.notes.lock().expect("a lock");
    let [first, again] = &notes[..] else { panic!("{notes:?}") };
    assert_eq!(first, again);
    assert_ne!(result["structuredContent"]["result"][0], json!(first), "the one inside is another");
}

#[tokio::test(start_paused = true)]
async fn a_call_that_completed_between_rounds_is_there_as_long_as_its_ticket() {
    let (world, go) = (Arc::<World>::default(), Arc::new(Notify::new()));
    let server = Server::new("t").state(world.clone()).state(go.clone()).tools(tools![early]);
    let mut peer = Peer::start(server.parked_timeout(Duration::from_secs(60)));
    let first = Call::new("early", json!({}));
    let second = first.next(&peer.call(&first).await.expect("a result"), shout);
    go.notify_one();
    tokio::time::sleep(Duration::from_secs(1_000)).await;
    assert_eq!(text(&peer.call(&second).await.expect("a result")), "early");
    assert_eq!(world.after.load(Ordering::SeqCst), 1);
}

/// Gives up a question when the test says so, and asks another one.
#[tool]
async fn give_up(ctx: Context, go: State<Notify>) -> Result<String> {
    tokio::select! {
        answer = ctx.sample("first") => return Ok(answer?.text()?.to_owned()),
        () = go.notified() => {}
    }
    Ok(ctx.sample("second").await?.text()?.to_owned())
}

async fn a_run_that_starts_over_gives_up_what_was_given_up(over: Over) {
    let go = Arc::new(Notify::new());
    let server = || Server::new("t").state_key(KEY).state(go.clone()).tools(tools![give_up]);
    let mut one = Peer::start_over(over, server());
    let first = Call::new("give_up", json!({}));
    let asked = one.call(&first).await.expect("a result");
    go.notify_one();
    // The client has nothing to say to the first one any more.
    let second = first.next(&asked, |_, _| None);
    let mut asked = one.call(&second).await.expect("a result");
    if asked["inputRequests"].to_string().contains("first") {
        // The retry was faster than the signal.
        asked = one.call(&second.next(&asked, |_, _| None)).await.expect("a result");
    }
    assert!(asked["inputRequests"].to_string().contains("second"), "{asked}");
    let third = second.next(&asked, shout);
    one.kill().await;
    go.notify_one();
    assert_eq!(text(&Peer::start_over(over, server()).call(&third).await.expect("a result")), "SECOND");
}

/// A store that is elsewhere: everything takes a while.
#[derive(Debug, Default)]
struct Elsewhere {
    memory: MemoryOutcomes,
    fails: std::sync::atomic::AtomicBool,
    committing: Notify,
}

type BoxError = Box<dyn std::error::Error + Send + Sync>;

impl OutcomeStore for Elsewhere {
    async fn claim(&self, ticket: Ticket, answers: Answers, claimant: Claimant) -> Result<Claim, BoxError> {
        tokio::task::yield_now().await;
        if self.fails.load(Ordering::SeqCst) {
            return Err("out of reach".into());
        }
        self.memory.claim(ticket, answers, claimant).await
    }

    async fn commit(
        &self,
        ticket: Ticket,
        claimant: Claimant,
        outcome: Arc<RememberedOutcome>,
        time: Duration,
    ) -> Result<(), BoxError> {
        self.committing.notify_one();
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        // As it would come back from somewhere else.
        let outcome = RememberedOutcome::from_bytes(&outcome.to_bytes())?;
        self.memory.commit(ticket, claimant, Arc::new(outcome), time).await
    }

    async fn release(&self, ticket: Ticket, claimant: Claimant) {
        tokio::task::yield_now().await;
        self.memory.release(ticket, claimant).await;
    }
}

async fn a_store_that_is_elsewhere_is_waited_for(over: Over) {
    for resume in [Resume::Auto, Resume::Replay] {
        let (world, store) = (Arc::<World>::default(), Arc::new(Elsewhere::default()));
        let replica = || Peer::start_over(over, server(&world).resume(resume).outcomes(store.clone()));
        let (mut one, mut other) = (replica(), replica());
        let first = Call::new("twice", json!({}));
        let second = first.next(&one.call(&first).await.expect("a result"), shout);
        let asked = one.call(&second).await.expect("a result");
        assert_eq!(other.call(&second).await.as_ref(), Ok(&asked), "{resume:?}");
        let third = second.next(&asked, shout);
        store.fails.store(true, Ordering::SeqCst);
        let error = one.call(&third).await.expect_err("it cannot be looked up");
        assert_eq!(error["code"], -32603, "{error}");
        store.fails.store(false, Ordering::SeqCst);
        // Cancelled in the middle of a commit: the outcome is there all the same.
        let id = one.send("tools/call", third.params.clone()).await;
        store.committing.notified().await;
        store.committing.notified().await;
        one.cancel(id).await;
        for peer in [&mut one, &mut other] {
            assert_eq!(text(&peer.call(&third).await.expect("a result")), "1 TWO ONE", "{resume:?}");
        }
        assert_eq!(world.after.load(Ordering::SeqCst), 1, "{resume:?}");
    }
}

/// A store with a mistake in it.
#[derive(Debug)]
struct Broken;

impl OutcomeStore for Broken {
    async fn claim(&self, _: Ticket, _: Answers, _: Claimant) -> Result<Claim, BoxError> {
        panic!("a mistake in the store")
    }

    async fn commit(&self, _: Ticket, _: Claimant, _: Arc<RememberedOutcome>, _: Duration) -> Result<(), BoxError> {
        panic!("a mistake in the store")
    }

    async fn release(&self, _: Ticket, _: Claimant) {
        panic!("a mistake in the store")
    }
}

async fn a_store_that_panics_fails_the_round_and_not_the_connection(over: Over) {
    let world = Arc::<World>::default();
    let mut peer = Peer::start_over(over, server(&world).outcomes(Broken));
    let first = Call::new("twice", json!({}));
    let second = first.next(&peer.call(&first).await.expect("a result"), shout);
    let error = peer.call(&second).await.expect_err("it cannot be looked up");
    assert_eq!(error["code"], -32603, "{error}");
    assert!(!error.to_string().contains("a mistake in the store"), "{error}");
    assert!(peer.call(&first).await.is_ok(), "the connection goes on");
}

#[tokio::test]
async fn a_state_is_of_no_use_to_another_principal() {
    let world = Arc::<World>::default();
    let connect = |name: Option<&str>| {
        let extensions = name.map(|name| Extensions::new().with(Principal::new(name))).unwrap_or_default();
        Peer::start_with(server(&world), extensions)
    };
    let mut ada = connect(Some("ada"));
    let first = Call::new("twice", json!({}));
    let second = first.next(&ada.call(&first).await.expect("a result"), shout);
    for other in [Some("bob"), None] {
        assert_eq!(connect(other).call(&second).await.expect_err("it is not theirs")["code"], -32602, "{other:?}");
    }
    assert_eq!(connect(Some("ada")).call(&second).await.expect("a result")["resultType"], "input_required");
}

async fn a_client_that_can_no_longer_be_asked_ends_what_asks_it(over: Over) {
    for moved in [false, true] {
        let world = Arc::<World>::default();
        let mut peer = Peer::start_over(over, server(&world));
        let first = Call::new("twice", json!({}));
        let mut second = first.next(&peer.call(&first).await.expect("a result"), shout);
        if moved {
            peer.kill().await;
            peer = Peer::start_over(over, server(&world));
        }
        let mut meta = mcp_tests::raw::meta();
        meta["io.modelcontextprotocol/clientCapabilities"] = json!({});
        second.params.insert("_meta".to_owned(), meta);
        let error = peer.call(&second).await.expect_err("it cannot be asked the second question");
        assert_eq!(error["code"], -32021, "{moved} {error}");
    }
}

mcp_tests::over_every_transport! {
    a_call_that_another_replica_continues_gives_the_same_result,
    a_tool_that_never_parks_runs_from_the_top_each_round,
    a_tool_that_only_parks_says_so_when_it_is_gone,
    an_evicted_call_runs_again,
    a_reply_that_got_lost_is_given_again_without_running_again,
    two_identical_retries_at_the_same_time_run_the_call_once,
    steps_are_known_by_name_and_occurrence,
    a_run_that_does_not_ask_what_it_had_asked_is_told_how_to_mend_it,
    a_question_with_a_key_is_the_same_whatever_it_asks,
    what_steps_cannot_do_is_said,
    rounds_and_states_are_bounded,
    effects_of_a_complete_call_happen_once_and_in_order_and_only_then,
    identity_time_and_identifiers_are_the_same_in_every_run_and_others_in_other_calls,
    a_question_inside_of_a_step_ends_the_round_as_others_do,
    answers_that_are_missing_are_asked_for_again_and_those_given_are_not,
    a_call_that_completes_between_rounds_is_there_for_the_next_one_and_those_that_repeat_it,
    states_are_refused_alike_before_any_code_runs,
    a_state_expires,
    a_round_that_was_cancelled_runs_again_when_it_is_repeated,
    a_call_may_come_back_to_a_replica_that_others_have_overtaken,
    a_step_that_worked_at_the_second_try_is_not_tried_again,
    effects_of_a_tool_that_never_waits_happen_too,
    identifiers_of_a_step_that_is_not_done_again_are_not_given_to_others,
    a_run_that_starts_over_gives_up_what_was_given_up,
    a_store_that_is_elsewhere_is_waited_for,
    a_store_that_panics_fails_the_round_and_not_the_connection,
    a_client_that_can_no_longer_be_asked_ends_what_asks_it,
}
