//! Our client over HTTP, against our own server: all that works over standard streams works here, in both eras.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use mcp_runtime::client::{Called, ClientBuilder, Era, ServerChange};
use mcp_runtime::prelude::*;
use mcp_runtime::protocol::{
    CreateMessageRequestParams, CreateMessageResult, ElicitRequestParams, ElicitResult, ErrorCode, LoggingLevel,
    ProtocolVersion, SubscriptionFilter,
};
use mcp_runtime::rustls::ServerConfig;
use mcp_runtime::rustls::pki_types::PrivateKeyDer;
use mcp_runtime::{ErrorKind, StreamableHttp, reqwest};
use mcp_tests::http::Served;
use mcp_tests::{changing, checked, library, server};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::time::timeout;

use mcp_tests::scripted::LONGEST;

fn url(served: &Served) -> String {
    format!("http://{}/mcp", served.address)
}

/// A client with a model that repeats what it is told, and a user who wants size 7.
fn client(served: &Served, era: Era) -> ClientBuilder {
    checked::http(url(served))
        .era(era)
        .on_sampling(|request: CreateMessageRequestParams| async move {
            Ok(CreateMessageResult::text("parrot", request.joined_text()))
        })
        .on_elicitation(|_: ElicitRequestParams| async {
            Ok(ElicitResult::accept(serde_json::Map::from_iter([("size".to_owned(), json!(7))])))
        })
}

const ERAS: [(Era, ProtocolVersion); 3] = [
    (Era::Auto, ProtocolVersion::V2026_07_28),
    (Era::Modern, ProtocolVersion::V2026_07_28),
    (Era::Legacy, ProtocolVersion::V2025_11_25),
];

#[tokio::test]
async fn tools_are_listed_and_called() {
    let served = Served::start(server(Arc::default())).await;
    for (era, version) in ERAS {
        let client = client(&served, era).connect().await.expect("a connection");
        assert_eq!(client.protocol_version(), version);
        assert_eq!(client.server_info().map(|info| &*info.name), Some("fixture"));
        assert_eq!(client.instructions(), Some("For tests."));
        assert!(client.list_tools().await.expect("a list").iter().any(|tool| tool.name == "add"));
        assert_eq!(client.call::<i64>("add", [("a", 20), ("b", 22)]).await.expect("a sum"), 42);
        // More than fits into one piece of a stream.
        let long = "ü".repeat(300_000);
        assert_eq!(client.call::<String>("echo", [("text", &long)]).await.expect("the text"), long);

        let error = client.call::<()>("fail", ()).await.expect_err("it fails");
        assert_eq!((error.kind(), error.to_string()), (ErrorKind::Tool, "disk is full".to_owned()));
        let error = client.call::<()>("nowhere", ()).await.expect_err("there is none");
        assert_eq!(error.peer_error().map(|error| error.code), Some(ErrorCode::InvalidParams), "{era:?}");
        client.close().await.expect("it ends");
    }
}

#[tokio::test]
async fn servers_ask_their_clients_in_the_middle_of_calls() {
    let served = Served::start(server(Arc::default())).await;
    for (era, _) in ERAS {
        let client = client(&served, era).connect().await.expect("a connection");
        assert_eq!(client.call::<String>("ask", [("question", "why?")]).await.expect("an answer"), "why?");
        assert_eq!(client.call::<String>("ask_thrice", ()).await.expect("an answer"), "one and two", "{era:?}");
        let plan: String = client.call("plan", [("topic", "trip")]).await.expect("a plan");
        assert_eq!(plan, "trip one, trip two (18), size Some(7)", "{era:?}");
        // Several at once, each with questions of its own.
        let calls = (0..8).map(|number| client.call::<String>("ask", json!({ "question": number.to_string() })));
        let answers = futures_util::future::join_all(calls).await;
        for (number, answer) in answers.into_iter().enumerate() {
            assert_eq!(answer.expect("an answer"), number.to_string());
        }
    }
}

#[tokio::test]
async fn resources_are_read_prompts_got_and_arguments_completed() {
    let served = Served::start(library::server(Arc::default())).await;
    for (era, _) in ERAS {
        let client = client(&served, era).connect().await.expect("a connection");
        assert!(!client.list_resources().await.expect("a list").is_empty());
        assert!(!client.list_resource_templates().await.expect("a list").is_empty());
        assert!(!client.list_prompts().await.expect("a list").is_empty());
        assert_eq!(client.read_resource("docs://readme").await.expect("it is there").joined_text(), "# Begin");
        let error = client.read_resource("docs://nothing").await.expect_err("it is not there");
        assert_eq!(error.kind(), ErrorKind::Refused);
    }
}

