//! Random tools on random schedules. Whatever clients, networks and servers do to a call between its
//! rounds, it ends as it does for a client that can be asked in the middle of it, and what it has
//! done once is not done again.
//!
//! A case is printed as it can be written, so that one that fails becomes a test by being pasted
//! into [`found`]. `PROPTEST_CASES` says how many cases are tried.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;

use mcp_runtime::client::Era;
use mcp_runtime::prelude::*;
use mcp_runtime::{
    Answers, Claim, Claimant, Extensions, MemoryOutcomes, OutcomeStore, RememberedOutcome, Resume, Ticket,
};
use mcp_tests::checked;
use mcp_tests::raw::{Call, Peer, said};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::task::yield_now;

use Do::*;
use Move::*;

// ---- What is tried ----

/// A tool: what it does, one thing inside of the other. Small numbers name texts, steps and times
/// that something else may go on in the meantime.
#[derive(Clone, Debug)]
enum Do {
    /// One after the other.
    Seq(List<Do>),
    /// At the same time; two by `tokio::join!`, which begins with another branch each time.
    Join(List<Do>),
    /// Several times.
    Loop(u8, Box<Do>),
    /// Ask the model something that others may ask too.
    Ask(u8),
    /// The same, under a key that others may use, too.
    AskKeyed(u8),
    /// Ask what depends on all earlier answers.
    AskAbout,
    /// The same, under a key of its own.
    AskAboutKeyed,
    Confirm(u8),
    Elicit(u8),
    /// Ask, and do not wait for the answer.
    Glance(u8),
    /// A step, and how long it takes.
    Step(u8, u8),
    /// A step that asks.
    StepAsks(u8),
    /// A step that fails, which the tool does not mind.
    StepFails(u8),
    /// A step that fails the first time, and is tried once more.
    StepFlaky,
    /// An effect on a system that knows keys which it was given before.
    Pay,
    Log,
    /// Let others go on for a while.
    Wait(u8),
    /// Be done.
    Return,
    /// Be done, badly.
    Fail,
}

/// A whole case.
#[derive(Clone, Debug)]
struct Case {
    tool: Do,
    resume: Resume,
    stores: Stores,
    /// Which of the replicas cannot park anything.
    evicting: [bool; REPLICAS],
    rounds: List<Round>,
}

const REPLICAS: usize = 3;

/// Where outcomes are remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stores {
    /// In a place that all replicas use.
    Shared,
    /// In one that takes its time.
    Slow(u8),
    /// Each replica for itself.
    Own,
}

/// How the client and the servers bring a call from one round to the next.
#[derive(Clone, Debug)]
struct Round {
    /// How long the client thinks, and what is parked may go on.
    pause: u8,
    /// This replica is restarted before.
    restart: Option<u8>,
    /// Which of the answers stay out, bit by bit.
    missing: u8,
    /// The answers stand in the opposite order.
    reversed: bool,
    by: Move,
}

/// How a request gets through. Replicas by number; times by how often others may go on.
#[derive(Clone, Copy, Debug)]
enum Move {
    /// Just so, on a replica.
    Plain(u8),
    /// The reply gets lost, and the client repeats its request on the other replica.
    Lost(u8, u8),
    /// It is sent to both at the same time; which reply counts.
    Twice(u8, u8, bool),
    /// It is sent twice to one, and the first one is cancelled.
    TwiceButOne(u8, u8),
    /// It is cancelled after a while, and repeated on the other replica.
    Cancelled(u8, u8, u8),
    /// The replica dies after a while, and the request is repeated on the other one.
    Killed(u8, u8, u8),
}

/// A list that is printed as it is written: `list([..])`.
#[derive(Clone)]
struct List<T>(Vec<T>);

fn list<T, const N: usize>(items: [T; N]) -> List<T> {
    List(items.into())
}

impl<T: fmt::Debug> fmt::Debug for List<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("list(")?;
        self.0.fmt(f)?;
        f.write_str(")")
    }
}

impl Do {
    /// How many questions it may ask.
    fn questions(&self) -> usize {
        match self {
            Seq(all) | Join(all) => all.0.iter().map(Self::questions).sum(),
            Loop(times, one) => usize::from(*times) * one.questions(),
            Ask(_) | AskKeyed(_) | AskAbout | AskAboutKeyed | Confirm(_) | Elicit(_) | StepAsks(_) | Glance(_) => 1,
            _ => 0,
        }
    }
}

// ---- The tool ----

/// A step of a tool: its name and the number of its use.
type StepName = (String, u32);

