//! Servers made of servers, who sees what of them, and what is turned off for a while.

use std::sync::Mutex;

use mcp_runtime::client::{Client, Era, ServerChange};
use mcp_runtime::layer::{CallKind, CallRequest, Next, from_fn};
use mcp_runtime::prelude::*;
use mcp_runtime::protocol::{
    CallToolResult, ContentBlock, CreateMessageRequestParams, CreateMessageResult, EmbeddedResource, PromptMessage,
    ReadResourceResult, ResourceContents, ResourceLink, Role, SubscriptionFilter,
};
use mcp_runtime::{Extensions, Item, Requester, Resource};
use mcp_tests::checked;

/// The names of what was called.
#[derive(Default)]
struct Log(Mutex<Vec<String>>);

/// Its own state.
struct Greeting {
    text: &'static str,
}

/// Greets.
#[tool]
fn greet(name: String, greeting: State<Greeting>) -> String {
    format!("{}, {name}", greeting.text)
}

/// Asks.
#[tool]
async fn ask(what: String, ctx: Context) -> Result<String> {
    Ok(ctx.sample(what).await?.text()?.to_owned())
}

/// Says that a note has changed.
#[tool]
fn touch(ctx: Context) {
    ctx.notify_resource_updated("note://tea");
}

/// A note.
#[resource("note://{name}", tags = ["notes"])]
fn note(name: &str) -> String {
    format!("about {name}")
}

/// Who gets letters.
fn people(asked: &Completing) -> Vec<String> {
    let greeting = asked.state::<Greeting>().map_or("", |greeting| greeting.text);
    vec![format!("Ada ({greeting})")]
}

/// A letter.
#[prompt]
fn letter(#[arg(complete = people)] to: &str, greeting: State<Greeting>) -> String {
    format!("{}, {to}", greeting.text)
}

fn part(greeting: &'static str) -> Server {
    Server::new("part")
        .state(Greeting { text: greeting })
        .tools(tools![greet, ask, touch])
        .prompts(prompts![letter])
        .resources(resources![note])
        .resources(Resource::text("about:it", greeting))
}

async fn connect(server: Server, era: Era) -> Client {
    checked::in_memory(server).era(era).connect().await.expect("a connection")
}

async fn names(client: &Client) -> Vec<String> {
    client.list_tools().await.expect("a list").into_iter().map(|tool| tool.name).collect()
}

#[tokio::test]
async fn a_server_offers_what_others_do_and_each_keeps_its_states() {
    for era in [Era::Legacy, Era::Modern] {
        let server = Server::new("whole")
            .state(Greeting { text: "Good day" })
            .tools(tools![greet])
            .mount("en", part("Hello"))
            .mount("de", part("Hallo").mount("inner", part("Moin")));
        let client = connect(server, era).await;
        let listed = names(&client).await;
        let expected = [
            "greet",
            "en_greet",
            "en_ask",
            "en_touch",
            "de_greet",
            "de_ask",
            "de_touch",
            "de_inner_greet",
            "de_inner_ask",
            "de_inner_touch",
        ];
        assert_eq!(listed, expected, "{era:?}");
        for (tool, greeting) in [
            ("greet", "Good day, Ada"),
            ("en_greet", "Hello, Ada"),
            ("de_greet", "Hallo, Ada"),
            ("de_inner_greet", "Moin, Ada"),
        ] {
            assert_eq!(client.call::<String>(tool, [("name", "Ada")]).await.expect("greeted"), greeting);
        }
        let prompt = client.get_prompt("de_letter", [("to", "Ada")]).await.expect("a prompt");
        assert_eq!(prompt.joined_text(), "Hallo, Ada");
        let completion = client.complete_prompt("de_letter", "to", "a").await.expect("a completion");
        assert_eq!(completion.values, ["Ada (Hallo)"]);
        let resource = client.read_resource("note://de/inner/tea").await.expect("a note");
        assert_eq!((&*resource.contents[0].uri, &*resource.joined_text()), ("note://de/inner/tea", "about tea"));
        assert_eq!(client.read_resource("about:en/it").await.expect("a text").joined_text(), "Hello");
        client.read_resource("note://tea").await.expect_err("the part is not there by itself");

        let mut changes =
            client.subscribe(SubscriptionFilter::new().resource("note://en/tea")).await.expect("a subscription");
        client.call::<()>("de_touch", ()).await.expect("touched");
        client.call::<()>("en_touch", ()).await.expect("touched");
        let change = changes.next().await.expect("it goes on").expect("a change");
        assert_eq!(change, ServerChange::Resource("note://en/tea".to_owned()));
    }
}

