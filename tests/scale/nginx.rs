//! The same with nginx in the middle, told what the documentation says.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;

use mcp_tests::http::{ACCEPT, Reply, request};
use mcp_tests::raw::said;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

use super::replica::free_address;
use super::{Farm, REPLICAS, survive};

const DOCUMENTATION: &str = include_str!("../../mcp-runtime/src/docs/deployment.md");

struct Nginx {
    address: SocketAddr,
    _process: Child,
    _folder: tempfile::TempDir,
}

impl Nginx {
    /// Starts it before these replicas. Where it is not installed there is none, which is a failure only where
    /// it must be there.
    async fn start(farm: &Farm) -> Option<Self> {
        let program = ["/usr/sbin/nginx", "/usr/local/sbin/nginx", "/usr/bin/nginx"]
            .into_iter()
            .find(|it| Path::new(it).exists());
        let Some(program) = program else {
            assert!(std::env::var_os("MCP_PEERS").is_none(), "nginx is not installed");
            // Past the capture of the test's output, which nobody sees of a test that passes.
            _ = writeln!(std::io::stderr(), "skipped a test: nginx is not installed");
            return None;
        };
        let folder = tempfile::tempdir().expect("a folder");
        let address = free_address();
        let file = folder.path().join("nginx.conf");
        std::fs::write(&file, configuration(farm, address, folder.path())).expect("written");
        let mut command = Command::new(program);
        command.arg("-p").arg(folder.path()).arg("-c").arg(&file).arg("-e").arg(folder.path().join("errors"));
        let process = command.stdin(Stdio::null()).kill_on_drop(true).spawn().expect("it starts");
        while TcpStream::connect(address).await.is_err() {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        Some(Self { address, _process: process, _folder: folder })
    }
}

/// The file of the documentation, with the addresses of this machine.
fn configuration(farm: &Farm, address: SocketAddr, folder: &Path) -> String {
    let (_, rest) = DOCUMENTATION.split_once("```nginx\n").expect("it has a configuration");
    let (file, _) = rest.split_once("```").expect("that ends");
    let mut file = file.to_owned();
    for (place, replica) in farm.addresses().into_iter().enumerate() {
        let host = format!("10.0.0.{}:8000", place + 1);
        assert!(file.contains(&host), "{host}");
        file = file
            .replace(&host, &replica.to_string())
            .replace(&host.replace('.', "\\."), &replica.to_string().replace('.', "\\."));
    }
    let here = |file: &str, from: &str, to: String| {
        assert!(file.contains(from), "{from}");
        file.replacen(from, &to, 1)
    };
    file = here(&file, "listen 80;", format!("listen {address};"));
    file = here(&file, "server_name mcp.example.com;", "server_name localhost;".to_owned());
    // What has its places on a machine of its own.
    let folder = folder.display();
    let places =
        ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(|it| format!("{it}_temp_path {folder}/{it};"));
    file = here(&file, "http {", format!("http {{ access_log off; {}", places.concat()));
    format!("daemon off; master_process off; pid {folder}/pid;\n{file}")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_survive_behind_nginx() {
    let mut farm = Farm::start().await;
    let Some(nginx) = Nginx::start(&farm).await else { return };
    survive(&mut farm, nginx.address, "behind nginx").await;
}

/// POSTs a message of a legacy client.
async fn post(address: SocketAddr, session: Option<&str>, message: &Value) -> Reply {
    let body = message.to_string();
    let session = session.map(|session| format!("mcp-session-id: {session}\r\n")).unwrap_or_default();
    let head = format!(
        "POST /mcp HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: application/json\r\naccept: {ACCEPT}\r\n\
         {session}content-length: {}\r\n\r\n",
        body.len()
    );
    let mut stream = TcpStream::connect(address).await.expect("it listens");
    stream.write_all(format!("{head}{body}").as_bytes()).await.expect("written");
    Reply::read(stream).await
}

#[tokio::test]
async fn legacy_sessions_go_to_the_replica_where_they_began_behind_nginx() {
    let farm = Farm::start().await;
    let Some(nginx) = Nginx::start(&farm).await else { return };
    let mut replicas = std::collections::BTreeSet::new();
    for number in 0..4 * REPLICAS {
        let info = json!({ "name": "by hand", "version": "1" });
        let params = json!({ "protocolVersion": "2025-11-25", "capabilities": { "sampling": {} }, "clientInfo": info });
        let reply = post(nginx.address, None, &request(0, "initialize", params)).await;
        let session = reply.header("mcp-session-id").expect("a session").to_owned();
        replicas.extend(session.rsplit('.').next().map(str::to_owned));
        let initialized = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
        assert_eq!(post(nginx.address, Some(&session), &initialized).await.status, 202);
        let name = format!("product-{number}");
        let call = request(1, "tools/call", json!({ "name": "create_product", "arguments": { "name": name } }));
        let mut stream = post(nginx.address, Some(&session), &call).await;
        let question = stream.message().await.expect("a question, when it is asked");
        let answer = json!({ "jsonrpc": "2.0", "id": question["id"], "result": said("Shines.") });
        assert_eq!(post(nginx.address, Some(&session), &answer).await.status, 202);
        let answered = stream.message().await.expect("a result");
        assert_eq!(answered["result"]["content"][0]["text"], format!("{name}: Shines."));
        // Where it did not begin there is no such session.
        let mut elsewhere = session.clone();
        let replica = elsewhere.pop().and_then(|it| it.to_digit(10)).expect("a number");
        elsewhere.push_str(&(replica % 3 + 1).to_string());
        assert_eq!(post(nginx.address, Some(&elsewhere), &request(2, "ping", json!({}))).await.status, 404);
        assert_eq!(post(nginx.address, Some(&session), &request(2, "ping", json!({}))).await.status, 200);
    }
    assert_eq!(replicas.len(), REPLICAS, "sessions begin everywhere");
}