/// The world that one tool acts upon, and what is known of it.
struct World {
    tool: Do,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    runs: u64,
    /// How often the tool's code came to its end.
    ends: u32,
    /// How often effects for its completion came about.
    completions: u32,
    /// How often the body of each step was done.
    steps: BTreeMap<StepName, u32>,
    /// Steps that have failed once.
    failed: HashSet<String>,
    /// What the outside system was given: for each purpose, the keys.
    paid: BTreeMap<String, BTreeSet<String>>,
    /// Keys and identifiers of the call.
    identities: BTreeSet<String>,
    logs: BTreeSet<String>,
    /// For each request of the client, what it has in its hands: steps that are done.
    acknowledged: HashMap<u64, HashSet<StepName>>,
    /// For each request of the client, how far each run came with it.
    views: HashMap<u64, BTreeMap<u64, Views>>,
    violations: Vec<String>,
}

/// What a run looked like when it had to wait.
#[derive(Clone, Default)]
struct View {
    open: Vec<String>,
    done: HashSet<StepName>,
    logs: HashSet<String>,
}

/// The first view with a question in it, and the last one.
struct Views {
    replica: u64,
    first: Option<View>,
    last: View,
}

impl World {
    fn new(tool: &Do) -> Arc<Self> {
        Arc::new(Self { tool: tool.clone(), seen: Mutex::default() })
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A server of the tool, and its number.
struct Replica {
    world: Arc<World>,
    number: u64,
}

/// Do what the case says.
#[tool]
async fn play(ctx: Context, replica: State<Replica>) -> Result<String> {
    let world = replica.world.clone();
    let number = {
        let mut seen = world.seen();
        seen.runs += 1;
        seen.identities.insert(format!("{} {}", ctx.idempotency_key(), ctx.uuid()));
        seen.runs
    };
    ctx.on_complete({
        let world = world.clone();
        move || async move { world.seen().completions += 1 }
    });
    let run = Run { ctx, world, number, replica: replica.number, view: Mutex::default(), uses: Mutex::default() };
    let ended = {
        let mut whole = run.act(&run.world.tool, "t".to_owned(), String::new());
        poll_fn(|cx| {
            let polled = whole.as_mut().poll(cx);
            if polled.is_pending() {
                run.look();
            }
            polled
        })
        .await
    };
    run.world.seen().ends += 1;
    match ended {
        Ok(text) | Err(End::Early(text)) => Ok(text),
        Err(End::Failed(text)) => Err(ToolError::new(text)),
    }
}

/// The tool does not go on to its end.
enum End {
    Early(String),
    Failed(String),
}

#[derive(Debug, Deserialize, JsonSchema)]
struct Form {
    name: String,
}

struct Run {
    ctx: Context,
    world: Arc<World>,
    number: u64,
    replica: u64,
    view: Mutex<View>,
    /// How often each name was used for a step.
    uses: Mutex<HashMap<String, u32>>,
}

type Acting<'a> = Pin<Box<dyn Future<Output = Result<String, End>> + Send + 'a>>;

impl Run {
    fn view(&self) -> MutexGuard<'_, View> {
        self.view.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The request of the client that drives the run.
    fn request(&self) -> u64 {
        self.ctx.meta().get("test").and_then(Value::as_u64).unwrap_or_default()
    }

    /// Tells the world how far it is.
    fn look(&self) {
        let (request, view) = (self.request(), self.view().clone());
        let mut seen = self.world.seen();
        let views = seen.views.entry(request).or_default().entry(self.number);
        let views = views.or_insert_with(|| Views { replica: self.replica, first: None, last: View::default() });
        if views.first.is_none() && !view.open.is_empty() {
            views.first = Some(view.clone());
        }
        views.last = view;
    }

    /// Does something at a place, knowing what was said before.
    fn act<'a>(&'a self, what: &'a Do, place: String, so_far: String) -> Acting<'a> {
        Box::pin(async move {
            match what {
                Seq(all) => self.each(all.0.iter(), place, so_far).await,
                Loop(times, one) => self.each((0..*times).map(|_| &**one), place, so_far).await,
                Join(all) => {
                    let mut branches: Vec<_> = all.0.iter().enumerate().collect();
                    let mut branches: Vec<_> = branches
                        .drain(..)
                        .map(|(number, one)| self.act(one, format!("{place}.{number}"), so_far.clone()))
                        .collect();
                    let ended = match &mut branches[..] {
                        [one, two] => {
                            let (one, two) = tokio::join!(one, two);
                            vec![one, two]
                        }
                        _ => join_all(branches).await,
                    };
                    ended.into_iter().collect()
                }
                Ask(text) => self.sample(&format!("q{text}"), None).await,
                AskKeyed(text) => self.sample(&format!("k{text}"), Some(format!("key{text}"))).await,
                AskAbout => self.sample(&format!("about {}", digest(&so_far)), None).await,
                AskAboutKeyed => self.sample(&format!("about {}", digest(&so_far)), Some(place)).await,
                Confirm(text) => {
                    let text = format!("c{text}");
                    let yes = self.asked(&text, self.ctx.confirm(&text)).await?;
                    Ok(if yes { "y" } else { "n" }.to_owned())
                }
                Elicit(text) => {
                    let text = format!("e{text}");
                    Ok(match self.asked(&text, self.ctx.elicit::<Form>(&text)).await? {
                        Elicited::Accept(form) => form.name,
                        Elicited::Decline => "declined".to_owned(),
                        Elicited::Cancel => "dismissed".to_owned(),
                    })
                }
                Glance(text) => {
                    let mut question = self.ctx.sample(format!("q{text}"));
                    poll_fn(|cx| {
                        let _ = Pin::new(&mut question).poll(cx);
                        Poll::Ready(())
                    })
                    .await;
                    Ok("g".to_owned())
                }
                Step(name, time) => {
                    let name = format!("s{name}-{time}");
                    let body = async {
                        wait(*time).await;
                        Ok(digest(&name))
                    };
                    self.step(&name, body).await.map_err(failed)
                }
                StepAsks(text) => {
                    let text = format!("q{text}");
                    let body = async { self.sample(&text, None).await.map_err(|_| ToolError::new("not answered")) };
                    self.step(&format!("a{text}"), body).await.map_err(failed)
                }
                StepFails(name) => {
                    let failing = self.step(&format!("f{name}"), async { Err(ToolError::new("no")) }).await;
                    Ok(if failing.is_err() { "f" } else { "wrong" }.to_owned())
                }
                StepFlaky => {
                    let name = format!("y{place}");
                    let body = async || match self.world.seen().failed.insert(name.clone()) {
                        true => Err(ToolError::new("not yet")),
                        false => Ok("ok".to_owned()),
                    };
                    match self.step(&name, body()).await {
                        Ok(value) => Ok(value),
                        Err(_) => self.step(&name, body()).await.map_err(failed),
                    }
                }
                Pay => {
                    let key = self.ctx.idempotency_key();
                    self.world.seen().paid.entry(place).or_default().insert(key);
                    Ok("p".to_owned())
                }
                Log => {
                    self.ctx.info(place.clone()).await;
                    self.view().logs.insert(place.clone());
                    self.world.seen().logs.insert(place);
                    Ok("l".to_owned())
                }
                Wait(time) => {
                    wait(*time).await;
                    Ok("w".to_owned())
                }
                Return => Err(End::Early(format!("{so_far} early"))),
                Fail => Err(End::Failed(format!("{so_far} failed"))),
            }
        })
    }

    async fn each<'a>(
        &'a self,
        all: impl Iterator<Item = &'a Do> + Send,
        place: String,
        mut so_far: String,
    ) -> Result<String, End> {
        let before = so_far.len();
        for (number, one) in all.enumerate() {
            so_far += &self.act(one, format!("{place}.{number}"), so_far.clone()).await?;
        }
        Ok(so_far.split_off(before))
    }

    async fn sample(&self, text: &str, key: Option<String>) -> Result<String, End> {
        let question = self.ctx.sample(text);
        let question = match key {
            Some(key) => question.key(key),
            None => question,
        };
        let answer = self.asked(text, question).await?;
        answer.text().map(str::to_owned).map_err(|error| End::Failed(error.to_string()))
    }

    /// Waits for an answer, and says so.
    async fn asked<T, E: fmt::Display>(
        &self,
        text: &str,
        question: impl Future<Output = Result<T, E>>,
    ) -> Result<T, End> {
        let mut question = pin!(question);
        let mut waits = false;
        let answer = poll_fn(|cx| {
            let polled = question.as_mut().poll(cx);
            if waits == polled.is_ready() {
                let mut view = self.view();
                match view.open.iter().position(|it| waits && it == text) {
                    Some(place) => _ = view.open.swap_remove(place),
                    None => view.open.push(text.to_owned()),
                }
                waits = !waits;
            }
            polled
        })
        .await;
        answer.map_err(|error| End::Failed(error.to_string()))
    }

    async fn step(
        &self,
        name: &str,
        body: impl Future<Output = Result<String, ToolError>> + Send,
    ) -> Result<String, ToolError> {
        let this = {
            let mut uses = self.uses.lock().unwrap_or_else(PoisonError::into_inner);
            let uses = uses.entry(name.to_owned()).or_default();
            *uses += 1;
            (name.to_owned(), *uses)
        };
        let watched = async {
            {
                let request = self.request();
                let mut seen = self.world.seen();
                if seen.acknowledged.get(&request).is_some_and(|done| done.contains(&this)) {
                    let violation = format!("step {this:?} runs again in request {request}, which has its result");
                    seen.violations.push(violation);
                }
            }
            let result = body.await?;
            *self.world.seen().steps.entry(this.clone()).or_default() += 1;
            Ok(result)
        };
        let result = self.ctx.step(name.to_owned(), || watched).await;
        if result.is_ok() {
            self.view().done.insert(this);
        }
        result
    }
}

fn failed(error: ToolError) -> End {
    End::Failed(format!("{error:?}"))
}

async fn wait(times: u8) {
    for _ in 0..times {
        yield_now().await;
    }
}

/// All at the same time, always in order.
async fn join_all(mut branches: Vec<Acting<'_>>) -> Vec<Result<String, End>> {
    let mut ended: Vec<_> = branches.iter().map(|_| None).collect();
    poll_fn(|cx| {
        for (branch, ended) in branches.iter_mut().zip(&mut ended) {
            if ended.is_none()
                && let Poll::Ready(output) = branch.as_mut().poll(cx)
            {
                *ended = Some(output);
            }
        }
        if ended.iter().all(Option::is_some) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    ended.into_iter().flatten().collect()
}

// ---- The client ----

/// A few characters that a text alone decides.
fn digest(text: &str) -> String {
    let hash = text.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    format!("{:04x}", (hash >> 16) ^ (hash & 0xffff))
}

/// The text of a question.
fn text_of<'v>(method: &str, params: &'v Value) -> &'v str {
    let text = match method {
        "sampling/createMessage" => &params["messages"][0]["content"]["text"],
        _ => &params["message"],
    };
    text.as_str().unwrap_or_default()
}

/// The answer to a question; it depends on the question alone.
fn answer(method: &str, params: &Value) -> Value {
    let answer = digest(text_of(method, params));
    if method == "sampling/createMessage" {
        return said(&answer);
    }
    match answer.bytes().last().unwrap_or_default() % 3 {
        0 => json!({ "action": "decline" }),
        1 => json!({ "action": "cancel" }),
        _ if params["requestedSchema"]["properties"].get("name").is_some() => {
            json!({ "action": "accept", "content": { "name": answer } })
        }
        _ => json!({ "action": "accept", "content": {} }),
    }
}

const KEY: [u8; 32] = [7; 32];

fn server(world: &Arc<World>, number: u64) -> Server {
    Server::new("replica").state_key(KEY).state(Replica { world: world.clone(), number }).tools(tools![play])
}

/// The text of the result, and whether it is an error.
type Ended = (String, bool);

/// How the call ends for a client that can be asked in the middle of it.
async fn pushed(tool: &Do) -> (Ended, Arc<World>) {
    let world = World::new(tool);
    let client = checked::in_memory(server(&world, 0))
        .era(Era::Legacy)
        .on_sampling(async |params| {
            let params = serde_json::to_value(params).expect("JSON");
            Ok(serde_json::from_value(answer("sampling/createMessage", &params)).expect("a result"))
        })
        .on_elicitation(async |params| {
            let params = serde_json::to_value(params).expect("JSON");
            Ok(serde_json::from_value(answer("elicitation/create", &params)).expect("a result"))
        });
    let client = client.connect().await.expect("a connection");
    let result = client.call_tool("play", ()).await.expect("a result");
    let text = result.content.first().and_then(|block| block.as_text()).unwrap_or_default().to_owned();
    ((text, result.is_error), world)
}

/// An outcome store that takes its time, before and after.
#[derive(Clone)]
struct SlowOutcomes(MemoryOutcomes, u8);

type BoxError = Box<dyn std::error::Error + Send + Sync>;

impl OutcomeStore for SlowOutcomes {
    async fn claim(&self, ticket: Ticket, answers: Answers, claimant: Claimant) -> Result<Claim, BoxError> {
        wait(self.1).await;
        let claim = self.0.claim(ticket, answers, claimant).await;
        wait(self.1).await;
        claim
    }