#[tokio::test]
async fn what_is_mounted_asks_the_client_on_every_carrier() {
    let trial = checked::trial(|| (), |_| Server::new("whole").mount("part", part("Hi")))
        .model(|request| request.joined_text().to_uppercase());
    trial.assert_replay_safe("part_ask", [("what", "tea")], async |()| ()).await;
}

#[tokio::test]
async fn what_is_mounted_brings_its_own_model_and_layers() {
    let note = |name: &'static str| {
        from_fn(move |request: CallRequest, next: Next| async move {
            let log = request.context().extensions().get::<std::sync::Arc<Log>>().cloned();
            if let Some(log) = log {
                log.0.lock().expect("no panic").push(format!("{name} {}", request.name()));
            }
            next.run(request).await
        })
    };
    let part = part("Hi").layer(note("inner")).sampling_fallback(|_: CreateMessageRequestParams| async {
        Ok(CreateMessageResult::text("m", "from the part"))
    });
    let log = std::sync::Arc::new(Log::default());
    let ready = Server::new("whole").layer(note("outer")).mount("part", part).build().expect("it fits together");
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    let extensions = Extensions::new().with(log.clone());
    tokio::spawn(async move { ready.serve_with(theirs, extensions).await });
    let client = checked::over(ours).connect().await.expect("a connection");
    assert_eq!(client.call::<String>("part_ask", [("what", "tea")]).await.expect("answered"), "from the part");
    assert_eq!(*log.0.lock().expect("no panic"), ["outer part_ask", "inner ask"]);
}

#[test]
fn what_does_not_fit_is_said_with_its_place() {
    let needy = Server::new("part").tools(tools![greet]);
    let error = Server::new("whole").mount("part", needy).build().expect_err("a state is missing");
    assert!(error.to_string().starts_with("mounted as `part`: tool `part_greet` takes `State<"), "{error}");
    let error = Server::new("whole").mount("p", part("a")).mount("p", part("b")).build().expect_err("twice");
    assert!(error.to_string().contains("two tools are named `p_greet`"), "{error}");
    let error = Server::new("whole").mount("not a name", part("a")).build().expect_err("no name");
    assert!(error.to_string().starts_with("mounted as `not a name`: a prefix must have letters, digits"), "{error}");
    let error = Server::new("whole").mount("p".repeat(125), part("a")).build().expect_err("too long");
    assert!(error.to_string().contains("with its prefix, its name is longer than 128 characters"), "{error}");
}

/// What is mounted knows names as it always did: its rules hold, wherever it is.
#[tokio::test]
async fn the_rules_of_a_server_hold_where_it_is_mounted() {
    let guarded = from_fn(|request: CallRequest, next: Next| async move {
        match (request.name(), request.called()) {
            ("greet_all", _) | (_, "note://secret") => Err("not that".into()),
            _ => next.run(request).await,
        }
    });
    let part = Server::new("part")
        .tools(tools![touch, greet_all])
        .resources(resources![note])
        .layer(guarded)
        .visible(|item, _| item.name() != "touch");
    let server = Server::new("whole").mount("a", Server::new("middle").mount("b", part));
    let client = connect(server, Era::Modern).await;
    assert_eq!(names(&client).await, ["a_b_greet_all"]);
    client.call_tool("a_b_touch", ()).await.expect_err("hidden");
    assert_eq!(client.call_tool("a_b_greet_all", ()).await.expect("a result").joined_text(), "not that");
    client.read_resource("note://a/b/secret").await.expect_err("guarded");
    // Not everyone sees it: nobody else may keep it.
    let read = client.read_resource("note://a/b/tea").await.expect("a note");
    assert_eq!(read.cache_scope, Some(mcp_runtime::protocol::CacheScope::Private));
}

#[test]
fn a_handle_of_what_is_mounted_is_not_forgotten() {
    let part = part("Hi");
    assert!(part.handle().disable(|item| item.name() == "touch"));
    let error = Server::new("whole").mount("part", part).build().expect_err("it would be offered");
    assert!(error.to_string().contains("mounted as `part`: a handle of it was taken"), "{error}");
}

#[derive(Clone)]
struct Admin;

async fn connect_as(server: &mcp_runtime::ReadyServer, extensions: Extensions) -> Client {
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    let server = server.clone();
    tokio::spawn(async move { server.serve_with(theirs, extensions).await });
    checked::over(ours).connect().await.expect("a connection")
}

