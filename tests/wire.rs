//! The wire, line by line: what goes in and exactly what comes out of a real process.
//!
//! The scripts in `wire/` are conversations. A line that starts with `> ` is sent, one with `< `
//! must come back, and `# ` begins a new conversation with a process of its own, whose title it
//! is. At a line `.`, and else at the end of each, the input is closed: nothing more may come then but what is
//! written, and the process must end with status 0. In a line to send, `{fill:N}` stands for N letters, `{ff}` for a byte that is
//! not UTF-8, `{meta}` for the `_meta` of a modern client that can sample, `{bare}` for that of one that cannot, `{state}` for the
//! last `requestState` that came, and `{key1}`, `{key2}` for the keys of the last input requests. In a line that comes, a `requestState` is shown as `…`.
//!
//! All that comes must be what the specification's schemas allow, too.
//!
//! `WIRE=write cargo test -p mcp-tests --test wire` writes down what comes, to be reviewed.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

use mcp_runtime::client::Speaker;
use mcp_tests::conform::Conversation;
use serde_json::Value;

const META: &str = r#""_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{"name":"script","version":"1"},"io.modelcontextprotocol/clientCapabilities":{"sampling":{}}}"#;

const BARE: &str = r#""_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}"#;

#[test]
fn messages_that_are_none() {
    replay("malformed.txt");
}

#[test]
fn the_legacy_era() {
    replay("legacy.txt");
}

#[test]
fn the_modern_era() {
    replay("modern.txt");
}

#[test]
fn both_eras_on_one_connection() {
    replay("both.txt");
}

#[test]
fn resources() {
    replay_with("resources.txt", &[("FIXTURE_SERVER", "library")]);
}

#[test]
fn prompts() {
    replay_with("prompts.txt", &[("FIXTURE_SERVER", "library")]);
}

#[test]
fn what_is_wrong_with_each_method() {
    replay_with("wrong.txt", &[("FIXTURE_SERVER", "library")]);
}

#[test]
fn subscriptions() {
    replay_with("subscriptions.txt", &[("FIXTURE_SERVER", "changing")]);
}

#[test]
fn completions() {
    replay_with("completion.txt", &[("FIXTURE_SERVER", "completing")]);
}

fn path(file: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("wire").join(file)
}

fn replay(file: &str) {
    replay_with(file, &[]);
}

/// Each process gets this environment.
fn replay_with(file: &str, environment: &[(&str, &str)]) {
    let path = path(file);
    let script = std::fs::read_to_string(&path).expect("the script");
    let mut came = String::new();
    for conversation in conversations(&script) {
        came.push_str(&hold(conversation, environment));
    }
    if std::env::var("WIRE").is_ok_and(|what| what == "write") {
        std::fs::write(path, came).expect("the script is written");
        return;
    }
    for (expected, came) in script.lines().zip(came.lines()) {
        assert_eq!(expected, came, "in {file}");
    }
    assert_eq!(script.lines().count(), came.lines().count(), "in {file}");
}

fn conversations(script: &str) -> impl Iterator<Item = &str> {
    let mut starts: Vec<usize> = script.match_indices("# ").map(|(at, _)| at).collect();
    starts.retain(|&at| at == 0 || script.as_bytes()[at - 1] == b'\n');
    let ends: Vec<usize> = starts.iter().skip(1).copied().chain([script.len()]).collect();
    starts.into_iter().zip(ends).map(move |(start, end)| &script[start..end])
}

/// Holds one conversation and writes down what came.
fn hold(conversation: &str, environment: &[(&str, &str)]) -> String {
    let mut child = Command::new(env!("CARGO_BIN_EXE_fixture"))
        .envs(environment.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the fixture starts");
    let mut input = Some(child.stdin.take().expect("a pipe"));
    let mut output = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    // A conversation that hangs is a failure, not a hang of the tests.
    let (done, watchdog) = std::sync::mpsc::channel::<()>();
    let pid = child.id();
    std::thread::spawn(move || {
        if watchdog.recv_timeout(Duration::from_secs(60)) == Err(RecvTimeoutError::Timeout) {
            let _ = Command::new("kill").arg(pid.to_string()).status();
        }
    });
    let (mut came, mut state, mut keys) = (String::new(), String::new(), Vec::new());
    let mut said = Conversation::of(&[Speaker::Server]);
    for line in conversation.lines() {
        if let Some(message) = line.strip_prefix("> ") {
            let (input, message) = (input.as_mut().expect("the input is open"), fill_in(message, &state, &keys));
            said.assert(Speaker::Client, &String::from_utf8_lossy(&message));
            input.write_all(&message).expect("the fixture reads");
        }
        if line == "." {
            input = None;
        }
        if line.starts_with('<') {
            let reply = output.next().map_or_else(|| "(end)".to_owned(), |line| line.expect("UTF-8"));
            said.assert(Speaker::Server, &reply);
            let new_keys = keys_of(&reply);
            if !new_keys.is_empty() {
                keys = new_keys;
            }
            let (shown, new_state) = hide_state(&reply);
            state = new_state.unwrap_or(state);
            came.push_str(&format!("< {shown}\n"));
        } else {
            came.push_str(&format!("{line}\n"));
        }
    }
    drop(input);
    for unexpected in output {
        came.push_str(&format!("! unexpected: {}\n", unexpected.expect("UTF-8")));
    }
    drop(done);
    let status = child.wait().expect("the fixture ends");
    assert!(status.success(), "{status} after {conversation}");
    came
}

fn fill_in(message: &str, state: &str, keys: &[String]) -> Vec<u8> {
    let mut text = message.replace("{meta}", META).replace("{bare}", BARE).replace("{state}", state);
    for (index, key) in keys.iter().enumerate() {
        text = text.replace(&format!("{{key{}}}", index + 1), key);
    }
    while let Some(at) = text.find("{fill:") {
        let end = text[at..].find('}').expect("a closing brace") + at;
        let count: usize = text[at + 6..end].parse().expect("a number");
        text.replace_range(at..=end, &"a".repeat(count));
    }
    let mut bytes = Vec::new();
    for (index, part) in text.split("{ff}").enumerate() {
        if index > 0 {
            bytes.push(0xff);
        }
        bytes.extend_from_slice(part.as_bytes());
    }
    bytes.push(b'\n');
    bytes
}

fn keys_of(reply: &str) -> Vec<String> {
    let reply: Value = serde_json::from_str(reply).unwrap_or_default();
    let requests = reply["result"]["inputRequests"].as_object();
    requests.map(|requests| requests.keys().cloned().collect()).unwrap_or_default()
}

fn hide_state(reply: &str) -> (String, Option<String>) {
    const MEMBER: &str = "\"requestState\":\"";
    let Some(at) = reply.find(MEMBER) else { return (reply.to_owned(), None) };
    let start = at + MEMBER.len();
    let end = reply[start..].find('"').expect("a closing quote") + start;
    (format!("{}…{}", &reply[..start], &reply[end..]), Some(reply[start..end].to_owned()))
}