    async fn commit(
        &self,
        ticket: Ticket,
        claimant: Claimant,
        outcome: Arc<RememberedOutcome>,
        time: Duration,
    ) -> Result<(), BoxError> {
        wait(self.1).await;
        let committed = self.0.commit(ticket, claimant, outcome, time).await;
        wait(self.1).await;
        committed
    }

    async fn release(&self, ticket: Ticket, claimant: Claimant) {
        wait(self.1).await;
        self.0.release(ticket, claimant).await;
    }
}

/// The servers, and the client's connections to them.
struct Replicas<'c> {
    case: &'c Case,
    world: Arc<World>,
    shared: MemoryOutcomes,
    peers: Vec<(u64, Peer)>,
    started: u64,
}

type Reply = Result<Value, Value>;

impl<'c> Replicas<'c> {
    fn new(case: &'c Case, world: Arc<World>) -> Self {
        let mut replicas = Self { case, world, shared: MemoryOutcomes::default(), peers: Vec::new(), started: 0 };
        for place in 0..REPLICAS {
            let replica = replicas.start(place);
            replicas.peers.push(replica);
        }
        replicas
    }

    fn start(&mut self, place: usize) -> (u64, Peer) {
        let case = self.case;
        self.started += 1;
        let mut server = server(&self.world, self.started).resume(case.resume);
        server = match case.stores {
            Stores::Shared => server.outcomes(self.shared.clone()),
            Stores::Slow(time) => server.outcomes(SlowOutcomes(self.shared.clone(), time)),
            Stores::Own => server,
        };
        if case.evicting[place] {
            server = server.max_parked_calls(0);
        }
        (self.started, Peer::start_buffered(server, Extensions::new(), 16 << 10))
    }

