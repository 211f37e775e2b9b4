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

/// How many scenarios for clients run at the same time; each has a server of its own.
const SIDE_BY_SIDE: usize = 2;

/// Runs scenarios for servers, all of those that have this tag and are meant, of which there must be so many, as this
/// protocol version has them.
async fn server_conforms_in(
    release: &'static Release,
    tag: &str,
    version: &str,
    count: usize,
    is_meant: impl Fn(&str) -> bool,
) {
    let Some(suite) = Suite::find(release) else { return };
    let _turn = TURN.lock().await;
    let mut scenarios = suite.scenarios(Role::Server, tag).await;
    scenarios.retain(|scenario| is_meant(scenario));
    assert_eq!(scenarios.len(), count, "{tag}: {scenarios:?}");
    let served = Served::start(mcp_conformance::server()).await;
    let url = format!("http://localhost:{}/mcp", served.address.port());
    let mut seen = Seen::default();
    for scenario in &scenarios {
        let directory = tempfile::tempdir().expect("a directory");
        let place = directory.path().to_str().expect("a path");
        let run = [&["server", "--url", &url, "-o", place][..], &suite.only(scenario, version)].concat();
        let output = suite.run(&run).await;
        seen.read(directory.path());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    }
    seen.assert(&suite, Role::Server, &row(tag, version), &scenarios);
    served.shutdown().await;
}

/// What the results are of.
fn row(tag: &str, version: &str) -> String {
    if tag == version { tag.to_owned() } else { format!("{tag}s, {version}") }
}

async fn server_conforms(version: &str, count: usize) {
    server_conforms_in(&NEWEST, version, version, count, |_| true).await;
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
    server_conforms_in(&NEWEST, "extension", "2026-07-28", 13, |_| true).await;
    // Of the legacy era are only those about skills.
    server_conforms_in(&NEWEST, "extension", "2025-11-25", 3, |scenario| scenario.contains("skills")).await;
}

#[tokio::test]
async fn servers_conform_to_the_older_suite() {
    for (version, count) in [("2025-06-18", 26), ("2025-11-25", 31)] {
        server_conforms_in(&OLDER, version, version, count, |_| true).await;
    }
}

/// Runs one scenario for clients. The suite is content only if the client has ended well, except where its scenario
/// lets it fail.
async fn play(suite: &Suite, scenario: &str, version: &str) -> Seen {
    let directory = tempfile::tempdir().expect("a directory");
    let place = directory.path().to_str().expect("a path");
    let command = format!("./conformance-client{}", std::env::consts::EXE_SUFFIX);
    let run = [&["client", "--command", &command, "-o", place][..], &suite.only(scenario, version)].concat();
    let output = suite.run(&run).await;
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
async fn client_conforms_in(release: &'static Release, tag: &str, version: &str, count: usize) {
    let Some(suite) = Suite::find(release) else { return };
    let _turn = TURN.lock().await;
    let scenarios = suite.scenarios(Role::Client, tag).await;
    assert_eq!(scenarios.len(), count, "{tag}: {scenarios:?}");
    let runs = stream::iter(&scenarios).map(|scenario| play(&suite, scenario, version)).buffer_unordered(SIDE_BY_SIDE);
    let seen = runs.fold(Seen::default(), |mut all, seen| async move {
        all.add(seen);
        all
    });
    seen.await.assert(&suite, Role::Client, &row(tag, version), &scenarios);
}

async fn client_conforms(tag: &str, version: &str, count: usize) {
    client_conforms_in(&NEWEST, tag, version, count).await;
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
        client_conforms_in(&OLDER, tag, version, count).await;
    }
}
