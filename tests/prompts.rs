//! Prompts, as their clients get them: arguments, what is returned, questions on every carrier, and
//! what goes wrong when a server starts.

use std::sync::Arc;

use mcp_runtime::client::Era;
use mcp_runtime::prelude::*;
use mcp_runtime::protocol::{ContentBlock, ErrorCode, ErrorObject, GetPromptResult, PromptMessage, Role};
use mcp_runtime::{Client, DynPrompt, ErrorKind, IntoPromptResult};
use mcp_tests::World;
use mcp_tests::checked;
use mcp_tests::library::{Style, server};
use serde_json::json;

async fn connect(server: Server, era: Era) -> Client {
    checked::in_memory(server).era(era).connect().await.expect("a connection")
}

async fn refused(client: &Client, name: &str, arguments: serde_json::Value) -> ErrorObject {
    let error = client.get_prompt(name, arguments).await.expect_err(name);
    assert_eq!(error.kind(), ErrorKind::Refused, "{error:?}");
    error.peer_error().expect("the server's error").clone()
}

#[tokio::test]
async fn prompts_are_listed_and_got_in_both_eras() {
    for era in [Era::Legacy, Era::Modern] {
        let client = connect(server(World::default()), era).await;
        let listed = client.list_prompts().await.expect("a list");
        let names: Vec<&str> = listed.iter().map(|it| &*it.name).collect();
        assert_eq!(names, ["review", "practise", "whole", "failing_prompt", "late", "planned", "recommend"]);
        let required: Vec<_> = listed[0].arguments.iter().map(|it| (&*it.name, it.required)).collect();
        assert_eq!(
            required,
            [("code", true), ("findings", false), ("style", false), ("strict", false), ("focus-on", false)]
        );

        // What is not text is sent as text.
        let arguments = json!({ "code": "x", "findings": 7, "style": Style::Short, "strict": null, "focus-on": [1] });
        let result = client.get_prompt("review", arguments).await.expect("a prompt");
        assert_eq!(result.joined_text(), "x: 7 findings, Some(Short), strict None, on Some([1])");
        assert_eq!(result.description.as_deref(), Some("Review code."));
        let roles: Vec<Role> =
            client.get_prompt("practise", ()).await.expect("a prompt").messages.iter().map(|it| it.role).collect();
        assert_eq!(roles, [Role::User, Role::Assistant, Role::User, Role::User]);
    }
}

#[tokio::test]
async fn everything_that_is_wrong_is_said_at_once() {
    let client = connect(server(World::default()), Era::Modern).await;
    let error = refused(&client, "review", json!({ "findings": "0", "strict": "x", "cod": "y" })).await;
    assert_eq!(error.code, ErrorCode::InvalidParams);
    assert_eq!(
        error.message,
        "the arguments of prompt `review` are not right:\n\
         - `code` is missing: expected a string\n\
         - `findings`: expected an integer from 1 to 10, got the number 0\n\
         - `strict`: expected true or false, got the string \"x\"\n\
         - `cod` is not an argument of this prompt; did you mean `code`?"
    );
}

/// Numbers of every kind.
#[prompt]
fn numbers(
    /// Small.
    a: i8,
    /// With a fraction.
    b: f64,
    /// Very large.
    c: u64,
    /// Or none.
    d: Option<i32>,
    /// Text that looks like a number.
    e: &str,
    /// A date.
    f: chrono::NaiveDate,
) -> String {
    format!("{a} {b} {c} {d:?} {e} {f}")
}

#[tokio::test]
async fn text_is_read_as_the_type_says() {
    let client = connect(Server::new("s").prompts(prompts![numbers]), Era::Modern).await;
    let arguments = json!({ "a": "-5", "b": "1e3", "c": "18446744073709551615", "d": "", "e": "7", "f": "2026-07-28" });
    let result = client.get_prompt("numbers", arguments).await.expect("a prompt");
    assert_eq!(result.joined_text(), "-5 1000 18446744073709551615 None 7 2026-07-28");
    let arguments = json!({ "a": " 5 ", "b": "2", "c": "1.0", "d": "-1", "e": "", "f": "2026-07-28" });
    let result = client.get_prompt("numbers", arguments).await.expect("a prompt");
    assert_eq!(result.joined_text(), "5 2 1 Some(-1)  2026-07-28");
    for (argument, wrong) in
        [("a", "128"), ("a", ""), ("a", "five"), ("a", "5.5"), ("b", "NaN"), ("c", "-1"), ("d", "null"), ("f", "today")]
    {
        let mut arguments = json!({ "a": "1", "b": "1", "c": "1", "e": "", "f": "2026-07-28" });
        arguments[argument] = json!(wrong);
        let error = refused(&client, "numbers", arguments).await;
        assert!(error.message.contains(&format!("- `{argument}`: expected")), "{argument} {wrong}: {error}");
    }
}