    fn at(&mut self, place: u8) -> &mut Peer {
        &mut self.peers[usize::from(place) % REPLICAS].1
    }

    async fn restart(&mut self, place: u8) {
        let place = usize::from(place) % REPLICAS;
        let new = self.start(place);
        let (_, old) = std::mem::replace(&mut self.peers[place], new);
        old.kill().await;
    }

    async fn send(&mut self, place: u8, call: &Call) -> i64 {
        self.at(place).send("tools/call", call.params.clone()).await
    }

    /// Cancels a request, and waits until the server knows.
    async fn cancel(&mut self, place: u8, id: i64) {
        self.at(place).cancel(id).await;
        self.at(place).request("server/discover", Map::new()).await.expect("a result");
    }

    /// Gets a request through. Two replies that must be the same are compared.
    async fn go(&mut self, by: Move, call: &Call) -> Result<Reply, TestCaseError> {
        let remembered = self.case.stores != Stores::Own;
        let same = |one: &Reply, two: &Reply, same_replica: bool| {
            prop_assert!(one == two || !(remembered || same_replica), "two replies differ: {one:?} and {two:?}");
            Ok(())
        };
        Ok(match by {
            Plain(on) => self.at(on).call(call).await,
            Lost(on, again) => {
                let lost = self.at(on).call(call).await;
                let reply = self.at(again).call(call).await;
                same(&lost, &reply, on == again)?;
                reply
            }
            Twice(on, other, second) => {
                let (one, two) = (self.send(on, call).await, self.send(other, call).await);
                let (one, two) = (self.at(on).receive(one).await, self.at(other).receive(two).await);
                same(&one, &two, on == other)?;
                if second { two } else { one }
            }
            TwiceButOne(on, after) => {
                let (one, two) = (self.send(on, call).await, self.send(on, call).await);
                wait(after).await;
                self.cancel(on, one).await;
                self.at(on).receive(two).await
            }
            Cancelled(on, after, again) => {
                let id = self.send(on, call).await;
                wait(after).await;
                self.cancel(on, id).await;
                self.at(again).call(call).await
            }
            Killed(on, after, again) => {
                self.send(on, call).await;
                wait(after).await;
                self.restart(on).await;
                self.at(again).call(call).await
            }
        })
    }