#[tokio::test]
async fn a_server_decides_who_sees_what() {
    let server = Server::new("whole")
        .mount("part", Server::new("part").tools(tools![touch].tag("admin").and(tools![ask])))
        .resources(resources![note])
        .visible(|item, requester| {
            !(item.has_tag("admin") || item.has_tag("notes")) || requester.extensions().get::<Admin>().is_some()
        })
        .visible(|item, _| item.kind() != CallKind::Tool || item.name() != "part_ask");
    let handle = server.handle();
    let ready = server.build().expect("it fits together");
    let admin = connect_as(&ready, Extensions::new().with(Admin)).await;
    let guest = connect_as(&ready, Extensions::new()).await;
    assert_eq!(names(&admin).await, ["part_touch"]);
    assert_eq!(names(&guest).await, [""; 0]);
    admin.call::<()>("part_touch", ()).await.expect("allowed");
    let error = guest.call_tool("part_touch", ()).await.expect_err("hidden");
    assert_eq!(error.peer_error().expect("an error").message, "unknown tool `part_touch`; there are no tools");
    admin.read_resource("note://a").await.expect("allowed");
    guest.read_resource("note://a").await.expect_err("hidden");
    // What comes later is under the same rules.
    handle.add_tools(tools![greet_all]).expect("added");
    admin.call::<String>("greet_all", ()).await.expect("allowed");
    guest.call_tool("greet_all", ()).await.expect_err("hidden");
}

/// Greets all.
#[tool(tags = ["admin"])]
fn greet_all() -> &'static str {
    "Hello, all"
}

#[tokio::test]
async fn what_is_disabled_is_gone_until_it_is_enabled() {
    for era in [Era::Legacy, Era::Modern] {
        let server = Server::new("whole")
            .tools(tools![ask, greet_all, touch].tag("x"))
            .resources(resources![note].tag("x"))
            .prompts(prompts![letter])
            .state(Greeting { text: "Hi" });
        let handle = server.handle();
        assert!(handle.disable(|item| item.name() == "touch"), "before it runs");
        let client = connect(server, era).await;
        assert_eq!(names(&client).await, ["ask", "greet_all"]);
        let mut changes = client.subscribe(SubscriptionFilter::new().lists()).await.expect("a subscription");
        assert!(handle.disable(|item| item.has_tag("x") && item.name() != "ask"));
        let mut all = vec![changes.next().await, changes.next().await];
        all.sort_by_key(|change| format!("{change:?}"));
        let all: Vec<_> = all.into_iter().map(|change| change.expect("one").expect("a change")).collect();
        assert_eq!(all, [ServerChange::Resources, ServerChange::Tools], "{era:?}");
        assert_eq!(names(&client).await, ["ask"]);
        client.call_tool("greet_all", ()).await.expect_err("it is off");
        client.read_resource("note://a").await.expect_err("it is off");
        assert!(client.list_resource_templates().await.expect("a list").is_empty());
        let error = handle.add_tools(tools![greet_all]).expect_err("its name is taken");
        assert!(error.to_string().contains("two tools are named `greet_all`"), "{error}");
        assert!(!handle.disable(|item| item.has_tag("x") && item.name() != "ask"), "nothing is left to disable");
        assert!(handle.enable(|_| true));
        changes.next().await.expect("one").expect("a change");
        assert_eq!(names(&client).await, ["ask", "greet_all", "touch"], "in their places");
        client.read_resource("note://a").await.expect("it is back");
    }
}

/// Who chooses what is disabled may look at the server, and change it, with a handle of its own.
#[tokio::test]
async fn who_chooses_may_use_a_handle() {
    let server = Server::new("whole").tools(tools![touch, greet_all]);
    let handle = server.handle();
    let other = handle.clone();
    let chooses = move |item: Item<'_>| {
        if item.name() == "touch" {
            other.disable(|item| item.name() == "greet_all");
        }
        item.name() == "touch"
    };
    // Once before the server runs, and once while it does.
    assert!(handle.disable(chooses.clone()));
    let ready = apart(|| server.build()).await.expect("it fits together");
    let offered = async || names(&connect_as(&ready, Extensions::new()).await).await;
    assert_eq!(offered().await, [""; 0]);
    assert!(handle.enable(|_| true));
    assert_eq!(offered().await, ["touch", "greet_all"]);
    let disabling = handle.clone();
    assert!(apart(move || disabling.disable(chooses)).await);
    assert_eq!(offered().await, [""; 0]);
    assert!(!handle.remove_tool("nothing"), "it can be changed as before");
}

