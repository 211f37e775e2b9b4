//! Ten thousand sessions of legacy clients that do nothing, and a thousand streams of modern ones that listen,
//! over HTTP: how much memory of the server's process each of them takes, and whether it comes back when they are
//! gone. It ends with an error when that is more than is allowed.

use std::collections::HashMap;
use std::io::Write as _;
use std::net::SocketAddr;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use mcp_runtime::Resource;
use mcp_runtime::prelude::*;
use rustix::process::{Resource as Limited, Rlimit, getrlimit, setrlimit};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

const SESSIONS: usize = 10_000;
const STREAMS: usize = 1000;
/// Those who begin sessions at the same time.
const CLIENTS: usize = 8;
/// How long sessions last: longer than it takes to begin all of them.
const TIME: Duration = Duration::from_secs(8);
/// More bytes than these must not be held for each.
const SESSION: usize = 4 << 10;
const STREAM: usize = 48 << 10;
/// More bytes than these must not be held for as many sessions as there were before.
const GROWTH: usize = 4 << 20;

/// Serves; answers each line of its input with the number of sessions.
#[tokio::main]
async fn serve() -> Result<()> {
    let server = Server::new("sessions").resources(Resource::text("it://last", ""));
    let handle = server.handle();
    let server = server.build()?;
    let http = server.http().session_timeout(TIME).max_sessions(2 * SESSIONS);
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    writeln!(std::io::stdout(), "{}", listener.local_addr()?)?;
    let served = http.clone();
    let serving = tokio::spawn(async move { served.serve_until(listener, std::future::pending()).await });
    // Others serve meanwhile.
    for line in std::io::stdin().lines() {
        line?;
        let said: String = format!("{http:?}").chars().filter(char::is_ascii_digit).collect();
        writeln!(std::io::stdout(), "{said}")?;
        // So that streams are in use.
        handle.resource_updated("it://last");
    }
    serving.abort();
    Ok(())
}

/// The process that serves.
struct Served {
    child: Child,
    input: ChildStdin,
    output: std::io::BufReader<ChildStdout>,
    address: SocketAddr,
}

impl Served {
    fn start() -> Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        let mut child = command.arg("serve").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let (input, output) = (child.stdin.take().ok_or("no input")?, child.stdout.take().ok_or("no output")?);
        let mut output = std::io::BufReader::new(output);
        let address = read_line(&mut output)?.parse()?;
        Ok(Self { child, input, output, address })
    }

    fn sessions(&mut self) -> Result<usize> {
        self.input.write_all(b"?\n")?;
        Ok(read_line(&mut self.output)?.parse()?)
    }

    /// The bytes that it has in memory.
    fn memory(&self) -> Result<usize> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
        Ok(line.trim().trim_end_matches(" kB").parse::<usize>()? * 1024)
    }

    /// Begins sessions, and leaves them.
    async fn begin_sessions(&self, sessions: usize) -> Result<Vec<String>> {
        let mut clients = JoinSet::new();
        for client in 0..CLIENTS {
            let mut connection = Connection::open(self.address).await?;
            let share = sessions / CLIENTS + usize::from(client < sessions % CLIENTS);
            clients.spawn(async move {
                let mut ids = Vec::new();
                for _ in 0..share {
                    ids.push(connection.begin_session().await?);
                }
                Ok::<_, ToolError>(ids)
            });
        }
        let mut ids = Vec::new();
        while let Some(begun) = clients.join_next().await {
            ids.extend(begun??);
        }
        Ok(ids)
    }

    async fn listen(&self, streams: usize) -> Result<Vec<Connection>> {
        let mut open = Vec::new();
        for _ in 0..streams {
            let mut connection = Connection::open(self.address).await?;
            connection.listen().await?;
            open.push(connection);
        }
        Ok(open)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

fn read_line(output: &mut impl std::io::BufRead) -> Result<String> {
    let mut line = String::new();
    output.read_line(&mut line)?;
    Ok(line.trim().to_owned())
}

/// A connection that stays open.
struct Connection(BufReader<TcpStream>);

impl Connection {
    async fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self(BufReader::with_capacity(1024, stream)))
    }

    /// Sends a request; says the headers of the answer.
    async fn send(&mut self, headers: &str, method: &str, message: &str) -> Result<HashMap<String, String>> {
        let head = format!(
            "{method} /mcp HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
             accept: application/json, text/event-stream\r\n{headers}content-length: {}\r\n\r\n{message}",
            message.len()
        );
        self.0.write_all(head.as_bytes()).await?;
        let mut headers = HashMap::new();
        let mut line = String::new();
        self.0.read_line(&mut line).await?;
        if !line.starts_with("HTTP/1.1 20") {
            return Err(ToolError::new(format!("it answered {line}")));
        }
        loop {
            line.clear();
            self.0.read_line(&mut line).await?;
            match line.trim().split_once(": ") {
                Some((name, value)) => _ = headers.insert(name.to_lowercase(), value.to_owned()),
                None => return Ok(headers),
            }
        }
    }

    async fn exchange(&mut self, headers: &str, method: &str, message: &str) -> Result<HashMap<String, String>> {
        let headers = self.send(headers, method, message).await?;
        let length = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or_default();
        self.0.read_exact(&mut vec![0; length]).await?;
        Ok(headers)
    }

    async fn begin_session(&mut self) -> Result<String> {
        let info = json!({ "name": "idle", "version": "1" });
        let params = json!({ "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": info });
        let initialize = json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params });
        let mut headers = self.exchange("", "POST", &initialize.to_string()).await?;
        let session = headers.remove("mcp-session-id").ok_or("no session")?;
        let initialized = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
        self.exchange(&format!("mcp-session-id: {session}\r\n"), "POST", &initialized.to_string()).await?;
        Ok(session)
    }

    /// Listens to a resource.
    async fn listen(&mut self) -> Result<()> {
        let meta = json!({
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {},
        });
        let params = json!({ "_meta": meta, "notifications": { "resourceSubscriptions": ["it://last"] } });
        let message = json!({ "jsonrpc": "2.0", "id": 1, "method": "subscriptions/listen", "params": params });
        let headers = "mcp-protocol-version: 2026-07-28\r\nmcp-method: subscriptions/listen\r\n";
        self.send(headers, "POST", &message.to_string()).await?;
        self.hear("notifications/subscriptions/acknowledged").await
    }

    /// Reads on to this notification.
    async fn hear(&mut self, method: &str) -> Result<()> {
        let mut line = String::new();
        while self.0.read_line(&mut line).await? > 0 {
            let message: Option<Value> = line.strip_prefix("data: ").and_then(|data| serde_json::from_str(data).ok());
            if message.is_some_and(|message| message["method"] == method) {
                return Ok(());
            }
            line.clear();
        }
        Err(ToolError::new("the stream ended"))
    }
}

