//! The official conformance suite against our server and our client: every scenario that it has, at every protocol
//! version, and those of extensions. So with an older release of it, which looks at some things otherwise.
//!
//! `tests/interop/install` fetches it, as it does the peers of `tests/peers.rs`.

mod suite;

use futures_util::StreamExt as _;
use futures_util::stream;
use mcp_tests::http::Served;
use tokio::sync::Mutex;

use suite::{NEWEST, OLDER, Release, Role, Seen, Suite};

/// The suite measures time, so that its runs must not be in each other's way.
static TURN: Mutex<()> = Mutex::const_new(());

/// How many scenarios run at the same time. Each has a server of its own, so that none sees what another one did.
const SIDE_BY_SIDE: usize = 2;

/// Runs a scenario for servers. The suite is content only if it ends well.
async fn serve(suite: &Suite, scenario: &str, version: &str) -> Seen {
    let served = Served::start(mcp_conformance::server()).await;
    let url = format!("http://localhost:{}/mcp", served.address.port());
    let seen = suite.play(&["server", "--url", &url], scenario, version).await;
    served.shutdown().await;
    seen
}

/// Runs a scenario for clients. The suite is content only if the client has ended well, too, except where its scenario
/// lets it fail.
async fn call(suite: &Suite, scenario: &str, version: &str) -> Seen {
    let command = format!("./conformance-client{}", std::env::consts::EXE_SUFFIX);
    suite.play(&["client", "--command", &command], scenario, version).await
}

/// Runs all scenarios for this role that have this tag and are meant, of which there must be so many, as this protocol
/// version has them.
async fn conforms(
    release: &'static Release,
    role: Role,
    tag: &str,
    version: &str,
    count: usize,
    is_meant: impl Fn(&str) -> bool,
) {
    let Some(suite) = Suite::find(release) else { return };
    let _turn = TURN.lock().await;
    let mut scenarios = suite.scenarios(role, tag).await;
    scenarios.retain(|scenario| is_meant(scenario));
    assert_eq!(scenarios.len(), count, "{tag}: {scenarios:?}");
    let suite = &suite;
    let runs = stream::iter(&scenarios).map(async |scenario| match role {
        Role::Server => serve(suite, scenario, version).await,
        Role::Client => call(suite, scenario, version).await,
    });
    let seen = runs.buffer_unordered(SIDE_BY_SIDE).fold(Seen::default(), |mut all, seen| async move {
        all.add(seen);
        all
    });
    seen.await.assert(suite, role, &row(tag, version), &scenarios);
}

/// What the results are of.
fn row(tag: &str, version: &str) -> String {
    if tag == version { tag.to_owned() } else { format!("{tag}s, {version}") }
}

async fn server_conforms(version: &str, count: usize) {
    conforms(&NEWEST, Role::Server, version, version, count, |_| true).await;
}

#[tokio::test]
async fn servers_conform_to_2025_03_26() {
    server_conforms("2025-03-26", 1).await;
}

#[tokio::test]
async fn servers_conform_to_2025_06_18() {
    server_conforms("2025-06-18", 27).await;
}

#[tokio::test]
async fn servers_conform_to_2025_11_25() {
    server_conforms("2025-11-25", 33).await;
}

#[tokio::test]
async fn servers_conform_to_2026_07_28() {
    server_conforms("2026-07-28", 40).await;
}

#[tokio::test]
async fn servers_conform_to_extensions() {
    conforms(&NEWEST, Role::Server, "extension", "2026-07-28", 13, |_| true).await;
    // Of the legacy era are only those about skills.
    conforms(&NEWEST, Role::Server, "extension", "2025-11-25", 3, |scenario| scenario.contains("skills")).await;
}

#[tokio::test]
async fn servers_conform_to_the_older_suite() {
    for (version, count) in [("2025-06-18", 26), ("2025-11-25", 31)] {
        conforms(&OLDER, Role::Server, version, version, count, |_| true).await;
    }
}

async fn client_conforms(tag: &str, version: &str, count: usize) {
    conforms(&NEWEST, Role::Client, tag, version, count, |_| true).await;
}

#[tokio::test]
async fn clients_conform_to_2025_03_26() {
    client_conforms("2025-03-26", "2025-03-26", 2).await;
}

#[tokio::test]
async fn clients_conform_to_2025_06_18() {
    client_conforms("2025-06-18", "2025-06-18", 5).await;
}

#[tokio::test]
async fn clients_conform_to_2025_11_25() {
    client_conforms("2025-11-25", "2025-11-25", 19).await;
}

#[tokio::test]
async fn clients_conform_to_2026_07_28() {
    client_conforms("2026-07-28", "2026-07-28", 33).await;
}

#[tokio::test]
async fn clients_conform_to_extensions() {
    for version in ["2025-11-25", "2026-07-28"] {
        client_conforms("extension", version, 10).await;
    }
}

#[tokio::test]
async fn clients_conform_to_the_older_suite() {
    for (tag, count) in [("2025-03-26", 1), ("2025-06-18", 5), ("2025-11-25", 18), ("draft", 3), ("extension", 3)] {
        // It does not say which version its server speaks.
        let version = if tag.starts_with("20") { tag } else { "2025-11-25" };
        conforms(&OLDER, Role::Client, tag, version, count, |_| true).await;
    }
}