/// Names resources in every way.
#[tool]
async fn point(wait: bool, ctx: Context) -> Result<CallToolResult> {
    if wait {
        ctx.sample("where?").await?;
    }
    let contents = ResourceContents::text("note://b", "text/plain", "about b");
    Ok(CallToolResult::text("here")
        .with(ContentBlock::ResourceLink(ResourceLink::new("note://a", "a")))
        .with(ContentBlock::Resource(EmbeddedResource::new(contents)))
        .with(ContentBlock::ResourceLink(ResourceLink::new("https://example.com/x", "elsewhere"))))
}

/// The same, for a person.
#[prompt]
fn pointing() -> PromptMessage {
    PromptMessage::new(Role::User, ContentBlock::ResourceLink(ResourceLink::new("note://a", "a")))
}

/// Holds more than what is asked for.
#[resource("pair://{name}")]
fn pair(name: &str) -> ReadResourceResult {
    let part = |uri: String| ResourceContents::text(uri, "text/plain", "it");
    ReadResourceResult::new([part(format!("pair://{name}")), part(format!("note://{name}"))])
}

/// What a mounted server says of its resources, clients can read.
#[tokio::test]
async fn the_resources_that_results_name_can_be_read() {
    for era in [Era::Legacy, Era::Modern] {
        let part = || {
            let part = Server::new("part").tools(tools![point]).prompts(prompts![pointing]);
            part.resources(resources![note, pair])
        };
        let proxy = checked::in_memory(part()).era(era).proxy().await.expect("a proxy");
        let server = Server::new("whole")
            .mount("deep", Server::new("middle").mount("er", part()))
            .mount("proxy", proxy)
            .resources(resources![note]);
        let client =
            checked::in_memory(server).era(era).on_sampling(|_| async { Ok(CreateMessageResult::text("m", "there")) });
        let client = client.connect().await.expect("a connection");
        for (prefix, path) in [("deep_er", "deep/er"), ("proxy", "proxy")] {
            let uri = |block: &ContentBlock| match block {
                ContentBlock::ResourceLink(link) => link.uri.clone(),
                ContentBlock::Resource(embedded) => embedded.resource.uri.clone(),
                _ => String::new(),
            };
            let mut uris = Vec::new();
            for wait in [false, true] {
                let result = client.call_tool(&format!("{prefix}_point"), [("wait", wait)]).await.expect("a result");
                uris = result.content.iter().map(uri).collect();
                let expected = [
                    String::new(),
                    format!("note://{path}/a"),
                    format!("note://{path}/b"),
                    "https://example.com/x".to_owned(),
                ];
                assert_eq!(uris, expected, "{era:?}");
            }
            let prompt = client.get_prompt(&format!("{prefix}_pointing"), ()).await.expect("a prompt");
            assert_eq!(uri(&prompt.messages[0].content), uris[1]);
            assert_eq!(client.read_resource(&uris[1]).await.expect("it is there").joined_text(), "about a");
            let pair = client.read_resource(&format!("pair://{path}/x")).await.expect("two");
            let uris: Vec<&str> = pair.contents.iter().map(|contents| &*contents.uri).collect();
            assert_eq!(uris, [format!("pair://{path}/x"), format!("note://{path}/x")]);
        }
    }
}

/// What comes while somebody chooses is not among what is chosen.
#[tokio::test]
async fn what_is_chosen_is_what_was_there() {
    let server = Server::new("whole").tools(tools![touch]);
    let handle = server.handle();
    let client = connect(server, Era::Modern).await;
    let other = handle.clone();
    assert!(apart(move || handle.disable(move |_| other.add_tools(tools![greet_all]).is_ok())).await);
    assert_eq!(names(&client).await, ["greet_all"]);
}

/// Does it on a thread of its own: a deadlock must not outlast the test.
async fn apart<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let (done, result) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || done.send(work()).is_ok());
    tokio::time::timeout(std::time::Duration::from_secs(20), result).await.expect("no deadlock").expect("no panic")
}

/// Only for clients whose model uses tools.
#[tool(visible = uses_tools)]
fn converse() {}

fn uses_tools(requester: &Requester) -> bool {
    requester.client_capabilities().sampling.as_ref().is_some_and(|sampling| sampling.tools.is_some())
}

/// What models see of a server is what any of them may see, whoever it is and whatever is turned off at the moment.
#[test]
fn the_surface_of_a_server_is_all_that_anyone_may_see() {
    let server = Server::new("whole")
        .tools(tools![greet_all, touch, converse])
        .mount("part", Server::new("part").tools(tools![touch]))
        .visible(|item, requester| !item.has_tag("admin") || requester.extensions().get::<Admin>().is_some());
    assert!(server.handle().disable(|item| item.name() == "touch"));
    mcp_runtime::assert_tool_surface!("surface.json", server);
}
