//! The official conformance suite against our server: every scenario that it has for servers, at every protocol
//! version, and those of extensions.
//!
//! `tests/interop/install` fetches it, as it does the peers of `tests/peers.rs`.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::{Output, Stdio};
use std::time::Duration;

use mcp_tests::http::Served;
use mcp_tests::peers::{installed, node, say};
use serde::Deserialize;
use tokio::process::Command;
use tokio::sync::Mutex;

/// A run that takes longer hangs.
const LONG: Duration = Duration::from_secs(300);

/// The suite measures time, so that its runs must not be in each other's way.
static TURN: Mutex<()> = Mutex::const_new(());

/// Extensions that the server does not have. The suite skips what it asks of them.
///
/// Skills (SEP-2640) are a draft; a server can serve their files as resources, but has no methods of its own for
/// them.
const NOT_OFFERED: [&str; 3] = ["sep-2640-skills-directory", "sep-2640-skills-enumeration", "sep-2640-skills-manifest"];

/// A scenario that the suite itself skips: it looks for notifications where they came in an older draft.
const NOT_LOOKED_AT: &str = "tasks-status-notifications";

/// What the suite notes without judging: messages, and that an answer was JSON where it might have been events.
const NOTES: [&str; 5] =
    ["outgoing-request", "incoming-response", "incoming-sse-event", "stream-closed", "server-sse-streams-functional"];

/// The suite, where it is installed.
struct Suite {
    node: PathBuf,
    program: PathBuf,
}

impl Suite {
    fn find() -> Option<Self> {
        let target = env!("CARGO_TARGET_TMPDIR");
        let node = node(target)?;
        let place = installed(target, "conformance", include_str!("package-lock.json"))?;
        Some(Self { node, program: place.join("node_modules/@modelcontextprotocol/conformance/dist/index.js") })
    }

    async fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(&self.node);
        command.arg(&self.program).args(arguments).stdin(Stdio::null()).kill_on_drop(true);
        tokio::time::timeout(LONG, command.output()).await.expect("it ends").expect("it starts")
    }

    /// The scenarios for servers that have this tag: a protocol version, or `extension`.
    async fn scenarios(&self, tag: &str) -> BTreeSet<String> {
        let output = self.run(&["list", "--server"]).await;
        let lines = String::from_utf8_lossy(&output.stdout).into_owned();
        let tagged =
            lines.lines().filter_map(|line| line.trim().strip_prefix("- ")?.strip_suffix(']')?.split_once(" ["));
        tagged.filter(|(_, tags)| tags.split(',').any(|it| it == tag)).map(|(name, _)| name.to_owned()).collect()
    }
}

/// What came of one thing that a scenario looks at.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Check {
    id: String,
    status: String,
    error_message: Option<String>,
}

/// What was seen in all.
#[derive(Debug, Default)]
struct Seen {
    scenarios: BTreeSet<String>,
    passed: usize,
    wrong: Vec<String>,
}

impl Seen {
    /// Reads what the suite wrote down: a directory for each scenario, named by it and by the time.
    fn read(&mut self, directory: &std::path::Path) {
        for entry in std::fs::read_dir(directory).expect("a directory") {
            let entry = entry.expect("an entry").path();
            let name = entry.file_name().and_then(|name| name.to_str()).expect("a name").to_owned();
            let scenario = name
                .strip_prefix("server-")
                .and_then(|name| name.get(..name.len() - "-2026-07-28T00-00-00-000Z".len()));
            let scenario = scenario.expect("the name of a scenario").to_owned();
            let checks = std::fs::read_to_string(entry.join("checks.json")).expect("what was checked");
            let checks: Vec<Check> = serde_json::from_str(&checks).expect("checks");
            if checks.is_empty() {
                self.wrong.push(format!("{scenario}: nothing was checked"));
            }
            for check in checks {
                match &*check.status {
                    "SUCCESS" => self.passed += 1,
                    "INFO" if NOTES.contains(&&*check.id) => {}
                    "SKIPPED" if NOT_OFFERED.contains(&&*scenario) || scenario == NOT_LOOKED_AT => {}
                    status => {
                        let why = check.error_message.unwrap_or_default();
                        self.wrong.push(format!("{scenario}: {status} {}: {why}", check.id));
                    }
                }
            }
            self.scenarios.insert(scenario);
        }
    }

    /// All of them ran, and nothing was wrong.
    fn assert(&self, tag: &str, scenarios: &BTreeSet<String>) {
        assert!(self.wrong.is_empty(), "{tag}: {:#?}", self.wrong);
        assert_eq!(self.scenarios, *scenarios, "{tag}");
        say(&format!("conformance, {tag}: {} scenarios, {} checks passed", scenarios.len(), self.passed));
    }
}

/// Runs all scenarios of a protocol version, of which there must be so many.
async fn conforms(version: &str, count: usize) {
    let Some(suite) = Suite::find() else { return };
    let _turn = TURN.lock().await;
    let scenarios = suite.scenarios(version).await;
    assert_eq!(scenarios.len(), count, "{version}: {scenarios:?}");
    let served = Served::start(mcp_conformance::server()).await;
    let url = format!("http://localhost:{}/mcp", served.address.port());
    let directory = tempfile::tempdir().expect("a directory");
    let place = directory.path().to_str().expect("a path");
    let output = suite.run(&["server", "--url", &url, "--suite", "all", "--spec-version", version, "-o", place]).await;
    let mut seen = Seen::default();
    seen.read(directory.path());
    seen.assert(version, &scenarios);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    served.shutdown().await;
}

#[tokio::test]
async fn servers_conform_to_2025_03_26() {
    conforms("2025-03-26", 1).await;
}

#[tokio::test]
async fn servers_conform_to_2025_06_18() {
    conforms("2025-06-18", 27).await;
}

#[tokio::test]
async fn servers_conform_to_2025_11_25() {
    conforms("2025-11-25", 33).await;
}

#[tokio::test]
async fn servers_conform_to_2026_07_28() {
    conforms("2026-07-28", 40).await;
}

#[tokio::test]
async fn servers_conform_to_extensions() {
    let Some(suite) = Suite::find() else { return };
    let _turn = TURN.lock().await;
    let scenarios = suite.scenarios("extension").await;
    assert_eq!(scenarios.len(), 13, "{scenarios:?}");
    let served = Served::start(mcp_conformance::server()).await;
    let url = format!("http://localhost:{}/mcp", served.address.port());
    let mut seen = Seen::default();
    for scenario in &scenarios {
        let directory = tempfile::tempdir().expect("a directory");
        let place = directory.path().to_str().expect("a path");
        let output = suite.run(&["server", "--url", &url, "--scenario", scenario, "-o", place]).await;
        seen.read(directory.path());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    }
    seen.assert("extensions", &scenarios);
    served.shutdown().await;
}
