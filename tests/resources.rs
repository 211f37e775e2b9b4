//! Resources, as their clients read them: values, files, directories, questions on every carrier, and
//! what goes wrong when a server starts.

use std::sync::Arc;
use std::time::Duration;

use mcp_runtime::client::Era;
use mcp_runtime::prelude::*;
use mcp_runtime::protocol::{
    Annotations, CacheScope, CreateMessageResult, ErrorCode, ErrorObject, ReadResourceResult, ResourceContents,
};
use mcp_runtime::testing::Trial;
use mcp_runtime::{Client, Error, ErrorKind, IntoResourceResult, Resource};
use mcp_tests::World;
use mcp_tests::checked;
use mcp_tests::library::{User, server};
use mcp_tests::raw::{Peer, shout};
use serde_json::{Map, Value, json};

async fn connect(server: Server, era: Era) -> Client {
    checked::in_memory(server).era(era).connect().await.expect("a connection")
}

async fn read(client: &Client, uri: &str) -> ReadResourceResult {
    client.read_resource(uri).await.unwrap_or_else(|error| panic!("{uri}: {error:?}"))
}

fn refusal(error: &Error) -> &ErrorObject {
    assert_eq!(error.kind(), ErrorKind::Refused, "{error:?}");
    error.peer_error().expect("the server's error")
}

async fn refused(client: &Client, uri: &str) -> ErrorObject {
    refusal(&client.read_resource(uri).await.expect_err(uri)).clone()
}

#[tokio::test]
async fn resources_are_listed_and_read_in_both_eras() {
    for era in [Era::Legacy, Era::Modern] {
        let client = connect(server(World::default()), era).await;
        let listed = client.list_resources().await.expect("a list");
        let uris: Vec<&str> = listed.iter().map(|it| &*it.uri).collect();
        assert_eq!(uris, ["docs://readme", "image://logo", "docs://all", "user://1", "bytes://it"], "{era:?}");
        let templates = client.list_resource_templates().await.expect("a list");
        assert_eq!(templates[0].uri_template, "user://{id}");
        assert_eq!(templates[0].mime_type.as_deref(), Some("application/json"));

        let user: User = serde_json::from_str(&read(&client, "user://3").await.joined_text()).expect("a user");
        assert_eq!(user.id, 3);
        let result = read(&client, "docs://all").await;
        assert_eq!(result.contents[1].bytes().as_deref(), Some(&b"GIF"[..]));
        assert_eq!(result.contents[1].uri, "docs://all", "what leaves its URI out is at the one that was read");
        let modern = era == Era::Modern;
        assert_eq!(result.ttl_ms, modern.then_some(0));
        assert_eq!(result.cache_scope, modern.then_some(CacheScope::Private));

        let error = refused(&client, "user://77").await;
        assert_eq!(error.code, if modern { ErrorCode::InvalidParams } else { ErrorCode::ResourceNotFound });
        assert_eq!(error.data.map(|data| *data), Some(json!({ "uri": "user://77" })));
    }
}

#[tokio::test]
async fn what_is_offered_is_announced_and_nothing_else() {
    let announced = async |server: Server| {
        let client = connect(server, Era::Modern).await;
        let offered = client.server_capabilities().clone();
        (offered.tools.is_some(), offered.prompts.is_some(), offered.resources.is_some())
    };
    assert_eq!(announced(Server::new("s")).await, (false, false, false));
    assert_eq!(announced(Server::new("s").resources(Resource::text("a:b", "c"))).await, (false, false, true));
    assert_eq!(announced(server(World::default())).await, (true, true, true));
    let nothing = connect(Server::new("s"), Era::Modern).await;
    assert_eq!(nothing.list_tools().await.expect("an empty list"), []);
    let error = nothing.list_resources().await.expect_err("not served");
    assert_eq!(refusal(&error).code, ErrorCode::MethodNotFound);
}

/// What comes first is read.
#[resource("order://{x}")]
fn one_part(x: &str) -> String {
    format!("part {x}")
}

/// The same URIs and more.
#[resource("order://{+x}")]
fn whatever(x: &str) -> String {
    format!("whatever {x}")
}

/// One of them.
#[resource("order://a")]
fn exactly() -> &'static str {
    "exactly"
}

