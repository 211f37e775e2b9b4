//! Answers of a type.

use std::any::type_name;
use std::fmt;
use std::marker::PhantomData;

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::conversation::Conversation;
use super::{Kind, SamplingResult};
use crate::context::form::make_integer;
use crate::context::question::QuestionError;
use crate::protocol::{
    CallToolResult, Tool, ToolChoice, ToolResultContent, ToolUseContent, has_reserved_key, without_position,
};
use crate::schema::{Checker, schema_generator, tidy};

/// The kind of [`Sample`](crate::Sample) whose answer is a `T`.
pub struct Typed<T>(PhantomData<fn() -> T>);

impl<T> fmt::Debug for Typed<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Typed")
    }
}

/// The tool by which a model gives its answer.
const FINAL_RESPONSE: &str = "final_response";

/// What holds a value that is not an object, where there must be one.
const VALUE: &str = "value";

/// A type as a model is asked for it.
pub(super) struct Shape {
    type_name: &'static str,
    schema: Map<String, Value>,
    checker: Checker,
    is_object: bool,
}

impl Shape {
    pub(super) fn of<T: JsonSchema>() -> Self {
        let mut generator = schema_generator();
        let mut schema = generator.root_schema_for::<T>();
        tidy(&mut schema);
        let Value::Object(mut schema) = schema.to_value() else {
            // True is what everything fits.
            return Self::new(type_name::<T>(), Map::new(), false);
        };
        schema.remove("title");
        let is_object = schema.get("type").is_some_and(|kind| kind == "object");
        Self::new(type_name::<T>(), schema, is_object)
    }

    fn new(type_name: &'static str, schema: Map<String, Value>, is_object: bool) -> Self {
        Self { type_name, checker: Checker::new(Value::Object(schema.clone())), schema, is_object }
    }

    /// The tool that the model is to answer with.
    fn tool(&self) -> Tool {
        let input_schema = match self.is_object {
            true => self.schema.clone(),
            false => self.wrapped(),
        };
        let description = "Gives the final answer. Call it once, when you have the answer.".to_owned();
        Tool { name: FINAL_RESPONSE.to_owned(), description: Some(description), input_schema, ..Tool::default() }
    }

    /// The schema of an object with the value in it.
    fn wrapped(&self) -> Map<String, Value> {
        let mut inner = self.schema.clone();
        let definitions = inner.remove("$defs");
        let mut value = Value::Object(inner);
        redirect(&mut value);
        let mut outer = Map::new();
        outer.insert("type".to_owned(), json!("object"));
        outer.insert("properties".to_owned(), json!({ VALUE: value }));
        outer.insert("required".to_owned(), json!([VALUE]));
        if let Some(mut definitions) = definitions {
            redirect(&mut definitions);
            outer.insert("$defs".to_owned(), definitions);
        }
        outer
    }

    /// What is said to a model without tools.
    fn instructions(&self) -> String {
        let schema = Value::Object(self.schema.clone());
        format!(
            "Answer with one JSON value and nothing else: no explanation, no Markdown. \
             It must be valid against this JSON Schema:\n{schema}"
        )
    }

    /// A value as the type, or all that is wrong with it.
    fn read<T: DeserializeOwned>(&self, mut value: Value) -> Result<T, Vec<String>> {
        make_integers(&mut value);
        let problems = self.checker.problems(&value, "");
        if !problems.is_empty() {
            return Err(problems);
        }
        serde_json::from_value(value).map_err(|error| vec![without_position(&error)])
    }

    /// What the model called its tool with.
    fn read_input<T: DeserializeOwned>(&self, input: &Map<String, Value>) -> Result<T, Vec<String>> {
        if self.is_object {
            return self.read(Value::Object(input.clone()));
        }
        match input.get(VALUE) {
            Some(value) => self.read(value.clone()),
            None => Err(vec![format!("`{VALUE}` is missing")]),
        }
    }

    /// A text that is the value, or has it.
    pub(super) fn read_text<T: DeserializeOwned>(&self, text: &str) -> Result<T, Vec<String>> {
        match find_json(text) {
            Ok(value) => self.read(value),
            Err(reason) => Err(vec![format!("it is not JSON: {reason}")]),
        }
    }

    pub(super) fn not_typed(&self, attempts: u32, problems: Vec<String>, answer: String) -> QuestionError {
        QuestionError::NotTyped { type_name: self.type_name, attempts, problems, answer }
    }
}

/// The same for all numbers in it.
fn make_integers(value: &mut Value) {
    match value {
        Value::Object(members) => members.values_mut().for_each(make_integers),
        Value::Array(items) => items.iter_mut().for_each(make_integers),
        other => make_integer(other),
    }
}

/// References to the root lead to the value in it.
fn redirect(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            if let Some(Value::String(reference)) = members.get_mut("$ref")
                && reference == "#"
            {
                *reference = format!("#/properties/{VALUE}");
            }
            members.values_mut().for_each(redirect);
        }
        Value::Array(items) => items.iter_mut().for_each(redirect),
        _ => {}
    }
}

