//! The official conformance suite against our server and our client: every scenario that it has, at every protocol
//! version, and those of extensions.
//!
//! `tests/interop/install` fetches it, as it does the peers of `tests/peers.rs`.

mod suite;

use futures_util::StreamExt as _;
use futures_util::stream;
use mcp_tests::http::Served;
use tokio::sync::Mutex;

use suite::{Role, Seen, Suite};

/// The suite measures time, so that its runs must not be in each other's way.
static TURN: Mutex<()> = Mutex::const_new(());

/// How many scenarios for clients run at the same time; each has a server of its own.
const SIDE_BY_SIDE: usize = 2;

/// Runs all scenarios for servers of a protocol version, of which there must be so many.
async fn server_conforms(version: &str, count: usize) {
    let Some(suite) = Suite::find() else { return };
    let _turn = TURN.lock().await;
    let scenarios = suite.scenarios(Role::Server, version).await;
    assert_eq!(scenarios.len(), count, "{version}: {scenarios:?}");
    let served = Served::start(mcp_conformance::server()).await;
    let url = format!("http://localhost:{}/mcp", served.address.port());
    let directory = tempfile::tempdir().expect("a directory");
    let place = directory.path().to_str().expect("a path");
    let output = suite.run(&["server", "--url", &url, "--suite", "all", "--spec-version", version, "-o", place]).await;
    let mut seen = Seen::default();
    seen.read(directory.path());
    seen.assert(Role::Server, version, &scenarios);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    served.shutdown().await;
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

/// Runs all scenarios for servers about extensions that this is said of, of which there must be so many.
async fn server_conforms_to_extensions(version: &str, count: usize, has: impl Fn(&str) -> bool) {
    let Some(suite) = Suite::find() else { return };
    let _turn = TURN.lock().await;
    let mut scenarios = suite.scenarios(Role::Server, "extension").await;
    scenarios.retain(|scenario| has(scenario));
    assert_eq!(scenarios.len(), count, "{scenarios:?}");
    let served = Served::start(mcp_conformance::server()).await;
    let url = format!("http://localhost:{}/mcp", served.address.port());
    let mut seen = Seen::default();
    for scenario in &scenarios {
        let directory = tempfile::tempdir().expect("a directory");
        let place = directory.path().to_str().expect("a path");
        let which = ["--scenario", scenario, "--spec-version", version, "--force"];
        let output = suite.run(&[&["server", "--url", &url, "-o", place][..], &which].concat()).await;
        seen.read(directory.path());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    }
    seen.assert(Role::Server, &format!("extensions, {version}"), &scenarios);
    served.shutdown().await;
}

#[tokio::test]
async fn servers_conform_to_extensions() {
    server_conforms_to_extensions("2026-07-28", 13, |_| true).await;
    // Of the legacy era are only those about skills.
    server_conforms_to_extensions("2025-11-25", 3, |scenario| scenario.contains("skills")).await;
}

/// Runs one scenario for clients. The suite is content only if the client has ended well, except where its scenario
/// lets it fail.
async fn play(suite: &Suite, scenario: &str, version: &str) -> Seen {
    let directory = tempfile::tempdir().expect("a directory");
    let place = directory.path().to_str().expect("a path");
    let command = format!("./conformance-client{}", std::env::consts::EXE_SUFFIX);
    let which = ["--scenario", scenario, "--spec-version", version, "--force"];
    let output = suite.run(&[&["client", "--command", &command, "-o", place][..], &which].concat()).await;
    let mut seen = Seen::default();
    seen.read(directory.path());
    if !output.status.success() {
        let [out, err] = [output.stdout, output.stderr].map(|it| String::from_utf8_lossy(&it).into_owned());
        seen.wrong.push(format!("{scenario}: {} {out} {err}", output.status));
    }
    seen
}

/// Runs all scenarios for clients that have this tag, of which there must be so many, as this protocol version has
/// them.
async fn client_conforms(tag: &str, version: &str, count: usize) {
    let Some(suite) = Suite::find() else { return };
    let _turn = TURN.lock().await;
    let scenarios = suite.scenarios(Role::Client, tag).await;
    assert_eq!(scenarios.len(), count, "{tag}: {scenarios:?}");
    let runs = stream::iter(&scenarios).map(|scenario| play(&suite, scenario, version)).buffer_unordered(SIDE_BY_SIDE);
    let seen = runs.fold(Seen::default(), |mut all, seen| async move {
        all.add(seen);
        all
    });
    let revision = if tag == version { tag } else { &format!("{tag}s, {version}") };
    seen.await.assert(Role::Client, revision, &scenarios);
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