    /// What was logged to the client since this was last asked, and by which server.
    fn heard(&mut self) -> Vec<(u64, String)> {
        let heard = |(number, peer): &mut (u64, Peer)| {
            let logs = peer.heard.drain(..).filter_map(|it| it["params"]["data"].as_str().map(str::to_owned));
            logs.map(|text| (*number, text)).collect::<Vec<_>>()
        };
        self.peers.iter_mut().flat_map(heard).collect()
    }
}

// ---- What must hold ----

impl Case {
    /// The case with what its way to resume cannot survive taken out.
    fn survivable(mut self) -> Self {
        if self.resume != Resume::Parked {
            return self;
        }
        self.evicting = [false; REPLICAS];
        for round in &mut self.rounds.0 {
            round.restart = round.restart.filter(|place| usize::from(*place) % REPLICAS != 0);
            round.by = match round.by {
                Plain(_) | Cancelled(..) | Killed(..) => Plain(0),
                Lost(..) => Lost(0, 0),
                Twice(.., second) => Twice(0, 0, second),
                TwiceButOne(_, after) => TwiceButOne(0, after),
            };
        }
        self
    }

    /// Whether every round is run once only, and what it has done is in its state.
    fn runs_once(&self) -> bool {
        let shared = self.stores != Stores::Own;
        let home = self.resume != Resume::Replay;
        let stays = |place: u8| usize::from(place) % REPLICAS == 0;
        !(home && self.evicting[0])
            && self.rounds.0.iter().all(|round| match round.by {
                Plain(on) => !home || stays(on),
                Lost(on, again) | Twice(on, again, _) if home => stays(on) && stays(again),
                Lost(on, again) | Twice(on, again, _) => shared || on == again,
                TwiceButOne(on, _) => !home || stays(on),
                Cancelled(..) | Killed(..) => false,
            })
            && !(home && self.rounds.0.iter().any(|round| round.restart.is_some_and(stays)))
    }