#[tokio::test]
async fn one_without_variables_comes_first_and_then_the_first() {
    let client = connect(Server::new("s").resources(resources![one_part, whatever, exactly]), Era::Modern).await;
    assert_eq!(read(&client, "order://a").await.joined_text(), "exactly");
    assert_eq!(read(&client, "order://b").await.joined_text(), "part b");
    assert_eq!(read(&client, "order://b/c").await.joined_text(), "whatever b/c");
    let client = connect(Server::new("s").resources(resources![whatever, one_part]), Era::Modern).await;
    assert_eq!(read(&client, "order://b").await.joined_text(), "whatever b");
}

#[tokio::test]
async fn a_resource_may_be_known_only_when_the_program_runs() {
    let table = Resource::new("table://{name}{?limit}", |variables, ctx: Context| async move {
        let limit = variables.get("limit").map_or("all", String::as_str).to_owned();
        (variables["name"] != "none").then(|| format!("{limit} of {} for {}", variables["name"], ctx.request_id()))
    });
    let table = table
        .name("tables")
        .title("Tables")
        .description("A table.")
        .mime_type("text/csv")
        .annotations(Annotations::default())
        .ttl(Duration::from_secs(7))
        .cache_public();
    let client = connect(Server::new("s").resources(table), Era::Modern).await;
    let result = read(&client, "table://a%20b?limit=3").await;
    assert!(result.joined_text().starts_with("3 of a b for "), "{}", result.joined_text());
    assert_eq!(result.contents[0].mime_type.as_deref(), Some("text/csv"));
    assert_eq!((result.ttl_ms, result.cache_scope), (Some(7_000), Some(CacheScope::Public)));
    assert_eq!(refused(&client, "table://none").await.code, ErrorCode::InvalidParams);
    let templates = client.list_resource_templates().await.expect("a list");
    assert_eq!((&*templates[0].name, templates[0].title.as_deref()), ("tables", Some("Tables")));
}

/// A type of one's own.
struct Money(u32);

impl IntoResourceResult for Money {
    const MIME_TYPE: Option<&'static str> = Some("text/x-money");

    fn into_resource_result(self) -> Result<Option<ReadResourceResult>> {
        let contents = ResourceContents::text("", "text/x-money", format!("{} €", self.0));
        let mut result = ReadResourceResult::new([contents]);
        result.meta = Some(Map::from_iter([("com.example/exact".to_owned(), json!(true))]));
        Ok(Some(result))
    }
}

/// The price.
#[resource("price://it")]
fn price() -> Money {
    Money(5)
}

#[tokio::test]
async fn own_types_and_metadata_reach_the_client() {
    for era in [Era::Legacy, Era::Modern] {
        let client = connect(Server::new("s").resources(resources![price]), era).await;
        assert_eq!(client.list_resources().await.expect("a list")[0].mime_type.as_deref(), Some("text/x-money"));
        let result = read(&client, "price://it").await;
        assert_eq!(result.joined_text(), "5 €");
        assert_eq!(result.meta.expect("metadata")["com.example/exact"], true);
    }
}

#[tokio::test]
async fn files_are_read_anew_and_by_what_they_are() {
    let folder = tempfile::tempdir().expect("a folder");
    let page = folder.path().join("page.html");
    std::fs::write(&page, "<p>").expect("written");
    std::fs::write(folder.path().join("it.bin"), [0xff, 0xfe]).expect("written");
    let server = Server::new("s")
        .resources(Resource::file("docs://page", &page))
        .resources(Resource::file("docs://named", &page).mime_type("text/plain"))
        .resources(Resource::file("docs://bytes", folder.path().join("it.bin")))
        .resources(Resource::file("docs://folder", folder.path()));
    let client = connect(server, Era::Modern).await;
    let contents = async |uri: &str| read(&client, uri).await.contents.swap_remove(0);
    assert_eq!(contents("docs://page").await, ResourceContents::text("docs://page", "text/html", "<p>"));
    assert_eq!(contents("docs://named").await.mime_type.as_deref(), Some("text/plain"));
    let bytes = contents("docs://bytes").await;
    assert_eq!((bytes.text.is_none(), bytes.bytes()), (true, Some(vec![0xff, 0xfe])));
    assert_eq!(refused(&client, "docs://folder").await.code, ErrorCode::InvalidParams, "a folder is no file");
    std::fs::write(&page, "<b>").expect("written");
    assert_eq!(contents("docs://page").await.text.as_deref(), Some("<b>"));
    std::fs::remove_file(&page).expect("removed");
    assert_eq!(refused(&client, "docs://page").await.code, ErrorCode::InvalidParams);
}