#[tokio::main]
async fn measure() -> Result<()> {
    let mut served = Served::start()?;
    // Until everything that does not grow is there.
    let first = served.begin_sessions(200).await?;
    drop(served.listen(20).await?);
    let mut connection = Connection::open(served.address).await?;
    for session in first {
        connection.exchange(&format!("mcp-session-id: {session}\r\n"), "DELETE", "").await?;
    }
    let nothing = served.memory()?;

    let start = Instant::now();
    served.begin_sessions(SESSIONS).await?;
    let took = start.elapsed();
    let with_sessions = served.memory()?;
    let mut streams = served.listen(STREAMS).await?;
    let open = served.sessions()?;
    for stream in &mut streams {
        stream.hear("notifications/resources/updated").await?;
    }
    let with_streams = served.memory()?;
    let still_open = served.sessions()?;
    if (open, still_open) != (SESSIONS, SESSIONS) {
        let message =
            format!("{open} and {still_open} of {SESSIONS} sessions were there; it took {took:?} to begin them");
        return Err(ToolError::new(message));
    }
    let (session, stream) =
        (with_sessions.saturating_sub(nothing) / SESSIONS, with_streams.saturating_sub(with_sessions) / STREAMS);
    eprintln!(
        "{SESSIONS} sessions, begun in {:.1} s: {session} bytes each; {STREAMS} streams: {stream} bytes each; {} MiB in all",
        took.as_secs_f64(),
        with_streams >> 20,
    );

    drop(streams);
    let start = Instant::now();
    while served.sessions()? > 0 {
        if start.elapsed() > 3 * TIME {
            return Err(format!(
                "{} sessions are left that nobody has used for {:?}",
                served.sessions()?,
                start.elapsed()
            )
            .into());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let (gone, ended) = (served.memory()?, start.elapsed());
    served.begin_sessions(SESSIONS).await?;
    let again = served.memory()?;
    eprintln!(
        "all were gone {:.1} s later, with {} MiB in memory; with as many sessions again it was {} MiB",
        ended.as_secs_f64(),
        gone >> 20,
        again >> 20,
    );
    if session > SESSION || stream > STREAM {
        return Err(format!("at most {SESSION} bytes are allowed for a session, and {STREAM} for a stream").into());
    }
    if again > with_streams + GROWTH {
        return Err("memory of sessions that are gone is not used again".into());
    }
    Ok(())
}

fn main() -> Result<()> {
    // One for each stream, and some more.
    let enough = Some(STREAMS as u64 + 200);
    let Rlimit { current, maximum } = getrlimit(Limited::Nofile);
    if current.is_some_and(|current| Some(current) < enough) {
        setrlimit(Limited::Nofile, Rlimit { current: enough, maximum })?;
    }
    match std::env::args().nth(1).as_deref() {
        Some("serve") => serve(),
        _ => measure(),
    }
}
