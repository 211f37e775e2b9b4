//! The standard streams of a real process: what prints, what inherits, what stops.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use mcp_runtime::client::Speaker;
use mcp_tests::conform::Conversation;

const INITIALIZE: &str = r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{"sampling":{}},"clientInfo":{"name":"test","version":"1"}}}"#;

struct Fixture {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    conversation: Conversation,
}

impl Fixture {
    fn start() -> Self {
        Self::start_with(|_| {})
    }

    /// One whose calls have time to end, however busy the machine is.
    fn start_patient() -> Self {
        Self::start_with(|command| _ = command.env("FIXTURE_DRAIN_SECONDS", "60"))
    }

    /// Starts the fixture and shakes hands.
    fn start_with(change: impl FnOnce(&mut Command)) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_fixture"));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        change(&mut command);
        let mut child = command.spawn().expect("the fixture starts");
        let (input, output) = (child.stdin.take(), BufReader::new(child.stdout.take().expect("a pipe")));
        let conversation = Conversation::of(&[Speaker::Server]);
        let mut fixture = Self { child, input, output, conversation };
        fixture.send(INITIALIZE);
        assert!(fixture.receive().contains("serverInfo"));
        fixture
    }

    fn send(&mut self, line: &str) {
        self.conversation.assert(Speaker::Client, line);
        let input = self.input.as_mut().expect("the input is open");
        input.write_all(format!("{line}\n").as_bytes()).expect("the fixture reads");
    }

    fn call(&mut self, id: u32, tool: &str, arguments: &str) {
        self.send(&format!(
            r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{{"name":"{tool}","arguments":{arguments}}}}}"#
        ));
    }

    fn receive(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).expect("UTF-8");
        self.conversation.assert(Speaker::Server, &line);
        line
    }

    /// Closes the input and waits for the end; the rest of the output comes back.
    fn end(mut self) -> (String, String) {
        drop(self.input.take());
        let mut rest = String::new();
        self.output.read_to_string(&mut rest).expect("UTF-8");
        rest.lines().for_each(|line| self.conversation.assert(Speaker::Server, line));
        let status = self.child.wait().expect("the fixture ends");
        assert!(status.success(), "{status}");
        let mut errors = String::new();
        if let Some(mut stderr) = self.child.stderr.take() {
            stderr.read_to_string(&mut errors).expect("UTF-8");
        }
        (rest, errors)
    }
}