#[cfg(unix)]
#[tokio::test]
async fn nothing_leads_out_of_a_directory() {
    use std::os::unix::fs::symlink;

    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path().join("root");
    std::fs::create_dir_all(root.join("below")).expect("made");
    std::fs::create_dir(folder.path().join("outside")).expect("made");
    for (file, text) in [
        ("root/a.md", "a"),
        ("root/below/ä b.txt", "b"),
        ("root/.hidden", "secret"),
        ("root/below/.hidden", "secret"),
        ("outside/secret.txt", "secret"),
        ("root2", "secret"),
    ] {
        std::fs::write(folder.path().join(file), text).expect("written");
    }
    symlink(root.join("a.md"), root.join("inside")).expect("linked");
    symlink(folder.path().join("outside/secret.txt"), root.join("link")).expect("linked");
    symlink(folder.path().join("outside"), root.join("links")).expect("linked");
    symlink("../../outside/secret.txt", root.join("below/relative")).expect("linked");
    symlink(root.join(".hidden"), root.join("to-hidden")).expect("linked");
    symlink("loop", root.join("loop")).expect("linked");
    // The way to the directory may lead over links: that is the author's.
    symlink(&root, folder.path().join("way")).expect("linked");

    let server = Server::new("s").resources(Resource::directory("docs://", folder.path().join("way")));
    let client = connect(server, Era::Modern).await;
    let template = client.list_resource_templates().await.expect("a list").swap_remove(0);
    assert_eq!((&*template.uri_template, &*template.name), ("docs://{+path}", "docs"));
    let a = read(&client, "docs://a.md").await;
    assert_eq!((a.joined_text(), a.contents[0].mime_type.as_deref()), ("a".to_owned(), Some("text/markdown")));
    assert_eq!(read(&client, "docs://below/%C3%A4%20b.txt").await.joined_text(), "b");
    assert_eq!(read(&client, "docs://inside").await.joined_text(), "a");
    let outside = folder.path().join("outside/secret.txt");
    for path in [
        "..",
        "../outside/secret.txt",
        "%2e%2e/outside/secret.txt",
        "..%2foutside%2fsecret.txt",
        "below/../../outside/secret.txt",
        "below/../a.md",
        "./a.md",
        "../root2",
        "/etc/passwd",
        "%2Fetc%2Fpasswd",
        outside.to_str().expect("UTF-8"),
        "link",
        "links/secret.txt",
        "below/relative",
        ".hidden",
        "below/.hidden",
        "to-hidden",
        "loop",
        "below",
        "a.md/x",
        "a.md%00",
        "%00",
        "nothing",
    ] {
        let error = refused(&client, &format!("docs://{path}")).await;
        assert_eq!(error.code, ErrorCode::InvalidParams, "{path}: {error}");
        assert!(error.message.starts_with("there is no resource"), "{path}: {error}");
    }
}

#[tokio::test]
async fn errors_are_masked_where_that_is_wanted() {
    let client = connect(server(World::default()).mask_errors(true), Era::Modern).await;
    let error = refused(&client, "fail://io").await;
    assert_eq!(error.code, ErrorCode::InternalError);
    assert_eq!(error.message, "the resource failed; the server does not say why");
    assert_eq!(refused(&client, "fail://said").await.message, "the archive is closed on Sundays");
    assert_eq!(refused(&client, "fail://panic").await.message, "resource `failing` panicked");
}

fn trial() -> Trial<World> {
    checked::trial(World::default, |world: Arc<World>| server(world))
        .model(|request| request.joined_text().to_uppercase())
        .user_says(json!({ "size": 12 }))
}

#[tokio::test]
async fn a_resource_asks_on_every_carrier_and_its_steps_are_done_once() {
    let read = trial()
        .on_every_carrier(async |client, world| {
            let result = client.read_resource("summary://tea").await.expect("contents");
            (result.joined_text(), result.contents[0].uri.clone(), world.counts()["step"])
        })
        .await;
    assert_eq!(read, ("TEA ONE, TEA TWO (16), size Some(12)".to_owned(), "summary://tea".to_owned(), 1));
}

