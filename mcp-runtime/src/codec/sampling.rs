//! A question to a model in the words of each revision.

use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Map, Value, json};

use crate::protocol::ProtocolVersion;

/// The parameters of `sampling/createMessage`, if the revision needs them said differently: before 2025-11-25 a
/// message is one block, so that several blocks become several messages.
///
/// They are changed as JSON, since a server that asks no model need not know what a question to one can be.
pub(super) fn params_for(revision: ProtocolVersion, params: &RawValue) -> Option<Box<RawValue>> {
    if revision >= ProtocolVersion::V2025_11_25 {
        return None;
    }
    let mut params: Map<String, Value> = serde_json::from_str(params.get()).ok()?;
    let messages = params.get_mut("messages")?.as_array_mut()?;
    *messages = messages.iter().flat_map(one_block_each).collect();
    to_raw_value(&params).ok()
}

fn one_block_each(message: &Value) -> Vec<Value> {
    let of = |block: &Value| json!({ "role": message.get("role"), "content": block });
    match message.get("content") {
        Some(Value::Array(blocks)) => blocks.iter().map(of).collect(),
        Some(block) => vec![of(block)],
        None => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_one_block_before_2025_11_25() {
        let (text, picture) =
            (json!({ "type": "text", "text": "?" }), json!({ "type": "image", "data": "", "mimeType": "image/png" }));
        let asked = json!({
            "messages": [
                { "role": "user", "content": [text, picture], "_meta": { "a": 1 } },
                { "role": "assistant", "content": text },
            ],
            "maxTokens": 10,
        });
        let raw = to_raw_value(&asked).expect("JSON");
        let said = params_for(ProtocolVersion::V2025_06_18, &raw).expect("other words");
        let said: Value = serde_json::from_str(said.get()).expect("JSON");
        let expected = json!({
            "messages": [
                { "role": "user", "content": text },
                { "role": "user", "content": picture },
                { "role": "assistant", "content": text },
            ],
            "maxTokens": 10,
        });
        assert_eq!(said, expected);
        for newer in [ProtocolVersion::V2025_11_25, ProtocolVersion::V2026_07_28] {
            assert!(params_for(newer, &raw).is_none(), "{newer}");
        }
    }
}
