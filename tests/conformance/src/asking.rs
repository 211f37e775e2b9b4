//! Tools that ask the client. Of each there is one that the suite calls in the legacy era and one that it calls in
//! the modern one, since it wants other names and texts; the questions are asked in the same way.

use mcp_runtime::Tools;
use mcp_runtime::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Ask the model.
#[tool]
pub async fn test_sampling(
    /// What to ask.
    prompt: String,
    ctx: Context,
) -> Result<String> {
    let answer = ctx.sample(prompt).max_tokens(100).await?;
    Ok(format!("LLM response: {}", answer.text()?))
}

/// Who the user is.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct User {
    /// The name.
    username: String,
    /// The address.
    email: String,
}

/// What the user did with a form, in words.
fn answered<T: Serialize>(answer: &Elicited<T>) -> Result<String> {
    Ok(match answer {
        Elicited::Accept(content) => format!("accept, {}", serde_json::to_string(content)?),
        Elicited::Decline => "decline".to_owned(),
        Elicited::Cancel => "cancel".to_owned(),
    })
}

/// Ask the user.
#[tool]
pub async fn test_elicitation(
    /// What to ask.
    message: String,
    ctx: Context,
) -> Result<String> {
    Ok(format!("User response: {}", answered(&ctx.elicit::<User>(message).await?)?))
}

/// A form that is filled in already.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct FilledIn {
    name: String,
    age: i64,
    score: f64,
    status: Status,
    verified: bool,
}

impl Default for FilledIn {
    fn default() -> Self {
        Self { name: "John Doe".to_owned(), age: 30, score: 95.5, status: Status::Active, verified: true }
    }
}

/// How somebody does.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "what users read of a variant is its doc comment, and these have none")]
pub enum Status {
    Active,
    Inactive,
    Pending,
}

/// Ask the user with a form that is filled in already.
#[tool]
pub async fn test_elicitation_sep1034_defaults(ctx: Context) -> Result<String> {
    let answer = ctx.elicit::<FilledIn>("Please review and update the form fields with defaults").await?;
    Ok(format!("Elicitation completed: {}", answered(&answer)?))
}

/// A form with every kind of choice.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Choices {
    untitled_single: Plain,
    titled_single: Titled,
    #[schemars(extend("enumNames" = ["Option One", "Option Two", "Option Three"]))]
    legacy_enum: Legacy,
    untitled_multi: Vec<Plain>,
    titled_multi: Vec<Titled>,
}

/// One of three.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "what users read of a variant is its doc comment, and these have none")]
pub enum Plain {
    Option1,
    Option2,
    Option3,
}

/// One of three that have titles.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Titled {
    /// First Option
    Value1,
    /// Second Option
    Value2,
    /// Third Option
    Value3,
}

/// One of three whose titles stand elsewhere.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "what users read of a variant is its doc comment, and these have none")]
pub enum Legacy {
    Opt1,
    Opt2,
    Opt3,
}

/// Ask the user to choose.
#[tool]
pub async fn test_elicitation_sep1330_enums(ctx: Context) -> Result<String> {
    let answer = ctx.elicit::<Choices>("Please select options from the enum fields").await?;
    Ok(format!("Elicitation completed: {}", answered(&answer)?))
}

/// Ask the model of a client that may have none.
#[tool]
pub async fn test_missing_capability(ctx: Context) -> Result<String> {
    Ok(ctx.sample("Are you there?").await?.text()?.to_owned())
}

/// Ask the user, and say something before.
#[tool]
pub async fn test_streaming_elicitation(ctx: Context) -> Result<String> {
    ctx.info("asking").await;
    answered(&ctx.elicit::<Name>("What is your name?").await?)
}

/// A name.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct Name {
    name: String,
}

/// An agreement.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct Agreed {
    ok: bool,
}

pub(crate) fn name_of(answer: Elicited<Name>) -> String {
    answer.accepted().map_or_else(|| "nobody".to_owned(), |answer| answer.name)
}

/// Ask for a name.
#[tool]
pub async fn test_input_required_result_elicitation(ctx: Context) -> Result<String> {
    let name = name_of(ctx.elicit("What is your name?").key("user_name").await?);
    Ok(format!("Hello, {name}!"))
}

/// Ask the model for a city.
#[tool]
pub async fn test_input_required_result_sampling(ctx: Context) -> Result<String> {
    let answer = ctx.sample("What is the capital of France?").max_tokens(100).key("capital_question").await?;
    Ok(answer.text()?.to_owned())
}

/// Ask for roots.
#[tool]
pub async fn test_input_required_result_list_roots(ctx: Context) -> Result<String> {
    let roots = ctx.roots().key("client_roots").await?;
    Ok(roots.into_iter().map(|root| root.uri).collect::<Vec<_>>().join(", "))
}

/// Ask for an agreement, and remember that.
#[tool]
pub async fn test_input_required_result_request_state(ctx: Context) -> Result<String> {
    let remembered = ctx.step("remember", async || Ok("state-ok".to_owned())).await?;
    let agreed = ctx.elicit::<Agreed>("Please confirm").key("confirm").await?;
    Ok(format!("{remembered}: {}", agreed.is_accepted()))
}

/// Ask for an agreement, and remember that where nobody can change it.
#[tool]
pub async fn test_input_required_result_tampered_state(ctx: Context) -> Result<String> {
    Ok(ctx.elicit::<Agreed>("Please confirm").key("confirm").await?.is_accepted().to_string())
}

/// Ask everybody at once.
#[tool]
pub async fn test_input_required_result_multiple_inputs(ctx: Context) -> Result<String> {
    let (name, greeting, roots) = tokio::join!(
        ctx.elicit("What is your name?").key("user_name"),
        ctx.sample("Generate a greeting").max_tokens(50).key("greeting"),
        ctx.roots().key("client_roots"),
    );
    Ok(format!("{}, {}, {} roots", greeting?.text()?, name_of(name?), roots?.len()))
}

/// Ask twice, one after the other.
#[tool]
pub async fn test_input_required_result_multi_round(ctx: Context) -> Result<String> {
    let name = name_of(ctx.elicit("Step 1: What is your name?").key("step1").await?);
    let color = ctx.elicit::<Color>("Step 2: What is your favorite color?").key("step2").await?;
    let color = color.accepted().map_or_else(|| "none".to_owned(), |answer| answer.color);
    Ok(format!("{name} likes {color}"))
}

/// A color.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct Color {
    color: String,
}

/// Ask those who can be asked.
#[tool]
pub async fn test_input_required_result_capabilities(ctx: Context) -> Result<String> {
    if ctx.client_capabilities().elicitation.is_some() {
        return Ok(name_of(ctx.elicit("What is your name?").await?));
    }
    Ok(ctx.sample("What is a name?").max_tokens(50).await?.text()?.to_owned())
}

/// All of them.
#[must_use]
pub fn all() -> Tools {
    tools![
        test_sampling,
        test_elicitation,
        test_elicitation_sep1034_defaults,
        test_elicitation_sep1330_enums,
        test_missing_capability,
        test_streaming_elicitation,
        test_input_required_result_elicitation,
        test_input_required_result_sampling,
        test_input_required_result_list_roots,
        test_input_required_result_request_state,
        test_input_required_result_tampered_state,
        test_input_required_result_multiple_inputs,
        test_input_required_result_multi_round,
        test_input_required_result_capabilities,
    ]
}