    /// Whether the end of the tool is reached once.
    fn ends_once(&self) -> bool {
        let killed = self.rounds.0.iter().any(|round| matches!(round.by, Killed(..)));
        match self.stores {
            Stores::Shared => true,
            Stores::Slow(_) => !killed,
            Stores::Own => self.runs_once(),
        }
    }

    async fn check(&self) -> Result<(), TestCaseError> {
        let (expected, reference) = pushed(&self.tool).await;
        let world = World::new(&self.tool);
        let ended = self.ends(&world).await?;
        let (seen, reference) = (world.seen(), reference.seen());
        prop_assert!(seen.violations.is_empty(), "{:?}", seen.violations);
        prop_assert_eq!(&ended, &expected, "it ends differently");
        prop_assert_eq!(seen.identities.len(), 1, "the call has several identities");
        let purposes = |seen: &Seen| seen.paid.keys().cloned().collect::<Vec<_>>();
        prop_assert_eq!(purposes(&seen), purposes(&reference));
        for (purpose, keys) in &seen.paid {
            prop_assert_eq!(keys.len(), 1, "{} was paid for several times", purpose);
        }
        prop_assert_eq!(&seen.logs, &reference.logs);
        let steady = |seen: &Seen| {
            let steps = seen.steps.iter().filter(|((name, _), _)| !name.starts_with('y'));
            steps.map(|(step, times)| (step.clone(), *times)).collect::<Vec<_>>()
        };
        let (steps, expected_steps) = (steady(&seen), steady(&reference));
        prop_assert!(expected_steps.iter().all(|(_, times)| *times == 1));
        if self.runs_once() {
            prop_assert_eq!(steps, expected_steps, "steps are not done once");
        } else {
            let names = |steps: &[(StepName, u32)]| steps.iter().map(|(step, _)| step.clone()).collect::<Vec<_>>();
            prop_assert_eq!(names(&steps), names(&expected_steps), "other steps are done");
        }
        prop_assert!(seen.ends >= 1);
        if self.ends_once() {
            prop_assert_eq!(seen.ends, 1, "what is after the last question ran again");
            prop_assert_eq!(seen.completions, reference.completions, "effects of the completion");
        }
        Ok(())
    }

    /// How the call ends for a client that must come again with the answers.
    async fn ends(&self, world: &Arc<World>) -> Result<Ended, TestCaseError> {
        let mut replicas = Replicas::new(self, world.clone());
        let mut rounds = self.rounds.0.iter();
        let most = 3 * self.tool.questions() + 2 * self.rounds.0.len() + 3;
        let mut call = Call::new("play", json!({}));
        let mut acknowledged = HashSet::new();
        // What the client has heard, where a round has ended since.
        let mut told = HashSet::new();
        let mut by = Plain(0);
        for request in 1.. {
            prop_assert!(request <= most as u64, "it goes on and on");
            call.params.insert("_meta".to_owned(), meta(request));
            world.seen().acknowledged.insert(request, acknowledged.clone());
            let reply = replicas.go(by, &call).await?;
            let heard = replicas.heard();
            for (_, text) in &heard {
                prop_assert!(!told.contains(text), "{} is said again in request {}", text, request);
            }
            let result = match reply {
                Ok(result) => result,
                Err(error) => return Err(TestCaseError::fail(format!("an error in request {request}: {error}"))),
            };
            if result["resultType"] == "complete" {
                let text = result["content"][0]["text"].as_str().unwrap_or_default().to_owned();
                return Ok((text, result["isError"] == true));
            }
            let candidates = self.candidates(world, request, &result)?;
            let mut done = candidates.iter().map(|(_, view)| view.done.clone());
            let first = done.next().unwrap_or_default();
            acknowledged.extend(done.fold(first, |all, other| &all & &other));
            let logged = |(replica, text): &&(u64, String)| {
                candidates.iter().all(|(by, view)| by == replica && view.logs.contains(text))
            };
            told.extend(heard.iter().filter(logged).map(|(_, text)| text.clone()));
            let round = rounds.next().cloned().unwrap_or(Round {
                pause: 0,
                restart: None,
                missing: 0,
                reversed: false,
                by: Plain(0),
            });
            wait(round.pause).await;
            if let Some(place) = round.restart {
                replicas.restart(place).await;
            }
            call = next(&call, &result, &round);
            by = round.by;
        }
        unreachable!("numbers do not end")
    }

