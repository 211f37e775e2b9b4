//! How a client answers questions to its model: who is asked before, and how much is answered.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use mcp_runtime::ErrorKind;
use mcp_runtime::client::{Approval, Client, ClientBuilder, Era, SamplingRequest, Terminal};
use mcp_runtime::prelude::*;
use mcp_runtime::protocol::{CreateMessageRequestParams, CreateMessageResult, ErrorCode, ErrorObject, SamplingMessage};
use mcp_runtime::sampling::{ProviderError, ProviderErrorKind, SamplingProvider};
use mcp_runtime::testing::{Carrier, ScriptedModel};
use mcp_tests::checked;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::sync::{Notify, mpsc};

/// Ask the model something.
#[tool]
async fn ask(question: String, max_tokens: Option<u32>, ctx: Context) -> Result<String> {
    Ok(ctx.sample(question).max_tokens(max_tokens.unwrap_or(10)).await?.text()?.to_owned())
}

/// Ask the model one question after the other.
#[tool]
async fn ask_on(times: u32, max_tokens: u32, ctx: Context) -> Result<String> {
    let mut answers = Vec::new();
    for time in 0..times {
        answers.push(ctx.sample(format!("{time}")).max_tokens(max_tokens).await?.text()?.to_owned());
    }
    Ok(answers.join(" "))
}

/// Ask the model in the background.
#[tool(task)]
async fn ask_later(question: String, ctx: Context) -> Result<String> {
    Ok(ctx.sample(question).await?.text()?.to_owned())
}

/// Wait until the test says so.
#[tool]
async fn wait(go: State<Notify>) -> &'static str {
    go.notified().await;
    "waited"
}

/// Let the model use a tool, in whatever messages.
#[tool]
async fn converse(params: Value, ctx: Context) -> Result<String> {
    let params: CreateMessageRequestParams = serde_json::from_value(params)?;
    let answer = ctx.create_message(params).await?;
    Ok(format!("{:?}", answer.stop_reason))
}

fn server() -> Server {
    Server::new("asker").version("1.2.3").state(Notify::new()).tools(tools![ask, ask_on, ask_later, wait, converse])
}

fn client(era: Era) -> ClientBuilder {
    checked::in_memory(server()).era(era).on_sampling(echo)
}

async fn echo(request: CreateMessageRequestParams) -> Result<CreateMessageResult, ErrorObject> {
    Ok(CreateMessageResult::text("echo", request.joined_text()))
}

/// How a call went, in each era, and what the server was told or the caller learned.
async fn outcome(client: &Client, tool: &str, arguments: Value) -> Result<String, String> {
    match client.call_tool(tool, arguments).await {
        Ok(result) if result.is_error => Err(result.joined_text()),
        Ok(result) => Ok(result.joined_text()),
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::Refused);
            Err(error.peer_error().expect("the refusal").to_string())
        }
    }
}

const ERAS: [Era; 2] = [Era::Legacy, Era::Modern];

#[tokio::test]
async fn whoever_allows_a_question_sees_who_asks_it() {
    for carrier in Carrier::ALL {
        let (seen, mut sees) = mpsc::unbounded_channel();
        let trial = checked::trial(|| (), |_| server()).model_says("yes").client(move |client| {
            let seen = seen.clone();
            checked::both(client).approve_sampling(move |request: SamplingRequest| {
                _ = seen.send(request);
                async { Approval::Allow }
            })
        });
        for tool in ["ask", "ask_later"] {
            let answer: String = trial
                .on(*carrier, async |client, ()| client.call(tool, [("question", "Why?")]).await.expect("an answer"))
                .await;
            assert_eq!(answer, "yes");
            let request = sees.try_recv().expect("a question");
            assert_eq!(request.tool(), Some(tool), "{carrier}");
            let info = request.server.expect("a server");
            assert_eq!((info.name.as_str(), info.version.as_str()), ("asker", "1.2.3"));
            assert_eq!(request.params.joined_text(), "Why?");
        }
    }
}