#[test]
fn what_a_tool_prints_goes_to_standard_error() {
    let mut fixture = Fixture::start();
    fixture.call(1, "print", "{}");
    assert!(fixture.receive().contains(r#""text":"printed""#));
    let (rest, errors) = fixture.end();
    assert_eq!(rest, "");
    assert!(errors.contains(r#"{"not": "protocol"}"#), "{errors}");
}

#[test]
fn a_child_process_of_a_tool_does_not_read_the_protocol() {
    let mut fixture = Fixture::start();
    fixture.call(1, "child", "{}");
    fixture.call(2, "add", r#"{"a":1,"b":2}"#);
    let replies = [fixture.receive(), fixture.receive()].concat();
    assert!(replies.contains("cat read 0 bytes and exit status: 0"), "{replies}");
    assert!(replies.contains(r#"{"result":3}"#), "{replies}");
    fixture.end();
}

#[test]
fn a_tool_that_blocks_holds_nobody_up() {
    let mut fixture = Fixture::start();
    fixture.call(1, "block", "{}");
    fixture.call(2, "add", r#"{"a":1,"b":2}"#);
    assert!(fixture.receive().contains(r#""id":2"#));
    fixture.call(3, "release", "{}");
    let replies = [fixture.receive(), fixture.receive()].concat();
    assert!(replies.contains(r#""id":1"#) && replies.contains(r#""text":"done""#), "{replies}");
    fixture.end();
}

#[test]
fn calls_that_run_when_the_input_ends_may_finish() {
    let mut fixture = Fixture::start_patient();
    fixture.call(1, "block", "{}");
    fixture.call(2, "explode_later", "{}");
    fixture.call(3, "release", "{}");
    let (rest, _) = fixture.end();
    assert!(rest.contains("done") && rest.contains("panicked"), "{rest}");
}

#[test]
fn calls_that_never_finish_do_not_keep_the_process() {
    let mut fixture = Fixture::start();
    fixture.call(1, "hang", "{}");
    let (rest, _) = fixture.end();
    assert_eq!(rest, "");
}

#[test]
fn a_question_that_nobody_can_answer_any_more_fails() {
    let mut fixture = Fixture::start_patient();
    fixture.call(1, "ask", r#"{"question":"why?"}"#);
    assert!(fixture.receive().contains("sampling/createMessage"));
    let (rest, _) = fixture.end();
    assert!(rest.contains("the client is gone"), "{rest}");
}

#[test]
fn a_question_asked_after_the_end_of_input_fails_at_once() {
    let mut fixture = Fixture::start_patient();
    fixture.call(1, "ask_thrice", "{}");
    let answer = r#""result":{"role":"assistant","content":{"type":"text","text":"a"},"model":"m"}"#;
    for _ in 0..2 {
        fixture.receive();
    }
    for id in 1..=2 {
        fixture.send(&format!(r#"{{"jsonrpc":"2.0","id":{id},{answer}}}"#));
    }
    // The third question comes when nobody can answer it any more.
    let (rest, _) = fixture.end();
    assert!(rest.contains("the client is gone"), "{rest}");
}

#[cfg(unix)]
#[test]
fn sigterm_ends_the_server_cleanly() {
    let mut fixture = Fixture::start();
    let killed = Command::new("kill").arg(fixture.child.id().to_string()).status().expect("kill runs");
    assert!(killed.success());
    // The input stays open: only the signal can have ended it.
    let status = fixture.child.wait().expect("the fixture ends");
    assert!(status.success(), "{status}");
}

#[test]
fn a_client_that_stops_reading_loses_nothing() {
    let mut fixture = Fixture::start();
    let text = "x".repeat(100_000);
    let mut input = fixture.input.take().expect("the input is open");
    let call = move |id: u32| {
        format!(
            r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{{"name":"echo","arguments":{{"text":"{text}"}}}}}}"#
        )
    };
    (1..=200).for_each(|id| fixture.conversation.assert(Speaker::Client, &call(id)));
    // Far more than the pipes and the buffers hold: the writer has to wait for the reader.
    let writer = std::thread::spawn(move || {
        for id in 1..=200 {
            input.write_all(call(id).as_bytes()).expect("the fixture reads");
            input.write_all(b"\n").expect("the fixture reads");
        }
        input
    });
    for id in 1..=200 {
        let reply = fixture.receive();
        assert!(reply.starts_with(&format!(r#"{{"jsonrpc":"2.0","id":{id},"result""#)), "{}", &reply[..80]);
        assert!(reply.len() > 100_000);
    }
    fixture.input = Some(writer.join().expect("all was written"));
    fixture.end();
}

#[test]
fn what_stands_in_no_line_of_its_own_is_answered_too() {
    let mut fixture = Fixture::start();
    let last = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
    fixture.conversation.assert(Speaker::Client, last);
    fixture.input.as_mut().expect("open").write_all(last.as_bytes()).expect("the fixture reads");
    let (rest, _) = fixture.end();
    assert_eq!(rest, "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}\n");
}

#[test]
fn too_many_calls_at_once_are_refused_and_the_others_go_on() {
    let mut fixture = Fixture::start_with(|command| {
        command.env("FIXTURE_CALLS_IN_FLIGHT", "2");
    });
    fixture.call(1, "hang", "{}");
    fixture.call(2, "hang", "{}");
    fixture.call(3, "hang", "{}");
    assert!(fixture.receive().contains(r#""id":3,"error":{"code":-32603,"message":"the server is busy"#));
    fixture.send(r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}"#);
    fixture.call(4, "add", r#"{"a":1,"b":2}"#);
    assert!(fixture.receive().contains(r#""id":4,"result""#));
    fixture.end();
}

#[test]
fn masked_errors_tell_the_caller_nothing() {
    let mut fixture = Fixture::start_with(|command| {
        command.env("FIXTURE_MASK_ERRORS", "1");
    });
    fixture.call(1, "fail", "{}");
    let reply = fixture.receive();
    assert!(reply.contains(r#""isError":true"#) && !reply.contains("disk"), "{reply}");
    fixture.end();
}

/// A terminal or a file instead of a pipe, and standard error on the same description.
#[cfg(unix)]
#[test]
fn files_and_shared_descriptions_work_like_pipes() {
    let folder = tempfile::tempdir().expect("a folder");
    let script = folder.path().join("script");
    let calls = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"print"}}"#;
    std::fs::write(&script, format!("{INITIALIZE}\n{calls}\n")).expect("written");
    for redirection in [">out 2>/dev/null", ">out 2>&1", "2>&1 | cat >out", "| cat >out"] {
        let shell = format!("{} <script {redirection}", env!("CARGO_BIN_EXE_fixture"));
        let status = Command::new("sh").args(["-c", &shell]).current_dir(&folder).status().expect("a shell");
        assert!(status.success(), "{redirection}: {status}");
        let out = std::fs::read_to_string(folder.path().join("out")).expect("the output");
        assert!(out.contains(r#""serverInfo""#) && out.contains(r#""text":"printed""#), "{redirection}: {out}");
        assert_eq!(out.contains(r#"{"not": "protocol"}"#), redirection.contains("2>&1"), "{redirection}: {out}");
    }
}

/// Parents made with Node.js give socket pairs.
#[cfg(unix)]
#[test]
fn socket_pairs_work_like_pipes() {
    use std::os::fd::OwnedFd;
    use std::os::unix::net::UnixStream;

    let (mut ours, theirs) = UnixStream::pair().expect("a pair");
    let (input, output): (OwnedFd, OwnedFd) = (theirs.try_clone().expect("a clone").into(), theirs.into());
    let mut child = Command::new(env!("CARGO_BIN_EXE_fixture"))
        .stdin(input)
        .stdout(output)
        .stderr(Stdio::null())
        .spawn()
        .expect("the fixture starts");
    ours.write_all(format!("{INITIALIZE}\n").as_bytes()).expect("the fixture reads");
    let mut line = String::new();
    BufReader::new(&ours).read_line(&mut line).expect("UTF-8");
    assert!(line.contains("serverInfo"), "{line}");
    ours.shutdown(std::net::Shutdown::Write).expect("shut down");
    assert!(child.wait().expect("the fixture ends").success());
}

#[test]
fn the_command_line_is_checked() {
    let run = |args: &[&str]| {
        Command::new(env!("CARGO_BIN_EXE_fixture")).args(args).stdin(Stdio::null()).output().expect("it runs")
    };
    let version = run(&["--version"]);
    assert_eq!(String::from_utf8_lossy(&version.stdout), "fixture 1.2.3\n");
    assert!(String::from_utf8_lossy(&run(&["--help"]).stdout).contains("Usage: fixture"));
    let wrong = run(&["--prot", "1"]);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("unexpected argument `--prot`"));
}