    /// The views of those runs that may have led to this result.
    fn candidates(&self, world: &World, request: u64, result: &Value) -> Result<Vec<(u64, View)>, TestCaseError> {
        let questions = result["inputRequests"].as_object().into_iter().flat_map(Map::values);
        let method = |question: &Value| question["method"].as_str().unwrap_or_default().to_owned();
        let mut asked: Vec<_> = questions.map(|it| text_of(&method(it), &it["params"]).to_owned()).collect();
        asked.sort_unstable();
        let seen = world.seen();
        let views = seen.views.get(&request).into_iter().flat_map(BTreeMap::values);
        let views = views.map(|views| {
            let view = if self.resume == Resume::Replay { Some(&views.last) } else { views.first.as_ref() };
            (views.replica, view.cloned().unwrap_or_default())
        });
        let asks_it = |(_, view): &(u64, View)| {
            let mut open = view.open.clone();
            open.sort_unstable();
            open == asked
        };
        let (candidates, others): (Vec<_>, Vec<_>) = views.partition(asks_it);
        prop_assert!(
            !candidates.is_empty(),
            "request {} is answered with questions that no run waits for: {:?}, but {:?}",
            request,
            asked,
            others.iter().map(|(_, view)| &view.open).collect::<Vec<_>>()
        );
        Ok(candidates)
    }
}

fn meta(request: u64) -> Value {
    let mut meta = mcp_tests::raw::meta();
    meta["io.modelcontextprotocol/logLevel"] = json!("info");
    meta["test"] = json!(request);
    meta
}

/// The request that brings the answers of a round.
fn next(call: &Call, asked: &Value, round: &Round) -> Call {
    let number = std::cell::Cell::new(0_u32);
    let mut next = call.next(asked, |method, params| {
        let bit = 1_u8.checked_shl(number.replace(number.get() + 1)).unwrap_or_default();
        (round.missing & bit == 0).then(|| answer(method, params))
    });
    if round.reversed
        && let Some(Value::Object(answers)) = next.params.get_mut("inputResponses")
    {
        *answers = std::mem::take(answers).into_iter().rev().collect();
    }
    next
}

/// Runs a case. Its clock stands still, and only moves on when nobody has anything to do: a round may
/// wait for 30 seconds for a question to be given up that was given up in an earlier run, and a call
/// that hangs runs out of time at once.
fn run(case: &Case) -> Result<(), TestCaseError> {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_time().start_paused(true).build().expect("a runtime");
    runtime.block_on(async {
        match tokio::time::timeout(Duration::from_secs(500), case.check()).await {
            Ok(checked) => checked,
            Err(_) => Err(TestCaseError::fail("it hangs")),
        }
    })
}

// ---- Cases ----

fn tool() -> impl Strategy<Value = Do> {
    let leaf = prop_oneof![
        8 => (0..3_u8).prop_map(Ask),
        2 => (0..2_u8).prop_map(AskKeyed),
        3 => Just(AskAbout),
        1 => Just(AskAboutKeyed),
        1 => (0..2_u8).prop_map(Confirm),
        1 => (0..2_u8).prop_map(Elicit),
        1 => (0..3_u8).prop_map(Glance),
        5 => (0..2_u8, 0..4_u8).prop_map(|(name, time)| Step(name, time)),
        1 => (0..2_u8).prop_map(StepAsks),
        1 => (0..2_u8).prop_map(StepFails),
        1 => Just(StepFlaky),
        2 => Just(Pay),
        2 => Just(Log),
        3 => (1..6_u8).prop_map(Wait),
        1 => Just(Return),
        1 => Just(Fail),
    ];
    let tool = leaf.prop_recursive(3, 14, 4, |inner| {
        prop_oneof![
            6 => prop::collection::vec(inner.clone(), 1..5).prop_map(|all| Seq(List(all))),
            3 => prop::collection::vec(inner.clone(), 2..4).prop_map(|all| Join(List(all))),
            1 => (2..4_u8, inner).prop_map(|(times, one)| Loop(times, Box::new(one))),
        ]
    });
    tool.prop_filter("too many questions", |tool| tool.questions() <= 24)
}

