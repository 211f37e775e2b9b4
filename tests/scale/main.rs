//! Three replicas behind a proxy that knows no affinity, while they are killed and started again: every call is
//! answered, and rightly, and what is done under a key is done once.

mod client;
mod nginx;
mod proxy;
mod replica;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use client::{Called, call, send};
use mcp_tests::World;
use mcp_tests::raw::{Call, text};
use proxy::Proxy;
use replica::Replica;
use serde_json::json;
use tokio::task::JoinSet;

const REPLICAS: usize = 3;
const CLIENTS: usize = 16;
/// What is done at least: rounds of each client, and kills.
const ROUNDS: usize = 8;
const KILLS: usize = 15;
/// So many answers reach clients between two kills, at least.
const BETWEEN: usize = 25;

/// A folder for a world, and three replicas that act on it.
struct Farm {
    folder: tempfile::TempDir,
    replicas: Vec<Replica>,
}

impl Farm {
    async fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut replicas = Vec::new();
        for _ in 0..REPLICAS {
            replicas.push(Replica::start(&folder.path().join("world")).await);
        }
        Self { folder, replicas }
    }

    fn addresses(&self) -> Vec<SocketAddr> {
        self.replicas.iter().map(|replica| replica.address).collect()
    }

    fn world(&self) -> World {
        World::in_file(self.folder.path().join("world"))
    }
}

/// What calls were made, by the name that each had for itself.
type Calls = BTreeMap<String, Called>;

/// Calls one tool after the other, until it is enough.
async fn make_calls(client: usize, address: SocketAddr, answered: Arc<AtomicUsize>, kills: Arc<AtomicUsize>) -> Calls {
    let mut calls = Calls::new();
    for round in 0.. {
        if round >= ROUNDS && kills.load(Ordering::SeqCst) >= KILLS {
            break;
        }
        let product = format!("product-{client}-{round}");
        let created = call(address, "create_product", json!({ "name": product })).await;
        assert_eq!(text(&created.result), format!("{product}: DESCRIBE {}", product.to_uppercase()));
        let name = format!("order-{client}-{round}");
        let ordered = call(address, "order", json!({ "name": name })).await;
        let colour = format!("COLOUR OF {0} IN SIZE OF {0}", name.to_uppercase());
        assert_eq!(text(&ordered.result), format!("{name}: GREETING WITH {colour}"));
        answered.fetch_add(created.tries.len() + ordered.tries.len(), Ordering::SeqCst);
        calls.extend([(product, created), (name, ordered)]);
    }
    calls
}

/// What the replicas have counted, those included that were killed, as far as they could still be asked.
#[derive(Default)]
struct Counts([u64; 4]);

impl Counts {
    async fn add(&mut self, replica: SocketAddr) {
        let Ok(message) = send(replica, &Call::new("counts", json!({}))).await else { return };
        let counts = message["result"]["structuredContent"]["result"].as_array().expect("numbers").clone();
        for (sum, count) in self.0.iter_mut().zip(counts) {
            *sum += count.as_u64().expect("a number");
        }
    }
}

/// Runs clients against an address while replicas are killed, and holds what they did against what they may.
async fn survive(farm: &mut Farm, address: SocketAddr, place: &str) {
    let (answered, kills) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
    let mut clients = JoinSet::new();
    for client in 0..CLIENTS {
        clients.spawn(make_calls(client, address, answered.clone(), kills.clone()));
    }
    let mut calls = Calls::new();
    let mut counts = Counts::default();
    let all = async {
        while let Some(made) = clients.join_next().await {
            calls.extend(made.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic())));
        }
    };
    let kill = async {
        for place in (0..REPLICAS).cycle() {
            let so_far = answered.load(Ordering::SeqCst);
            while answered.load(Ordering::SeqCst) < so_far + BETWEEN {
                tokio::time::sleep(std::time::Duration::from_millis(1)).await;
            }
            let replica = &mut farm.replicas[place];
            counts.add(replica.address).await;
            replica.kill().await;
            kills.fetch_add(1, Ordering::SeqCst);
        }
    };
    tokio::select! {
        () = all => {}
        () = kill => {}
    }
    for replica in farm.addresses() {
        counts.add(replica).await;
    }
    let Counts([parked, resumed, replayed, repeated]) = counts;
    let tries = |calls: &Calls| calls.values().flat_map(|call| call.tries.clone()).map(u64::from).sum::<u64>();
    let rounds: usize = calls.values().map(|call| call.tries.len()).sum();
    let tried = format!(
        "{} calls in {rounds} rounds and {} tries, {} kills\n\
         of those who could be asked: {parked} parked, {resumed} resumed, {replayed} replayed, {repeated} answered again",
        calls.len(),
        tries(&calls),
        kills.load(Ordering::SeqCst),
    );
    assert!(resumed > 0 && replayed > 0, "without both, nothing was tried");
    eprintln!("{place}: {tried}\n{}", check_effects(&farm.world(), &calls));
}

