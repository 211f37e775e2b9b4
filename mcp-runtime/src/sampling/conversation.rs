//! What every conversation with a model obeys, whoever has it ([specification]).
//!
//! [specification]: https://modelcontextprotocol.io/specification/2026-07-28/client/sampling#message-content-constraints

use super::{ProviderError, ProviderErrorKind};
use crate::protocol::{Role, SamplingContent, SamplingMessage};

/// Each use of a tool is answered in the next message, which is the user's and holds nothing else.
pub(crate) fn check(messages: &[SamplingMessage]) -> Result<(), ProviderError> {
    let mut open: Vec<&str> = Vec::new();
    for (at, message) in messages.iter().enumerate() {
        let refuse = |what: String| {
            let message = format!("`messages[{at}]` {what}");
            Err(ProviderError::new(ProviderErrorKind::InvalidRequest, message))
        };
        let is_result = |block: &SamplingContent| matches!(block, SamplingContent::ToolResult(_));
        let has_results = message.content.iter().any(is_result);
        if has_results && !message.content.iter().all(is_result) {
            return refuse("mixes results of tools with other content: give each a message of its own".to_owned());
        }
        if !open.is_empty() && !has_results {
            return refuse(format!("must hold the results of the tools that were asked for: {}", open.join(", ")));
        }
        for block in &message.content {
            match (block, message.role) {
                (SamplingContent::ToolResult(_), Role::Assistant) => {
                    return refuse("is the model's, but holds the result of a tool; the user gives that".to_owned());
                }
                (SamplingContent::ToolUse(_), Role::User) => {
                    return refuse("is the user's, but asks for a tool; only the model does".to_owned());
                }
                (SamplingContent::ToolResult(result), Role::User) => {
                    let Some(place) = open.iter().position(|id| *id == result.tool_use_id) else {
                        return refuse(format!(
                            "answers `{}`, which the message before did not ask",
                            result.tool_use_id
                        ));
                    };
                    open.swap_remove(place);
                }
                _ => {}
            }
        }
        if !open.is_empty() {
            return refuse(format!("lacks the result of {}", open.join(", ")));
        }
        let uses = message.content.iter().filter_map(|block| match block {
            SamplingContent::ToolUse(tool_use) => Some(tool_use.id.as_str()),
            _ => None,
        });
        open.extend(uses);
    }
    match open.is_empty() {
        true => Ok(()),
        false => Err(ProviderError::new(
            ProviderErrorKind::InvalidRequest,
            format!("`messages` ends before the results of the tools that were asked for: {}", open.join(", ")),
        )),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::check;

    fn checked(messages: Value) -> Result<(), String> {
        let messages: Vec<_> = serde_json::from_value(messages).expect("messages");
        check(&messages).map_err(|error| error.to_string())
    }

    fn uses(ids: &[&str]) -> Value {
        let blocks: Vec<_> =
            ids.iter().map(|id| json!({ "type": "tool_use", "id": id, "name": "t", "input": {} })).collect();
        json!({ "role": "assistant", "content": blocks })
    }

    fn results(ids: &[&str]) -> Value {
        let blocks: Vec<_> =
            ids.iter().map(|id| json!({ "type": "tool_result", "toolUseId": id, "content": [] })).collect();
        json!({ "role": "user", "content": blocks })
    }

    fn says(role: &str) -> Value {
        json!({ "role": role, "content": { "type": "text", "text": "…" } })
    }

    #[test]
    fn tools_that_are_asked_for_are_answered() {
        assert_eq!(checked(json!([])), Ok(()));
        assert_eq!(checked(json!([says("user"), says("assistant"), says("user")])), Ok(()));
        assert_eq!(checked(json!([says("user"), uses(&["a", "b"]), results(&["b", "a"]), says("assistant")])), Ok(()));
        assert_eq!(checked(json!([uses(&["a"]), results(&["a"]), uses(&["a"]), results(&["a"])])), Ok(()));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let wrong = |messages: Value| checked(messages).expect_err("a mistake");
        assert_eq!(
            wrong(json!([uses(&["a", "b"]), results(&["a"]), says("assistant")])),
            "`messages[1]` lacks the result of b"
        );
        assert_eq!(
            wrong(json!([uses(&["a"]), says("user")])),
            "`messages[1]` must hold the results of the tools that were asked for: a"
        );
        assert_eq!(
            wrong(json!([uses(&["a"])])),
            "`messages` ends before the results of the tools that were asked for: a"
        );
        assert_eq!(
            wrong(json!([says("user"), results(&["a"])])),
            "`messages[1]` answers `a`, which the message before did not ask"
        );
        assert_eq!(
            wrong(json!([uses(&["a"]), results(&["a", "a"])])),
            "`messages[1]` answers `a`, which the message before did not ask"
        );
        let mixed = json!({ "role": "user", "content": [
            { "type": "text", "text": "Here:" }, { "type": "tool_result", "toolUseId": "a", "content": [] },
        ] });
        assert_eq!(
            wrong(json!([uses(&["a"]), mixed])),
            "`messages[1]` mixes results of tools with other content: give each a message of its own"
        );
        let mut swapped = uses(&["a"]);
        swapped["role"] = json!("user");
        assert_eq!(wrong(json!([swapped])), "`messages[0]` is the user's, but asks for a tool; only the model does");
        let mut swapped = results(&["a"]);
        swapped["role"] = json!("assistant");
        assert_eq!(
            wrong(json!([uses(&["a"]), swapped])),
            "`messages[1]` is the model's, but holds the result of a tool; the user gives that"
        );
    }
}