#[tokio::test]
async fn progress_and_log_come_before_the_result() {
    let served = Served::start(server(Arc::default())).await;
    for (era, _) in ERAS {
        let (heard, mut said) = mpsc::unbounded_channel();
        let also = heard.clone();
        let client = client(&served, era)
            .on_log(LoggingLevel::Info, move |message| {
                drop(heard.send(format!("{:?}: {}", message.level, message.data)))
            })
            .on_progress(move |progress| drop(also.send(format!("{} of {:?}", progress.progress, progress.total))))
            .connect()
            .await
            .expect("a connection");
        assert_eq!(client.call::<String>("report", ()).await.expect("a result"), "reported");
        let mut all = Vec::new();
        while let Ok(one) = said.try_recv() {
            all.push(one);
        }
        assert!(all.iter().any(|one| one.contains("half way")), "{era:?}: {all:?}");
        assert!(all.iter().any(|one| one.starts_with("2 of Some(2")), "{era:?}: {all:?}");
        assert!(!all.iter().any(|one| one.contains("details")), "{era:?}: {all:?}");
    }
}

#[tokio::test]
async fn a_call_that_is_dropped_is_cancelled() {
    for (era, _) in ERAS {
        let served = Served::start(server(Arc::default())).await;
        let client = client(&served, era).connect().await.expect("a connection");
        // The tools are known already, so that the call itself is what runs.
        client.list_tools().await.expect("a list");
        let hanging = client.call::<String>("hang", ());
        let _ = timeout(std::time::Duration::from_millis(200), hanging).await.expect_err("it hangs");
        assert_eq!(timeout(LONGEST, client.call::<u64>("dropped", ())).await.expect("in time").expect("a count"), 1);
    }
}

#[tokio::test]
async fn calls_go_on_as_tasks() {
    let served = Served::start(server(Arc::default())).await;
    let client = client(&served, Era::Auto).tasks().connect().await.expect("a connection");
    let Called::Task(task) = client.start_tool("plan", [("topic", "trip")]).await.expect("a call") else {
        panic!("it is no task");
    };
    let result = task.finish().await.expect("a result");
    assert_eq!(result.joined_text(), "trip one, trip two (18), size Some(7)");
}

#[tokio::test]
async fn changes_are_heard() {
    for (era, _) in ERAS {
        let (server, handle) = changing::server();
        let served = Served::start(server).await;
        let client = client(&served, era).connect().await.expect("a connection");
        let filter = SubscriptionFilter::new().tools().resource("note://tea");
        let mut changes = client.subscribe(filter.resource("elsewhere://x")).await.expect("a subscription");
        assert_eq!(changes.filter().resource_subscriptions, ["note://tea"], "{era:?}");
        client.call::<()>("add", [("name", "more")]).await.expect("added");
        let next = timeout(LONGEST, changes.next()).await.expect("in time");
        assert_eq!(next.transpose().expect("a change"), Some(ServerChange::Tools), "{era:?}");
        handle.resource_updated("note://milk");
        handle.resource_updated("note://tea");
        let next = timeout(LONGEST, changes.next()).await.expect("in time");
        assert_eq!(
            next.transpose().expect("a change"),
            Some(ServerChange::Resource("note://tea".to_owned())),
            "{era:?}"
        );
        assert_eq!(client.list_tools().await.expect("a list").len(), 4, "{era:?}");
        drop(changes);
        served.shutdown().await;
    }
}

/// Look up a region.
#[tool]
fn region(#[arg(header = "Region")] region: Option<String>, #[arg(header = "Row")] row: i64) -> String {
    format!("{region:?} {row}")
}

#[tokio::test]
async fn arguments_stand_in_headers_where_their_tool_wants_that() {
    let served = Served::start(Server::new("regions").tools(tools![region])).await;
    for (era, _) in ERAS {
        // Whether the tools were listed before or not.
        let client = client(&served, era).connect().await.expect("a connection");
        for name in ["Zürich", " padded ", "", "=?base64?literal?=", "line\r\nX-Evil: yes"] {
            let said: String = client.call("region", json!({ "region": name, "row": -7 })).await.expect("a result");
            assert_eq!(said, format!("{:?} -7", Some(name)), "{era:?}");
        }
        let said: String = client.call("region", json!({ "region": null, "row": 1 })).await.expect("a result");
        assert_eq!(said, "None 1");
    }
}

