//! How often a call of `add` allocates memory, over the standard streams of a process and over HTTP; there beside
//! hyper with serde_json and the same answer behind it; and how much memory a call of `echo` over stdio allocates for a
//! long text: a copy that is kept anywhere but in the output is a block of its own. Not a test of the usual kind, since it is the server, too.

use std::alloc::System;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Command, ExitCode, Stdio};

use mcp_benches::{Era, answer_bare, bare_http};
use mcp_runtime::prelude::*;
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use tokio::net::TcpListener;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// What the process that serves is told to do.
const ROLE: &str = "ALLOCATIONS_OF";
const LONG: u64 = 3_000;
const LONG_ECHO: u64 = 300;

type Fallible<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// Add two integers.
#[tool]
fn add(a: i64, b: i64) -> i64 {
    a + b
}

/// Say it again.
#[tool]
fn echo(text: &str) -> &str {
    text
}

/// Say it again.
#[tool(name = "echo")]
fn echo_owned(text: String) -> String {
    text
}

/// How long the text is that is echoed.
const TEXT: usize = 64 << 10;

fn main() -> Fallible<ExitCode> {
    if let Ok(role) = std::env::var(ROLE) {
        serve(&role)?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut is_fine = true;
    for (era, at_most, at_most_above) in [(Era::Legacy, 0.0, -4.0), (Era::Modern, 1.0, -5.0)] {
        let allocations = |run: &dyn Fn(u64) -> Fallible<Allocated>| per_call(LONG, |calls| Ok(run(calls)?.blocks));
        let stdio = allocations(&|calls| over_stdio("stdio", calls, era, Era::call, is_right))?;
        let http = allocations(&|calls| over_http("http", era, calls))?;
        let bare = allocations(&|calls| over_http("bare-http", era, calls))?;
        let (name, above) = (era.name(), http - bare);
        say(&format!("{name}: {stdio:.2} allocations a call over stdio; {http:.2} over HTTP, {above:.2} above hyper"))?;
        if stdio > at_most + 0.1 || above > at_most_above + 0.1 {
            say(&format!("at most {at_most} are allowed over stdio, and over HTTP {at_most_above} above hyper"))?;
            is_fine = false;
        }
        for (role, copies) in [("echo", 0.0), ("echo-owned", 1.0)] {
            let run = |calls| Ok(over_stdio(role, calls, era, echo_call, is_echo)?.bytes);
            #[expect(clippy::cast_precision_loss, reason = "small numbers")]
            let texts = per_call(LONG_ECHO, run)? / TEXT as f64;
            say(&format!("{name}: {role} of 64 KiB allocates {texts:.2} times the text a call"))?;
            if texts > copies + 0.1 {
                say(&format!("at most {copies} times are allowed"))?;
                is_fine = false;
            }
        }
    }
    Ok(if is_fine { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn say(line: &str) -> io::Result<()> {
    writeln!(io::stdout(), "{line}")
}

/// What a call allocates: the difference of a run of so many calls and one of a third of them, so that start-up does not
/// count.
fn per_call(calls: u64, run: impl Fn(u64) -> Fallible<u64>) -> Fallible<f64> {
    let few = calls / 3;
    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
    Ok((run(calls)? as f64 - run(few)? as f64) / (calls - few) as f64)
}

fn text(id: u64) -> String {
    format!("{id:-<16}").repeat(TEXT / 16)
}

/// A call of `echo`, as a line.
fn echo_call(era: Era, id: u64) -> String {
    era.request(id, "echo", &format!(r#"{{"text":"{}"}}"#, text(id)))
}

fn is_echo(id: u64, answer: &str) -> Fallible<()> {
    let text = format!(r#""text":"{}""#, text(id));
    if answer.contains(&text) { Ok(()) } else { Err(format!("answer {id} is wrong: {answer:.200}").into()) }
}

fn serve(role: &str) -> Fallible<()> {
    let tools = match role {
        "echo" => tools![echo],
        "echo-owned" => tools![echo_owned],
        _ => tools![add],
    };
    let server = Server::new("bench").version("1.0.0").tools(tools);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        if !role.contains("http") {
            server.serve_stdio().await?;
            return Ok(report()?);
        }
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        writeln!(io::stdout(), "{}", listener.local_addr()?)?;
        std::thread::spawn(|| -> io::Result<()> {
            io::stdin().read_to_end(&mut Vec::new())?;
            report()?;
            std::process::exit(0);
        });
        match role {
            "bare-http" => bare_http(listener, answer_bare).await?,
            _ => server.build()?.http().serve(listener).await?,
        }
        Ok(())
    })
}

/// What a process has allocated.
struct Allocated {
    blocks: u64,
    bytes: u64,
}

/// Says what was allocated.
fn report() -> io::Result<()> {
    let stats = ALLOCATOR.stats();
    writeln!(io::stderr(), "{} {}", stats.allocations + stats.reallocations, stats.bytes_allocated)
}

impl Allocated {
    fn of(child: std::process::Child) -> Fallible<Self> {
        let said = String::from_utf8(child.wait_with_output()?.stderr)?;
        let (blocks, bytes) = said.trim().split_once(' ').ok_or("two numbers are wanted")?;
        Ok(Self { blocks: blocks.parse()?, bytes: bytes.parse()? })
    }
}

fn start(role: &str) -> io::Result<std::process::Child> {
    let mut command = Command::new(std::env::current_exe()?);
    command.env(ROLE, role).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()
}

/// One call after the other.
fn over_stdio(
    role: &str,
    calls: u64,
    era: Era,
    call: impl Fn(Era, u64) -> String,
    check: impl Fn(u64, &str) -> Fallible<()>,
) -> Fallible<Allocated> {
    let mut child = start(role)?;
    let (mut input, output) = (child.stdin.take().ok_or("no input")?, child.stdout.take().ok_or("no output")?);
    let mut lines = BufReader::new(output).lines();
    input.write_all(era.preamble().as_bytes())?;
    if era == Era::Legacy {
        lines.next().ok_or("no answer")??;
    }
    for id in 1..=calls {
        input.write_all(call(era, id).as_bytes())?;
        check(id, &lines.next().ok_or("no answer")??)?;
    }
    drop(input);
    Allocated::of(child)
}

fn over_http(role: &str, era: Era, calls: u64) -> Fallible<Allocated> {
    let mut child = start(role)?;
    let mut address = String::new();
    BufReader::new(child.stdout.as_mut().ok_or("no output")?).read_line(&mut address)?;
    let mut stream = BufReader::new(TcpStream::connect(address.trim())?);
    stream.get_ref().set_nodelay(true)?;
    let mut session = String::new();
    for message in era.preamble().lines() {
        if let (Some(named), _) = exchange(&mut stream, era, &session, message)? {
            session = format!("mcp-session-id: {named}\r\n");
        }
    }
    for id in 1..=calls {
        is_right(id, &exchange(&mut stream, era, &session, era.call(id).trim_end())?.1)?;
    }
    drop(child.stdin.take());
    Allocated::of(child)
}

/// Sends a message; returns the session that the answer names, and its body.
fn exchange(
    stream: &mut BufReader<TcpStream>,
    era: Era,
    session: &str,
    message: &str,
) -> Fallible<(Option<String>, String)> {
    let headers = match era {
        Era::Legacy => session,
        Era::Modern => "mcp-protocol-version: 2026-07-28\r\nmcp-method: tools/call\r\nmcp-name: add\r\n",
    };
    let request = format!(
        "POST /mcp HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
         accept: application/json, text/event-stream\r\n{headers}content-length: {}\r\n\r\n{message}",
        message.len()
    );
    stream.get_mut().write_all(request.as_bytes())?;
    let (mut length, mut named) = (0, None);
    loop {
        let mut line = String::new();
        stream.read_line(&mut line)?;
        match line.trim().split_once(": ") {
            Some(("content-length", value)) => length = value.parse()?,
            Some(("mcp-session-id", value)) => named = Some(value.to_owned()),
            Some(_) => {}
            None if line.trim().is_empty() => break,
            None => {}
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    Ok((named, String::from_utf8(body)?))
}

fn is_right(id: u64, answer: &str) -> Fallible<()> {
    let sum = format!("\"structuredContent\":{{\"result\":{}}}", id % 1000 + id % 777);
    if answer.contains(&sum) { Ok(()) } else { Err(format!("answer {id} is wrong: {answer}").into()) }
}