#[tokio::test]
async fn a_retry_gets_the_same_contents_again_and_nobody_elses() {
    let mut peer = Peer::start(server(World::default()));
    let ask = async |peer: &mut Peer, more: Value| {
        let mut params = Map::from_iter([("uri".to_owned(), json!("summary://tea"))]);
        params.extend(more.as_object().cloned().unwrap_or_default());
        peer.request("resources/read", params).await
    };
    let answers = |asked: &Value| {
        let requests = asked["inputRequests"].as_object().expect("questions").clone();
        let answer = |(key, request): (String, Value)| {
            let method = request["method"].as_str().expect("a method");
            let answer = match method {
                "elicitation/create" => json!({ "action": "accept", "content": { "size": 3 } }),
                _ => shout(method, &request["params"]).expect("an answer"),
            };
            (key, answer)
        };
        let answers: Map<String, Value> = requests.into_iter().map(answer).collect();
        json!({ "inputResponses": answers, "requestState": asked["requestState"] })
    };
    let first = ask(&mut peer, json!({})).await.expect("questions");
    let second = ask(&mut peer, answers(&first)).await.expect("a question");
    let done = ask(&mut peer, answers(&second)).await.expect("contents");
    assert_eq!(done["contents"][0]["text"], "TEA ONE, TEA TWO (16), size Some(3)");
    let again = ask(&mut peer, answers(&second)).await.expect("contents");
    assert_eq!(again, done, "a reply that was lost comes again");
    // What was issued for a read is of no use for anything else.
    let mut params = answers(&second).as_object().cloned().expect("an object");
    params.insert("uri".to_owned(), json!("summary://milk"));
    let error = peer.request("resources/read", params.clone()).await.expect_err("another resource");
    assert_eq!(error["code"], -32602);
    params.insert("name".to_owned(), json!("planned"));
    params.insert("arguments".to_owned(), json!({ "topic": "tea" }));
    let error = peer.request("prompts/get", params).await.expect_err("a prompt");
    assert!(error["message"].as_str().expect("text").contains("`requestState` is refused"), "{error}");
}

/// Asks only if it can.
#[resource("maybe://it")]
async fn maybe(ctx: Context) -> String {
    match ctx.sample("anything").await {
        Ok(answer) => answer.text().unwrap_or_default().to_owned(),
        Err(error) => format!("without: {error}"),
    }
}

#[tokio::test]
async fn a_client_that_cannot_be_asked_is_told_or_done_without() {
    for era in [Era::Legacy, Era::Modern] {
        let client = connect(server(World::default()), era).await;
        let error = refused(&client, "summary://tea").await;
        let modern = era == Era::Modern;
        let expected = if modern { ErrorCode::MissingRequiredClientCapability } else { ErrorCode::InternalError };
        assert_eq!(error.code, expected, "{era:?}");
        assert!(error.message.contains("sampling"), "{error}");
        let client = connect(Server::new("s").resources(resources![maybe]), era).await;
        assert!(read(&client, "maybe://it").await.joined_text().starts_with("without: "));
    }
    let asked = checked::in_memory(Server::new("s").resources(resources![maybe]))
        .on_sampling(|_| async { Ok(CreateMessageResult::text("m", "yes")) });
    let client = asked.connect().await.expect("a connection");
    assert_eq!(read(&client, "maybe://it").await.joined_text(), "yes");
}

/// Waits for what a server was not given.
#[resource("needs://it")]
fn needy(state: State<Vec<u8>>) -> String {
    format!("{state:?}")
}

async fn problems(server: Server) -> String {
    let error = checked::in_memory(server).connect().await.expect_err("it does not fit together");
    assert_eq!(error.kind(), ErrorKind::Configuration);
    error.to_string()
}

#[tokio::test]
async fn what_does_not_fit_together_is_said_when_the_server_starts() {
    let twice = Server::new("s")
        .resources(resources![exactly])
        .resources(Resource::text("order://a", "b"))
        .resources(resources![one_part].and(resources![one_part]));
    assert_eq!(
        problems(twice).await,
        "two resources have the URI `order://a`: one in `behaviour::resources`, one in `a `Resource``; give one of them another URI\n\
         two resources have the URI `order://{x}`: one in `behaviour::resources`, one in `behaviour::resources`; give one of them another URI"
    );
    let said = problems(Server::new("s").resources(resources![needy])).await;
    assert!(said.starts_with("resource `needy` takes `State<alloc::vec::Vec<u8>>`"), "{said}");
    let said = problems(Server::new("s").resources(Resource::directory("docs://", "no/such/folder"))).await;
    assert!(said.contains("`no/such/folder` cannot be served"), "{said}");
    let said = problems(Server::new("s").resources(Resource::new("a:{x", async |_, _| "never"))).await;
    assert!(said.contains("`a:{x` is not right: its braces do not match"), "{said}");
    let said = problems(Server::new("s").resources(Resource::text("a:{x}", "always the same"))).await;
    assert!(said.contains("its URI has variables"), "{said}");
}