fn round() -> impl Strategy<Value = Round> {
    let (place, time) = (|| 0..REPLICAS as u8, || 0..12_u8);
    let by = prop_oneof![
        6 => place().prop_map(Plain),
        2 => (place(), place()).prop_map(|(on, again)| Lost(on, again)),
        2 => (place(), place(), any::<bool>()).prop_map(|(on, other, second)| Twice(on, other, second)),
        1 => (place(), time()).prop_map(|(on, after)| TwiceButOne(on, after)),
        2 => (place(), time(), place()).prop_map(|(on, after, again)| Cancelled(on, after, again)),
        2 => (place(), time(), place()).prop_map(|(on, after, again)| Killed(on, after, again)),
    ];
    let missing = prop_oneof![2 => Just(0), 1 => 0..16_u8];
    let restart = prop_oneof![4 => Just(None), 1 => place().prop_map(Some)];
    (0..8_u8, restart, missing, any::<bool>(), by).prop_map(|(pause, restart, missing, reversed, by)| Round {
        pause,
        restart,
        missing,
        reversed,
        by,
    })
}

fn case(resume: Resume) -> impl Strategy<Value = Case> {
    let stores = prop_oneof![
        3 => Just(Stores::Shared),
        1 => (1..4_u8).prop_map(Stores::Slow),
        2 => Just(Stores::Own),
    ];
    let rounds = prop::collection::vec(round(), 0..7).prop_map(List);
    (tool(), stores, prop::array::uniform3(prop::bool::weighted(0.2)), rounds)
        .prop_map(move |(tool, stores, evicting, rounds)| Case { tool, resume, stores, evicting, rounds }.survivable())
}

/// Cases that failed once.
fn found() -> Vec<Case> {
    let plain =
        |tool, resume| Case { tool, resume, stores: Stores::Shared, evicting: [false; REPLICAS], rounds: list([]) };
    vec![
        // What is glanced at in the first round is asked for good in the second one.
        plain(
            Join(list([Seq(list([Ask(1), Ask(2)])), Join(list([Seq(list([Ask(1), Ask(0)])), Glance(0)]))])),
            Resume::Replay,
        ),
        // The same, and in the second round it is not glanced at again before that ends.
        plain(
            Join(list([
                Seq(list([Ask(1), Join(list([Ask(2), Ask(0)]))])),
                Seq(list([Wait(1), Glance(0)])),
                Step(0, 3),
            ])),
            Resume::Replay,
        ),
    ]
}

#[test]
fn what_failed_once_holds() {
    for case in found() {
        if let Err(error) = run(&case) {
            panic!("{error}\n{case:#?}");
        }
    }
}

/// Tries a share of the cases, in per cent.
fn try_all(resume: Resume, share: u32) {
    let all = std::env::var("PROPTEST_CASES").ok().and_then(|it| it.parse().ok()).unwrap_or(10_000_u32);
    let cases = (u64::from(all) * u64::from(share)).div_ceil(100) as u32;
    let config = Config { cases, failure_persistence: None, max_shrink_iters: 20_000, ..Config::default() };
    let (begun, watched) = mpsc::channel::<Case>();
    // The clock of a case stands still, so it cannot see that it runs for ever.
    let watch = std::thread::spawn(move || {
        let mut last = None;
        loop {
            match watched.recv_timeout(Duration::from_secs(120)) {
                Ok(case) => last = Some(case),
                Err(RecvTimeoutError::Disconnected) => return,
                Err(RecvTimeoutError::Timeout) => {
                    eprintln!("this case does not end: {last:#?}");
                    std::process::abort();
                }
            }
        }
    });
    let tried = TestRunner::new(config).run(&case(resume), |case| {
        let _ = begun.send(case.clone());
        run(&case)
    });
    drop(begun);
    watch.join().expect("it watches");
    if let Err(failed) = tried {
        panic!("{failed}");
    }
}

#[test]
fn calls_that_park_or_replay_end_as_if_they_had_never_stopped() {
    try_all(Resume::Auto, 50);
}

#[test]
fn calls_that_replay_end_as_if_they_had_never_stopped() {
    try_all(Resume::Replay, 30);
}

#[test]
fn calls_that_park_end_as_if_they_had_never_stopped() {
    try_all(Resume::Parked, 20);
}
