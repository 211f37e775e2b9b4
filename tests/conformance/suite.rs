//! The conformance suite, where it is installed, and what it writes down.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use mcp_tests::peers::{installed, node, say};
use serde::Deserialize;
use tokio::process::Command;

/// A run that takes longer hangs.
const LONG: Duration = Duration::from_secs(300);

/// A scenario that the suite itself skips: it looks for notifications where they came in an older draft.
const NOT_LOOKED_AT: &str = "tasks-status-notifications";

/// Looks at headers, and skips those of messages that the revision does not have.
const HEADERS: &str = "sep-2243-client-includes-standard-headers";

/// How the suite skips what a revision does not have.
const LATER: &str = "not applicable on negotiated protocol";

/// What the suite notes without judging: messages, and that an answer was JSON where it might have been events.
const NOTES: [&str; 13] = [
    "incoming-auth-request",
    "incoming-request",
    "incoming-response",
    "incoming-sse-event",
    "outgoing-auth-response",
    "outgoing-request",
    "outgoing-response",
    "outgoing-sse-event",
    "outgoing-stream-close",
    "scope-retry-auth-attempt",
    "server-info",
    "server-sse-streams-functional",
    "stream-closed",
];

/// A release of the suite.
pub(crate) struct Release {
    /// Where it is installed, among the peers.
    place: &'static str,
    lock: &'static str,
    /// How it is called where its results are shown.
    name: &'static str,
    /// Scenarios that are broken in it.
    broken: &'static [&'static str],
    /// Whether it can be told to run a scenario at a protocol version that does not have it.
    has_force: bool,
}

pub(crate) const NEWEST: Release = Release {
    place: "conformance",
    lock: include_str!("package-lock.json"),
    name: "0.2.0-alpha.12",
    broken: &[],
    has_force: true,
};

/// A second opinion on the protocol versions of 2025.
pub(crate) const OLDER: Release = Release {
    place: "suite-0.1",
    lock: include_str!("suite-0.1/package-lock.json"),
    name: "0.1.16",
    // The one speaks 2025-03-26 in a session that has settled on another version; the other has metadata that no
    // client may believe.
    broken: &["server-sse-polling", "auth/2025-03-26-oauth-metadata-backcompat"],
    has_force: false,
};

/// The suite, where it is installed.
pub(crate) struct Suite {
    release: &'static Release,
    node: PathBuf,
    program: PathBuf,
}

impl Suite {
    pub(crate) fn find(release: &'static Release) -> Option<Self> {
        let target = env!("CARGO_TARGET_TMPDIR");
        let node = node(target)?;
        let place = installed(target, release.place, release.lock)?;
        let program = place.join("node_modules/@modelcontextprotocol/conformance/dist/index.js");
        Some(Self { release, node, program })
    }

    /// Runs one scenario, at this protocol version where that can be said.
    pub(crate) async fn play(&self, role: &[&str], scenario: &str, version: &str) -> Seen {
        let directory = tempfile::tempdir().expect("a directory");
        let place = directory.path().to_str().expect("a path");
        let mut arguments = [role, &["-o", place, "--scenario", scenario]].concat();
        if self.release.has_force {
            arguments.extend(["--spec-version", version, "--force"]);
        }
        let output = self.run(&arguments).await;
        let mut seen = Seen::default();
        seen.read(directory.path(), "");
        if !output.status.success() {
            let [out, err] = [output.stdout, output.stderr].map(|it| String::from_utf8_lossy(&it).into_owned());
            seen.wrong.push(format!("{scenario}: {} {out} {err}", output.status));
        }
        seen
    }

    /// Runs it, beside the client that it may have to start.
    async fn run(&self, arguments: &[&str]) -> Output {
        let client = Path::new(env!("CARGO_BIN_EXE_conformance-client"));
        let mut command = Command::new(&self.node);
        command.arg(&self.program).args(arguments).stdin(Stdio::null()).kill_on_drop(true);
        command.current_dir(client.parent().expect("a directory"));
        // It begins some three hundred times, and is compiled once.
        command.env("NODE_COMPILE_CACHE", concat!(env!("CARGO_TARGET_TMPDIR"), "/compiled"));
        tokio::time::timeout(LONG, command.output()).await.expect("it ends").expect("it starts")
    }