#[tokio::test]
async fn a_legacy_server_may_ask_for_any_call_in_flight() {
    let (seen, mut sees) = mpsc::unbounded_channel();
    let server = server();
    let client = checked::in_memory(server).era(Era::Legacy).on_sampling(echo).approve_sampling(
        move |request: SamplingRequest| {
            _ = seen.send(request);
            async { Approval::Allow }
        },
    );
    let client = Arc::new(client.connect().await.expect("a connection"));
    let waiting = tokio::spawn({
        let client = client.clone();
        async move { client.call_tool("wait", ()).await.map(drop) }
    });
    // The call is on its way before the next one: both go the same way.
    tokio::task::yield_now().await;
    client.call_tool("ask", [("question", "Why?")]).await.expect("a result");
    let request = sees.recv().await.expect("a question");
    let mut names: Vec<_> = request.calls.iter().filter_map(|call| call.name.clone()).collect();
    names.sort();
    assert_eq!((names, request.tool()), (vec!["ask".to_owned(), "wait".to_owned()], None));
    waiting.abort();
}

#[tokio::test]
async fn questions_and_answers_can_be_changed_or_refused() {
    for era in ERAS {
        let client = client(era)
            .approve_sampling(|mut request: SamplingRequest| async move {
                match request.params.joined_text().as_str() {
                    "secret" => Approval::Refuse,
                    "rude" => {
                        request.params.messages = vec![SamplingMessage::user("polite")];
                        Approval::AllowWith(request.params)
                    }
                    _ => Approval::Allow,
                }
            })
            .approve_sampling_answer(|request: SamplingRequest, answer: CreateMessageResult| async move {
                // What is seen is what was asked.
                assert_eq!(answer.content[0].as_text(), Some(request.params.joined_text().as_str()));
                match answer.content[0].as_text() {
                    Some("leak") => Approval::Refuse,
                    Some("long") => Approval::AllowWith(CreateMessageResult::text("echo", "short")),
                    _ => Approval::Allow,
                }
            })
            .connect()
            .await
            .expect("a connection");
        let ask = async |question: &str| outcome(&client, "ask", json!({ "question": question })).await;
        assert_eq!(ask("hello").await.as_deref(), Ok("hello"));
        assert_eq!(ask("rude").await.as_deref(), Ok("polite"));
        assert_eq!(ask("long").await.as_deref(), Ok("short"));
        for refused in ["secret", "leak"] {
            let error = ask(refused).await.expect_err("a refusal");
            assert!(error.contains("User rejected sampling request (-1)"), "{era:?}: {error}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn questions_that_come_too_often_are_refused() {
    for era in ERAS {
        let client = client(era).sampling_rate_limit(2, Duration::from_secs(60)).connect().await.expect("a connection");
        let ask = async || outcome(&client, "ask", json!({ "question": "?" })).await;
        ask().await.expect("the first answer");
        tokio::time::advance(Duration::from_secs(20)).await;
        ask().await.expect("the second answer");
        let error = ask().await.expect_err("one too many");
        assert!(
            error.contains("the server asks too often: at most 2 questions in 1m are answered; try again in 40s"),
            "{error}"
        );
        tokio::time::advance(Duration::from_secs(40)).await;
        ask().await.expect("an answer to a patient server");
        ask().await.expect_err("one too many");
    }
    let client = client(Era::Modern).sampling_rate_limit(0, Duration::from_secs(1)).connect().await.expect("one");
    outcome(&client, "ask", json!({ "question": "?" })).await.expect_err("never");
}

#[tokio::test]
async fn the_questions_of_one_call_share_a_budget() {
    for era in ERAS {
        let client = client(era).sampling_token_budget(25).connect().await.expect("a connection");
        let ask = async |times: u32, max_tokens: u32| {
            outcome(&client, "ask_on", json!({ "times": times, "max_tokens": max_tokens })).await
        };
        // Each call has it anew.
        for _ in 0..3 {
            assert_eq!(ask(2, 10).await.as_deref(), Ok("0 1"));
        }
        assert_eq!(ask(1, 25).await.as_deref(), Ok("0"));
        let error = ask(3, 10).await.expect_err("too many");
        assert!(
            error.contains(
                "`maxTokens` is 10, but of the 25 tokens that the questions of one call may take together only 5 \
                 are left (-32602)"
            ),
            "{error}"
        );
        assert!(ask(1, 26).await.expect_err("too many").contains("only 25 are left"));
    }
}

#[tokio::test]
async fn a_budget_is_not_spent_on_what_was_not_asked() {
    for era in ERAS {
        let (refusing, asked) = (Arc::new(Mutex::new(true)), Arc::<Mutex<u32>>::default());
        let answer = {
            let asked = asked.clone();
            move |_: CreateMessageRequestParams| {
                *asked.lock().unwrap_or_else(PoisonError::into_inner) += 1;
                async { Ok(CreateMessageResult::text("m", "yes")) }
            }
        };
        let client = checked::in_memory(Server::new("s").tools(tools![retry]))
            .era(era)
            .on_sampling(answer)
            .sampling_token_budget(10)
            .approve_sampling(move |_| {
                let mut refusing = refusing.lock().unwrap_or_else(PoisonError::into_inner);
                let approval = if *refusing { Approval::Refuse } else { Approval::Allow };
                *refusing = false;
                async { approval }
            });
        let client = client.connect().await.expect("a connection");
        // A tool hears of a refusal only where it can.
        match outcome(&client, "retry", json!({})).await {
            Ok(answer) => assert_eq!((era, answer.as_str()), (Era::Legacy, "yes")),
            Err(error) => assert!(era == Era::Modern && error.contains("-1"), "{error}"),
        }
        let times = *asked.lock().unwrap_or_else(PoisonError::into_inner);
        assert_eq!(times, u32::from(era == Era::Legacy));
    }
}

/// Ask the model, and once more if it does not answer.
#[tool]
async fn retry(ctx: Context) -> Result<String> {
    match ctx.sample("first").max_tokens(10).await {
        Ok(answer) => Ok(answer.text()?.to_owned()),
        Err(_) => Ok(ctx.sample("second").max_tokens(10).await?.text()?.to_owned()),
    }
}

/// A model that can, or cannot, be given tools.
struct Handy(bool);

impl SamplingProvider for Handy {
    async fn create_message(&self, request: CreateMessageRequestParams) -> Result<CreateMessageResult, ProviderError> {
        if request.messages.len() > 3 {
            return Err(ProviderError::of(ProviderErrorKind::RateLimited)
                .retry_after(Duration::from_millis(1500))
                .with_source("the log knows more"));
        }
        let mut answer = CreateMessageResult::text("handy", "done");
        answer.stop_reason = Some(request.tools.iter().map(|tool| tool.name.clone()).collect());
        Ok(answer)
    }

    fn supports_tools(&self) -> bool {
        self.0
    }
}

fn with_tools(messages: &Value) -> Value {
    let tool = json!({ "name": "hammer", "inputSchema": { "type": "object" } });
    json!({ "params": { "messages": messages, "maxTokens": 1, "tools": [tool] } })
}

#[tokio::test]
async fn a_provider_says_itself_whether_it_can_use_tools() {
    let user = json!({ "role": "user", "content": { "type": "text", "text": "Nail it." } });
    for era in ERAS {
        let connect = async |builder: ClientBuilder| builder.era(era).connect().await.expect("a connection");
        let handy = connect(client(era).on_sampling(Handy(true))).await;
        assert_eq!(
            handy.call::<String>("converse", with_tools(&json!([user]))).await.expect("tools"),
            r#"Some("hammer")"#
        );
        let clumsy = connect(client(era).on_sampling(Arc::new(Handy(false)))).await;
        let refused = clumsy.call_tool("converse", with_tools(&json!([user]))).await;
        let refused = refused.map_or_else(|error| format!("{:?}", error.peer_error()), |result| result.joined_text());
        assert!(refused.contains("sampling.tools"), "{era:?}: {refused}");
        let told = connect(client(era).on_sampling(Handy(false)).sampling_tools()).await;
        told.call::<String>("converse", with_tools(&json!([user]))).await.expect("tools");
    }
}

#[tokio::test]
async fn conversations_that_cannot_be_do_not_reach_the_model() {
    // Our own servers do not ask such things.
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    let model = ScriptedModel::new(["never"]);
    let connecting = checked::other::over(ours).era(Era::Legacy).on_sampling(model.clone()).connect();
    let serving = async {
        let mut stream = BufReader::new(theirs);
        let mut receive = async |send: Option<Value>| {
            if let Some(message) = send {
                stream.write_all(format!("{message}\n").as_bytes()).await.expect("the client reads");
            }
            let mut line = String::new();
            stream.read_line(&mut line).await.expect("the client writes");
            serde_json::from_str::<Value>(&line).expect("JSON")
        };
        let initialize = receive(None).await;
        let result = json!({
            "protocolVersion": "2025-11-25", "capabilities": {}, "serverInfo": { "name": "s", "version": "1" },
        });
        receive(Some(json!({ "jsonrpc": "2.0", "id": initialize["id"], "result": result }))).await;
        let params = json!({ "maxTokens": 1, "messages": [
            { "role": "assistant", "content": { "type": "tool_use", "id": "1", "name": "hammer", "input": {} } },
            { "role": "user", "content": { "type": "text", "text": "Go on." } },
        ] });
        receive(Some(json!({ "jsonrpc": "2.0", "id": 7, "method": "sampling/createMessage", "params": params }))).await
    };
    let (client, answer) = tokio::join!(connecting, serving);
    client.expect("a connection");
    assert_eq!(
        answer["error"],
        json!({
            "code": -32602,
            "message": "`messages[1]` must hold the results of the tools that were asked for: 1",
        })
    );
    assert!(model.asked().is_empty());
}

#[tokio::test]
async fn a_failure_of_the_provider_is_told_without_its_sources() {
    let says = json!({ "role": "user", "content": { "type": "text", "text": "Go on." } });
    for era in ERAS {
        let client = client(era).on_sampling(Handy(true)).connect().await.expect("a connection");
        let many = with_tools(&json!([says, says, says, says]));
        let error = outcome(&client, "converse", many).await.expect_err("a failure");
        assert!(error.contains("the model is asked too often; try again in 2s (-32603)"), "{era:?}: {error}");
        assert!(!error.contains("the log"), "{era:?}: {error}");
    }
}

#[test]
fn what_a_handler_refuses_with_reaches_the_server_as_it_is() {
    let refusal = ErrorObject::new(ErrorCode::Other(-7), "not today").with_data(json!({ "why": "Sunday" }));
    let error = ProviderError::from(refusal.clone());
    assert_eq!((error.kind(), error.to_string().as_str()), (ProviderErrorKind::Other, "not today"));
    assert_eq!(ErrorObject::from(error), refusal);
    let error = ProviderError::of(ProviderErrorKind::RateLimited).retry_after(Duration::from_millis(1500));
    assert_eq!(ErrorObject::from(error).data.as_deref(), Some(&json!({ "retryAfterMs": 1500 })));
}

#[tokio::test]
async fn a_script_ends() {
    let model = ScriptedModel::new(["one", "two"]);
    let question = || CreateMessageRequestParams::new([SamplingMessage::user("?")], 1);
    for answer in ["one", "two"] {
        let said = model.create_message(question()).await.expect("an answer");
        assert_eq!(said.content[0].as_text(), Some(answer));
    }
    let error = model.create_message(question()).await.expect_err("no more");
    assert_eq!(error.to_string(), "the scripted model has no answer for question 3: give it one more");
    assert_eq!(model.asked().len(), 3);
}

/// What a person sees and types.
struct Person {
    screen: BufReader<tokio::io::DuplexStream>,
    keyboard: tokio::io::DuplexStream,
    seen: String,
}

impl Person {
    fn at_a_terminal() -> (Terminal, Self) {
        let (input, keyboard) = tokio::io::duplex(1 << 10);
        let (output, screen) = tokio::io::duplex(1 << 20);
        let person = Self { screen: BufReader::new(screen), keyboard, seen: String::new() };
        (Terminal::over(BufReader::new(input), output), person)
    }

    /// Reads until this is on the screen; what came before it is in `seen` then.
    async fn sees(&mut self, text: &str) {
        self.seen.clear();
        let mut bytes = Vec::new();
        while !bytes.ends_with(text.as_bytes()) {
            bytes.push(self.screen.read_u8().await.expect("the terminal goes on"));
        }
        self.seen = String::from_utf8(bytes).expect("UTF-8");
    }

    async fn types(&mut self, text: &str) {
        self.keyboard.write_all(text.as_bytes()).await.expect("the terminal listens");
    }
}

const SEND: &str = "Send this to the model? [y]es, [n]o, [e]dit: ";
const GIVE: &str = "Give this to the server? [y]es, [n]o, [e]dit: ";

#[tokio::test]
async fn a_person_at_a_terminal_decides() {
    let (terminal, mut person) = Person::at_a_terminal();
    let client = client(Era::Modern)
        .approve_sampling(terminal.approval())
        .approve_sampling_answer(terminal.answer_approval())
        .connect()
        .await
        .expect("a connection");
    let client = Arc::new(client);
    let ask = |question: &str| {
        let (client, arguments) = (client.clone(), json!({ "question": question }));
        tokio::spawn(async move { outcome(&client, "ask", arguments).await })
    };

    let asking = ask("Why?\nReally.");
    person.sees(SEND).await;
    assert_eq!(
        person.seen,
        format!(
            "\nYour model is asked by the server asker 1.2.3 (for ask):\n\n  user | Why?\n  user | Really.\n  (at most 10 \
             tokens)\n\n{SEND}"
        )
    );
    person.types("what?\n").await;
    person.sees(SEND).await;
    person.types("Yes\n").await;
    person.sees(GIVE).await;
    assert_eq!(
        person.seen,
        format!(
            "\nThe model echo answers the server asker 1.2.3 (for ask):\n\n  model | Why?\n  model | Really.\n\n{GIVE}"
        )
    );
    person.types("y\n").await;
    assert_eq!(asking.await.expect("no panic").as_deref(), Ok("Why?\nReally."));

    // Both can be written anew.
    let asking = ask("Why?");
    person.sees(SEND).await;
    person.types("e\nWhat for?\nAnd how?\n\n").await;
    person.sees(GIVE).await;
    assert!(person.seen.contains("  model | What for?\n  model | And how?\n"), "{}", person.seen);
    person.types("e\nFor fun.\n\n").await;
    assert_eq!(asking.await.expect("no panic").as_deref(), Ok("For fun."));

    // Or refused: by a word, by nothing, by leaving.
    let asking = ask("Why?");
    person.sees(SEND).await;
    person.types("n\n").await;
    asking.await.expect("no panic").expect_err("a refusal");
    let asking = ask("Why?");
    person.sees(SEND).await;
    person.types("e\n\n").await;
    asking.await.expect("no panic").expect_err("a refusal");
    let asking = ask("Why?");
    person.sees(SEND).await;
    person.keyboard.shutdown().await.expect("the end of the input");
    asking.await.expect("no panic").expect_err("a refusal");
}

#[tokio::test]
async fn what_was_typed_for_one_question_does_not_answer_the_next() {
    let (terminal, mut person) = Person::at_a_terminal();
    let approve = Arc::new(terminal.approval());
    // The only way to have a question is to be asked.
    let (seen, mut sees) = mpsc::unbounded_channel();
    let client = client(Era::Modern).approve_sampling(move |request| {
        _ = seen.send(request);
        async { Approval::Refuse }
    });
    let client = client.connect().await.expect("a connection");
    outcome(&client, "ask", json!({ "question": "?" })).await.expect_err("a refusal");
    let question = sees.recv().await.expect("a question");
    let withdrawn = tokio::spawn({
        let (approve, question) = (approve.clone(), question.clone());
        async move { approve(question).await }
    });
    person.sees(SEND).await;
    withdrawn.abort();
    withdrawn.await.expect_err("it was withdrawn");
    // Too late.
    person.types("y\ny\n").await;
    let asking = tokio::spawn(async move { approve(question).await });
    person.sees(SEND).await;
    person.types("n\n").await;
    assert_eq!(asking.await.expect("no panic"), Approval::Refuse);
}

#[tokio::test]
async fn what_a_server_says_cannot_deceive_the_person() {
    let (terminal, mut person) = Person::at_a_terminal();
    let client = client(Era::Modern).approve_sampling(terminal.approval()).connect().await.expect("a connection");
    let evil = "\u{1b}[2J\u{202e}harmless\r\u{7}\nSend this to the model? [y]es, [n]o, [e]dit: y";
    let hidden = format!("{}the end", "x".repeat(5_000));
    let params = json!({
        "messages": [{ "role": "user", "content": [
            { "type": "text", "text": evil },
            { "type": "image", "data": "", "mimeType": "image/png" },
            { "type": "text", "text": hidden },
        ] }],
        "systemPrompt": "Obey.", "maxTokens": 7,
    });
    let asking = tokio::spawn(async move { outcome(&client, "converse", json!({ "params": params })).await });
    person.sees(&format!("\n\n{SEND}")).await;
    assert!(
        person.seen.contains(
            "  system | Obey.\n  user | \u{fffd}[2J\u{fffd}harmless\u{fffd}\u{fffd}\n  \
             user | Send this to the model? [y]es, [n]o, [e]dit: y\n  user | (a picture: image/png)\n  user | xxxx"
        ),
        "{}",
        person.seen
    );
    assert!(!person.seen.contains("the end") && person.seen.contains(" more characters: [a] shows all)"));
    person.types("a\n").await;
    person.sees(&format!("\n\n{SEND}")).await;
    assert!(person.seen.contains("xxthe end\n  (at most 7 tokens)\n"), "{}", person.seen);
    person.types("n\n").await;
    asking.await.expect("no panic").expect_err("a refusal");
}

#[tokio::test]
async fn a_person_can_be_the_model() {
    let (terminal, mut person) = Person::at_a_terminal();
    let client = client(Era::Modern).on_sampling(terminal).connect().await.expect("a connection");
    let client = Arc::new(client);
    for (typed, answer) in [("Because.\nSo there.\n\n", Some("Because.\nSo there.")), ("\n", None)] {
        let asking = tokio::spawn({
            let client = client.clone();
            async move { outcome(&client, "ask", json!({ "question": "Why?" })).await }
        });
        person.sees("What to answer (an empty line ends it, and alone it refuses):\n").await;
        assert!(person.seen.contains("  user | Why?\n"), "{}", person.seen);
        person.types(typed).await;
        assert_eq!(asking.await.expect("no panic").ok().as_deref(), answer);
    }
}

#[tokio::test]
async fn a_terminal_that_is_gone_allows_nothing() {
    struct Broken;
    impl tokio::io::AsyncWrite for Broken {
        fn poll_write(
            self: std::pin::Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
            _: &[u8],
        ) -> std::task::Poll<io::Result<usize>> {
            std::task::Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()))
        }
        fn poll_flush(
            self: std::pin::Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
        ) -> std::task::Poll<io::Result<()>> {
            std::task::Poll::Ready(Ok(()))
        }
        fn poll_shutdown(
            self: std::pin::Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
        ) -> std::task::Poll<io::Result<()>> {
            std::task::Poll::Ready(Ok(()))
        }
    }
    let terminal = Terminal::over(BufReader::new(&b"y\ny\ny\n"[..]), Broken);
    let ask = json!({ "question": "?" });
    let allowed = client(Era::Modern).approve_sampling(terminal.approval()).connect().await.expect("a connection");
    assert!(outcome(&allowed, "ask", ask.clone()).await.expect_err("a refusal").contains("(-1)"));
    let answered = client(Era::Modern).on_sampling(terminal).connect().await.expect("a connection");
    assert!(outcome(&answered, "ask", ask).await.expect_err("no answer").contains("nobody is at the terminal"));
}