#[tokio::test]
async fn a_server_over_http_is_offered_by_another_one() {
    let served = Served::start(server(Arc::default())).await;
    for (era, _) in ERAS {
        let proxy = checked::http(url(&served)).era(era).proxy().await.expect("a proxy");
        let asked = Arc::new(AtomicU32::new(0));
        let count = asked.clone();
        let client = checked::in_memory(proxy)
            .on_sampling(move |request: CreateMessageRequestParams| {
                count.fetch_add(1, Ordering::SeqCst);
                async move { Ok(CreateMessageResult::text("parrot", request.joined_text())) }
            })
            .connect()
            .await
            .expect("a connection");
        assert_eq!(client.call::<i64>("add", [("a", 20), ("b", 22)]).await.expect("a sum"), 42);
        assert_eq!(client.call::<String>("ask_thrice", ()).await.expect("an answer"), "one and two", "{era:?}");
        assert_eq!(asked.load(Ordering::SeqCst), 3);
    }
}

async fn serve(server: Server) -> (StreamableHttp, String) {
    let http = server.build().expect("it fits together").http();
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("there is a port");
    let url = format!("http://{}/mcp", listener.local_addr().expect("it has an address"));
    let serving = http.clone();
    tokio::spawn(async move { serving.serve_until(listener, std::future::pending()).await });
    (http, url)
}

#[tokio::test]
async fn a_session_ends_with_its_client() {
    let (http, url) = serve(server(Arc::default())).await;
    let sessions = |number: u32| format!("{http:?}").contains(&format!("sessions: {number}"));
    let client = checked::http(&*url).era(Era::Legacy).connect().await.expect("a connection");
    let another = checked::http(&*url).era(Era::Legacy).connect().await.expect("a connection");
    assert!(sessions(2), "{http:?}");
    client.close().await.expect("it ends");
    assert!(sessions(1), "{http:?}");
    drop(another);
    timeout(LONGEST, async {
        while !sessions(0) {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    })
    .await
    .expect("it ends, too");
}

#[tokio::test]
async fn a_client_can_be_dropped_where_there_is_no_runtime() {
    let (_http, url) = serve(server(Arc::default())).await;
    let client = checked::http(&*url).era(Era::Legacy).connect().await.expect("a connection");
    std::thread::spawn(move || drop(client)).join().expect("it does not panic");
}

#[tokio::test]
async fn servers_over_https_are_called_with_http_2() {
    /// How was it asked?
    #[tool]
    fn asked(uri: mcp_runtime::Extension<mcp_runtime::http::Uri>) -> String {
        // Only HTTP/2 has more than a path here.
        uri.to_string()
    }
    let identity = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let certificate = identity.cert.der().clone();
    let key = PrivateKeyDer::try_from(identity.signing_key.serialize_der()).expect("a key");
    let config = ServerConfig::builder().with_no_client_auth().with_single_cert(vec![certificate.clone()], key);
    let http = Server::new("encrypted").tools(tools![asked]).build().expect("it fits together").http();
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("there is a port");
    let url = format!("https://localhost:{}/mcp", listener.local_addr().expect("it has an address").port());
    tokio::spawn(http.serve_tls(listener, config.expect("a configuration"), std::future::pending()));
    let certificate = reqwest::Certificate::from_der(&certificate).expect("a certificate");
    let trusting = reqwest::Client::builder().tls_certs_only([certificate]).build().expect("a client");
    for (era, _) in ERAS {
        let client = checked::http(&*url).era(era).http_client(trusting.clone()).connect().await.expect("a connection");
        assert_eq!(client.call::<String>("asked", ()).await.expect("an answer"), url, "{era:?}");
    }
    // Nobody else trusts it.
    let error = checked::http(&*url).connect().await.expect_err("it could be anybody");
    assert_eq!(error.kind(), ErrorKind::Io);
}

#[tokio::test]
async fn what_is_sent_with_each_request_reaches_tools_and_no_log() {
    /// Who calls?
    #[tool]
    fn headers(headers: mcp_runtime::Extension<mcp_runtime::http::HeaderMap>) -> Vec<String> {
        ["x-api-key", "authorization"]
            .iter()
            .filter_map(|it| Some(headers.get(*it)?.to_str().ok()?.to_owned()))
            .collect()
    }
    let served = Served::start(Server::new("headers").tools(tools![headers])).await;
    for (era, _) in ERAS {
        let builder = client(&served, era).header("X-Api-Key", "key-7").bearer("token-7");
        assert!(!format!("{builder:?}").contains('7'), "{builder:?}");
        let client = builder.connect().await.expect("a connection");
        assert_eq!(client.call::<Vec<String>>("headers", ()).await.expect("them"), ["key-7", "Bearer token-7"]);
        assert!(!format!("{client:?}").contains("-7\""), "{client:?}");
    }
}