    /// The scenarios for this role that have this tag, a protocol version, `draft` or `extension`; less those that are
    /// broken.
    pub(crate) async fn scenarios(&self, role: Role, tag: &str) -> BTreeSet<String> {
        let output = self.run(&["list", &format!("--{}", role.name())]).await;
        let lines = String::from_utf8_lossy(&output.stdout).into_owned();
        let tagged =
            lines.lines().filter_map(|line| line.trim().strip_prefix("- ")?.strip_suffix(']')?.split_once(" ["));
        let has_tag = |tags: &str| tags.split(',').any(|it| it == tag);
        let wanted = tagged.filter(|(name, tags)| has_tag(tags) && !self.release.broken.contains(name));
        wanted.map(|(name, _)| name.to_owned()).collect()
    }
}

/// Who is tried.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Role {
    Server,
    Client,
}

impl Role {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Client => "client",
        }
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
pub(crate) struct Seen {
    scenarios: BTreeSet<String>,
    passed: usize,
    /// What is against all of it being well.
    pub(crate) wrong: Vec<String>,
}

impl Seen {
    /// Reads what the suite wrote down: a directory for each scenario, named by it and by the time.
    fn read(&mut self, directory: &Path, above: &str) {
        for entry in std::fs::read_dir(directory).expect("a directory") {
            let entry = entry.expect("an entry").path();
            let name = entry.file_name().and_then(|name| name.to_str()).expect("a name");
            let name = format!("{above}{name}");
            let Ok(checks) = std::fs::read_to_string(entry.join("checks.json")) else {
                // The names of some scenarios have a slash.
                self.read(&entry, &format!("{name}/"));
                continue;
            };
            let name = name.strip_prefix("server-").unwrap_or(&name);
            let scenario = name.get(..name.len() - "-2026-07-28T00-00-00-000Z".len()).expect("the name of a scenario");
            self.judge(scenario, serde_json::from_str(&checks).expect("checks"));
        }
    }

    fn judge(&mut self, scenario: &str, checks: Vec<Check>) {
        let mut is_idle = true;
        for check in checks {
            let why = check.error_message.unwrap_or_default();
            match &*check.status {
                "SUCCESS" => {
                    self.passed += 1;
                    is_idle = false;
                }
                "INFO" if NOTES.contains(&&*check.id) => {}
                "SKIPPED" if scenario == NOT_LOOKED_AT => {}
                "SKIPPED" if why.starts_with(LATER) => {}
                "SKIPPED" if check.id == HEADERS && why.contains("initialize") => {}
                status => self.wrong.push(format!("{scenario}: {status} {}: {why}", check.id)),
            }
        }
        if is_idle && scenario != NOT_LOOKED_AT {
            self.wrong.push(format!("{scenario}: nothing was checked"));
        }
        self.scenarios.insert(scenario.to_owned());
    }

    /// What was seen of others, too.
    pub(crate) fn add(&mut self, other: Self) {
        self.scenarios.extend(other.scenarios);
        self.passed += other.passed;
        self.wrong.extend(other.wrong);
    }

    /// All of them ran, and nothing was wrong.
    pub(crate) fn assert(&self, suite: &Suite, role: Role, revision: &str, scenarios: &BTreeSet<String>) {
        let (role, release) = (role.name(), suite.release.name);
        assert!(self.wrong.is_empty(), "{role}, {revision}: {:#?}", self.wrong);
        assert_eq!(self.scenarios, *scenarios, "{role}, {revision}");
        let (count, passed) = (scenarios.len(), self.passed);
        say(&format!(
            "conformance | {release:14} | {role} | {revision:22} | {count:2} scenarios | {passed:3} checks passed"
        ));
    }
}