#[tokio::test]
async fn errors_are_masked_where_that_is_wanted() {
    let client = connect(server(World::default()).mask_errors(true), Era::Modern).await;
    let error = refused(&client, "failing_prompt", json!({ "how": "io" })).await;
    assert_eq!(
        (error.code, &*error.message),
        (ErrorCode::InternalError, "the prompt failed; the server does not say why")
    );
    let error = refused(&client, "failing_prompt", json!({ "how": "said" })).await;
    assert_eq!(error.message, "the archive is closed on Sundays");
}

#[tokio::test]
async fn a_prompt_asks_on_every_carrier_and_its_steps_are_done_once() {
    let got = checked::trial(World::default, |world: Arc<World>| server(world))
        .model(|request| request.joined_text().to_uppercase())
        .user_says(json!({ "size": 12 }))
        .on_every_carrier(async |client, world| {
            let result = client.get_prompt("planned", [("topic", "tea")]).await.expect("a prompt");
            (result.joined_text(), result.description, world.counts()["step"])
        })
        .await;
    let description = Some("A plan for a topic, which asks the same.".to_owned());
    assert_eq!(got, ("TEA ONE, TEA TWO (16), size Some(12)".to_owned(), description, 1));
}

/// A type of one's own.
struct Dialogue(Vec<&'static str>);

impl IntoPromptResult for Dialogue {
    fn into_prompt_result(self) -> Result<GetPromptResult> {
        let role = |place| if place % 2 == 0 { Role::User } else { Role::Assistant };
        let message = |(place, line): (usize, &str)| PromptMessage::new(role(place), ContentBlock::text(line));
        Ok(GetPromptResult::new(self.0.into_iter().enumerate().map(message)))
    }
}

/// Talk.
#[prompt]
fn talk() -> Dialogue {
    Dialogue(vec!["Hello?", "Hello!"])
}

#[tokio::test]
async fn own_types_and_prompts_that_are_made_at_run_time() {
    let translate = DynPrompt::new("translate", |arguments, ctx: Context| async move {
        let into = arguments.get("into").and_then(|it| it.as_str()).unwrap_or("English");
        format!("{} into {into} for {}", arguments["text"], ctx.request_id())
    })
    .title("Translate!")
    .description("Translate a text.")
    .argument("text", "What to translate.")
    .optional_argument("into", "Into which language.");
    let client = connect(Server::new("s").prompts(prompts![talk].and(translate)), Era::Modern).await;
    let result = client.get_prompt("talk", ()).await.expect("a prompt");
    assert_eq!(result.messages[1], PromptMessage::assistant("Hello!"));
    let listed = client.list_prompts().await.expect("a list");
    assert_eq!((listed[1].title.as_deref(), listed[1].arguments.len()), (Some("Translate!"), 2));
    let result = client.get_prompt("translate", [("text", "Baum")]).await.expect("a prompt");
    assert!(result.joined_text().starts_with("\"Baum\" into English for "), "{}", result.joined_text());
    let error = refused(&client, "translate", json!({ "into": "French", "x": "y" })).await;
    assert_eq!(error.code, ErrorCode::InvalidParams);
    assert!(error.message.contains("`text`") && error.message.contains("`x`"), "{error}");
}

mod other {
    use mcp_runtime::prelude::*;

    /// Talk elsewhere.
    #[prompt]
    pub(crate) fn talk(what: &str) -> String {
        what.to_owned()
    }
}

#[tokio::test]
async fn what_does_not_fit_together_is_said_when_the_server_starts() {
    let problems = async |server: Server| {
        let error = checked::in_memory(server).connect().await.expect_err("it does not fit together");
        assert_eq!(error.kind(), ErrorKind::Configuration);
        error.to_string()
    };
    assert_eq!(
        problems(Server::new("s").prompts(prompts![talk, other::talk])).await,
        "two prompts are named `talk`: one in `behaviour::prompts`, one in `behaviour::prompts::other`; \
         give one of them another name with `#[prompt(name = \"..\")]`"
    );
    let said = problems(Server::new("s").prompts(prompts![other::talk]).require_descriptions()).await;
    assert!(said.starts_with("argument `what` of prompt `talk` has no description"), "{said}");
    let twice = DynPrompt::new("p", async |_, _| "x").argument("a", "A.").optional_argument("a", "Again.");
    assert!(problems(Server::new("s").prompts(twice)).await.contains("two arguments that are named `a`"));
}