/// Holds what calls did to the world against what they may have done; says what it was.
fn check_effects(world: &World, calls: &Calls) -> String {
    let counts = world.counts();
    let count = |word: String| counts.get(&word).copied().unwrap_or_default();
    let (mut again_after, mut again_step, mut asked_again, mut runs) = (0, 0, 0, 0);
    let mut done = std::collections::BTreeSet::new();
    for (name, call) in calls {
        let last = *call.tries.last().expect("a round");
        runs += count(format!("run {name}"));
        // One key, on every replica and in every try.
        let prefix = format!("create {name} ");
        let keys: Vec<(&str, u32)> =
            counts.iter().filter_map(|(word, count)| Some((word.strip_prefix(&prefix)?, *count))).collect();
        let [(key, asked)] = keys[..] else { panic!("{name} has the keys {keys:?}") };
        assert!(done.insert(key.to_owned()), "{key} is the key of two calls");
        assert!(asked <= last, "{name}: asked {asked} times in {last} tries");
        asked_again += asked - 1;
        // Nothing guards this but that outcomes are remembered by the replica that has them.
        let after = count(format!("after {name}"));
        assert!((1..=last).contains(&after), "{name}: {after} times in {last} tries");
        again_after += after - 1;
        if name.starts_with("order") {
            // A step is done again only if nobody was told that it was done.
            let (step, tries) = (count(format!("step {name}")), call.tries[1]);
            assert!((1..=tries).contains(&step), "{name}: {step} times in {tries} tries");
            again_step += step - 1;
        }
    }
    assert_eq!(world.done(), done, "each call did one thing under its key, and nothing else was done");
    format!(
        "functions ran {runs} times from the top; {} effects under keys, each once ({asked_again} asked for again)\n\
         done again, as is allowed: {again_step} steps whose round got lost, {again_after} unguarded effects after the last \
         question",
        done.len(),
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_survive_replicas_that_are_killed_and_answers_that_get_lost() {
    let mut farm = Farm::start().await;
    let proxy = Proxy::start(farm.addresses(), Some(37)).await;
    survive(&mut farm, proxy.address, "killed").await;
    assert!(proxy.lost() > 0, "answers that get lost are part of it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_notices_that_replicas_are_replaced_one_by_one() {
    let mut farm = Farm::start().await;
    let proxy = Proxy::start(farm.addresses(), None).await;
    let (answered, kills) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
    let mut clients = JoinSet::new();
    for client in 0..CLIENTS {
        clients.spawn(make_calls(client, proxy.address, answered.clone(), kills.clone()));
    }
    // And some whose calls take a while, so that there are always calls to end.
    let mut brewing = JoinSet::new();
    let address = proxy.address;
    for brewer in 0..CLIENTS {
        let kills = kills.clone();
        brewing.spawn(async move {
            while kills.load(Ordering::SeqCst) < KILLS {
                let brewed = call(address, "brew", json!({ "name": brewer.to_string() })).await;
                assert_eq!((text(&brewed.result), brewed.tries), (format!("brewed {brewer}"), vec![1]));
            }
        });
    }
    let mut late = 0;
    for place in (0..REPLICAS).cycle().take(KILLS) {
        let replica = &mut farm.replicas[place];
        late += proxy.take_out(replica.address).await;
        let status = replica.terminate().await;
        assert!(status.success(), "{status}");
        replica.start_again().await;
        proxy.put_in(replica.address);
        kills.fetch_add(1, Ordering::SeqCst);
    }
    let mut calls = Calls::new();
    while let Some(made) = clients.join_next().await {
        calls.extend(made.expect("no client fails"));
    }
    while let Some(brewed) = brewing.join_next().await {
        brewed.expect("no client fails");
    }
    assert!(calls.values().all(|call| call.tries.iter().all(|tries| *tries == 1)), "nothing had to be tried again");
    assert!(late > 0, "a replica was told to end while it had calls");
    eprintln!(
        "replaced: {} calls, {KILLS} replicas, which had {late} calls to end when they were told to\n{}",
        calls.len(),
        check_effects(&farm.world(), &calls),
    );
}