/// The JSON of a text: the whole of it, what stands in its fence, or what its outermost brackets hold.
fn find_json(text: &str) -> Result<Value, String> {
    let whole = text.trim();
    let parse = |json: &str| -> Result<Value, String> {
        if has_reserved_key(json) {
            return Err("it has a key that is not allowed".to_owned());
        }
        serde_json::from_str(json).map_err(|error| error.to_string())
    };
    let fenced = || {
        let (_, rest) = whole.split_once("```")?;
        let (_, rest) = rest.split_once('\n')?;
        rest.split_once("```").map(|(inside, _)| inside)
    };
    let bracketed = || {
        let start = whole.find(['{', '['])?;
        let close = if whole[start..].starts_with('{') { '}' } else { ']' };
        let end = whole.rfind(close)?;
        whole.get(start..=end)
    };
    let first = match parse(whole) {
        Ok(value) => return Ok(value),
        Err(error) => error,
    };
    [fenced(), bracketed()].into_iter().flatten().find_map(|json| parse(json.trim()).ok()).ok_or(first)
}

impl<T: DeserializeOwned + JsonSchema + 'static> Kind for Typed<T> {
    type Output = T;
    const PLAIN: Option<fn(SamplingResult) -> T> = None;

    async fn run(mut conversation: Conversation) -> Result<T, QuestionError> {
        let shape = Shape::of::<T>();
        let by_tool = conversation.has_tools();
        if by_tool {
            conversation.offer(shape.tool())?;
            conversation.choose(ToolChoice::required());
        } else {
            conversation.add(shape.instructions());
        }
        let mut attempts = 0;
        loop {
            if by_tool && conversation.turns + 1 >= conversation.max_turns {
                conversation.offer_only(FINAL_RESPONSE);
            }
            let answer = conversation.turn().await?;
            let (text, cut_off) = (said(&answer), answer.stop_reason() == Some("maxTokens"));
            let uses: Vec<ToolUseContent> = answer.tool_uses().cloned().collect();
            let mut tries: Vec<(&ToolUseContent, Vec<String>)> = Vec::new();
            for asked in uses.iter().filter(|asked| by_tool && asked.name == FINAL_RESPONSE) {
                match shape.read_input(&asked.input) {
                    Ok(value) => return Ok(value),
                    Err(problems) => tries.push((asked, problems)),
                }
            }
            let mut in_text = None;
            if uses.is_empty() {
                match shape.read_text(&text) {
                    Ok(value) => return Ok(value),
                    Err(problems) => in_text = Some(problems),
                }
            }
            let tried = in_text.clone().or_else(|| tries.first().map(|(_, problems)| problems.clone()));
            if let Some(mut problems) = tried {
                attempts += 1;
                if attempts >= conversation.attempts || conversation.is_last_turn() {
                    if cut_off {
                        problems.push("it was cut off at its `max_tokens`".to_owned());
                    }
                    return Err(shape.not_typed(attempts, problems, text));
                }
            } else if conversation.is_last_turn() {
                return Err(conversation.endless(&uses));
            }
            conversation.go_on(answer);
            if let Some(problems) = in_text {
                let how = match by_tool {
                    true => format!("Call the tool `{FINAL_RESPONSE}` with the answer."),
                    false => "Answer again, with the JSON value alone.".to_owned(),
                };
                conversation.say(format!("This is not right: {}. {how}", problems.join("; ")));
                continue;
            }
            let wrong = |asked: &ToolUseContent| {
                let (_, problems) = tries.iter().find(|(tried, _)| std::ptr::eq(*tried, asked))?;
                let text = format!("This is not right: {}. Call the tool again.", problems.join("; "));
                Some(ToolResultContent::of(asked, CallToolResult::error(text)))
            };
            let results = conversation.use_tools(&uses, wrong).await;
            conversation.answer(results);
        }
    }
}

/// What a model said, as an error shows it.
fn said(answer: &SamplingResult) -> String {
    let inputs = || {
        let inputs = answer.tool_uses().map(|asked| Value::Object(asked.input.clone()).to_string());
        inputs.collect::<Vec<_>>().join("\n")
    };
    answer.text().map_or_else(|_| inputs(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::find_json;

    #[test]
    fn json_is_found_where_models_put_it() {
        let found = |text: &str| find_json(text).ok();
        assert_eq!(found(" {\"a\": 1}\n"), Some(json!({ "a": 1 })));
        assert_eq!(found("```json\n{\"a\": 1}\n```"), Some(json!({ "a": 1 })));
        assert_eq!(found("Here you are:\n```\n[1, 2]\n```\nGood luck!"), Some(json!([1, 2])));
        assert_eq!(found("The answer is {\"a\": {\"b\": 2}}."), Some(json!({ "a": { "b": 2 } })));
        assert_eq!(found("5"), Some(json!(5)));
        assert_eq!(found("\"```\""), Some(json!("```")));
        assert_eq!(found("no idea"), None);
        assert_eq!(found(""), None);
        assert_eq!(found("} {"), None);
    }
}
