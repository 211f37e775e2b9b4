//! What tools, prompts and resources give. Their texts may be long, and are written here: serde_json looks at each
//! letter of a text by itself.

use std::borrow::Cow;

use serde::Serialize;

use crate::protocol::{
    Annotations, AudioContent, CallToolResult, ContentBlock, EmbeddedResource, GetPromptResult, ImageContent, Meta,
    ProtocolVersion, ResourceContents, ResourceLink, Structured, TextContent, TextResult, quote,
};

type Written = serde_json::Result<()>;

/// Writes a text.
pub(super) fn quoted(out: &mut Vec<u8>, text: &str) {
    out.reserve(text.len() + 2);
    quote(text, |part| out.extend_from_slice(part.as_bytes()));
}

/// A member that is not the first one.
fn member<T: Serialize>(out: &mut Vec<u8>, name: &str, value: Option<&T>) -> Written {
    let Some(value) = value else { return Ok(()) };
    begin(out, name);
    serde_json::to_writer(out, value)
}

fn text_member(out: &mut Vec<u8>, name: &str, text: Option<&String>) {
    if let Some(text) = text {
        begin(out, name);
        quoted(out, text);
    }
}

fn begin(out: &mut Vec<u8>, name: &str) {
    for part in [",\"", name, "\":"] {
        out.extend_from_slice(part.as_bytes());
    }
}

/// Writes each item of an array.
fn array<T>(out: &mut Vec<u8>, items: &[T], mut write: impl FnMut(&mut Vec<u8>, &T) -> Written) -> Written {
    out.push(b'[');
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write(out, item)?;
    }
    out.push(b']');
    Ok(())
}

pub(super) fn tool_result(out: &mut Vec<u8>, revision: ProtocolVersion, result: &CallToolResult) -> Written {
    out.extend_from_slice(br#"{"content":"#);
    array(out, &result.content, |out, it| block(out, revision, it))?;
    if let Some(structured) = result.structured_content.as_deref()
        && carries(revision, structured.get())
    {
        begin(out, "structuredContent");
        out.extend_from_slice(structured.get().as_bytes());
    }
    if result.is_error {
        out.extend_from_slice(br#","isError":true"#);
    }
    out.push(b'}');
    Ok(())
}

/// The members of the result of a tool that is one text, without the braces around them.
pub(super) fn text_members(out: &mut Vec<u8>, revision: ProtocolVersion, result: &TextResult<'_>) {
    out.extend_from_slice(br#""content":[{"type":"text","text":"#);
    quoted(out, result.text);
    out.extend_from_slice(b"}]");
    match result.structured {
        Some(Structured::Result(json)) if revision >= ProtocolVersion::V2025_06_18 => {
            for part in [r#","structuredContent":{"result":"#, json, "}"] {
                out.extend_from_slice(part.as_bytes());
            }
        }
        Some(Structured::Whole(json)) if carries(revision, json) => {
            begin(out, "structuredContent");
            out.extend_from_slice(json.as_bytes());
        }
        _ => {}
    }
}

/// Whether a revision has structured content, and such as this: up to 2025-11-25 it was an object.
fn carries(revision: ProtocolVersion, structured: &str) -> bool {
    revision.is_modern() || (revision >= ProtocolVersion::V2025_06_18 && structured.starts_with('{'))
}

pub(super) fn prompt_result(out: &mut Vec<u8>, revision: ProtocolVersion, result: &GetPromptResult) -> Written {
    out.push(b'{');
    if let Some(description) = &result.description {
        out.extend_from_slice(br#""description":"#);
        quoted(out, description);
        out.push(b',');
    }
    out.extend_from_slice(br#""messages":"#);
    array(out, &result.messages, |out, message| {
        out.extend_from_slice(br#"{"role":"#);
        serde_json::to_writer(&mut *out, &message.role)?;
        begin(out, "content");
        block(out, revision, &message.content)?;
        out.push(b'}');
        Ok(())
    })?;
    out.push(b'}');
    Ok(())
}

/// The contents of a resource that was read, as an array.
pub(super) fn all_contents(out: &mut Vec<u8>, revision: ProtocolVersion, all: &[ResourceContents]) -> Written {
    array(out, all, |out, it| contents(out, it, it.meta.as_ref().filter(|_| revision >= ProtocolVersion::V2025_06_18)))
}

fn block(out: &mut Vec<u8>, revision: ProtocolVersion, block: &ContentBlock) -> Written {
    let block = known(revision, block);
    match &*block {
        ContentBlock::Text(TextContent { text, annotations, meta }) => {
            out.extend_from_slice(br#"{"type":"text","text":"#);
            quoted(out, text);
            hints(out, annotations, meta)
        }
        ContentBlock::Image(ImageContent { data, mime_type, annotations, meta }) => {
            binary(out, "image", data, mime_type);
            hints(out, annotations, meta)
        }
        ContentBlock::Audio(AudioContent { data, mime_type, annotations, meta }) => {
            binary(out, "audio", data, mime_type);
            hints(out, annotations, meta)
        }
        ContentBlock::Resource(EmbeddedResource { resource, annotations, meta }) => {
            out.extend_from_slice(br#"{"type":"resource","resource":"#);
            contents(out, resource, resource.meta.as_ref())?;
            hints(out, annotations, meta)
        }
        link @ ContentBlock::ResourceLink(_) => serde_json::to_writer(out, link),
    }
}

/// The beginning of a block of bytes.
fn binary(out: &mut Vec<u8>, kind: &str, data: &str, mime_type: &str) {
    out.extend_from_slice(br#"{"type":"#);
    quoted(out, kind);
    begin(out, "data");
    quoted(out, data);
    begin(out, "mimeType");
    quoted(out, mime_type);
}

/// The end of a block.
fn hints(out: &mut Vec<u8>, annotations: &Option<Annotations>, meta: &Option<Meta>) -> Written {
    member(out, "annotations", annotations.as_ref())?;
    member(out, "_meta", meta.as_ref())?;
    out.push(b'}');
    Ok(())
}

fn contents(out: &mut Vec<u8>, contents: &ResourceContents, meta: Option<&Meta>) -> Written {
    let ResourceContents { uri, mime_type, text, blob, .. } = contents;
    out.extend_from_slice(br#"{"uri":"#);
    quoted(out, uri);
    text_member(out, "mimeType", mime_type.as_ref());
    text_member(out, "text", text.as_ref());
    text_member(out, "blob", blob.as_ref());
    member(out, "_meta", meta)?;
    out.push(b'}');
    Ok(())
}

/// The block, or what says it in a revision that has no such blocks.
fn known(revision: ProtocolVersion, block: &ContentBlock) -> Cow<'_, ContentBlock> {
    match block {
        ContentBlock::ResourceLink(ResourceLink { uri, name, .. }) if revision < ProtocolVersion::V2025_06_18 => {
            Cow::Owned(ContentBlock::text(format!("{name}: {uri}")))
        }
        ContentBlock::Audio(AudioContent { mime_type, .. }) if revision < ProtocolVersion::V2025_03_26 => {
            let text = format!("(a sound of type {mime_type}, which this protocol version cannot carry)");
            Cow::Owned(ContentBlock::text(text))
        }
        other => Cow::Borrowed(other),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::protocol::{PromptMessage, Role};

    fn written(write: impl FnOnce(&mut Vec<u8>) -> Written) -> String {
        let mut out = Vec::new();
        write(&mut out).expect("it can be written");
        String::from_utf8(out).expect("UTF-8")
    }

    /// One of each kind, with everything that it may have.
    fn blocks() -> Vec<ContentBlock> {
        let hints = json!({ "audience": ["user"], "priority": 0.5 });
        let contents = json!({ "uri": "a:1", "mimeType": "text/plain", "text": "\"a\"\n", "_meta": { "k": 1 } });
        let with = |mut block: Value| {
            block["annotations"] = hints.clone();
            block["_meta"] = json!({ "m": "\u{1}" });
            block
        };
        let all = [
            json!({ "type": "text", "text": "two\nlines" }),
            with(json!({ "type": "text", "text": "é\\" })),
            json!({ "type": "image", "data": "AAEC", "mimeType": "image/png" }),
            with(json!({ "type": "image", "data": "AAEC", "mimeType": "image/\"png" })),
            with(json!({ "type": "audio", "data": "AAEC", "mimeType": "audio/wav" })),
            with(json!({ "type": "resource", "resource": contents })),
            json!({ "type": "resource", "resource": { "uri": "b:\"", "blob": "AAEC" } }),
            with(json!({ "type": "resource_link", "uri": "c:3", "name": "c" })),
        ];
        all.map(|block| serde_json::from_value(block).expect("a block")).to_vec()
    }

    #[test]
    fn everything_is_written_as_its_type_says() {
        let latest = ProtocolVersion::LATEST;
        for block in blocks() {
            let result = CallToolResult::default().with(block.clone()).with(block.clone());
            assert_eq!(
                written(|out| tool_result(out, latest, &result)),
                serde_json::to_string(&result).expect("a result"),
            );
            let mut prompt = GetPromptResult::new([PromptMessage::new(Role::Assistant, block)]);
            for description in [None, Some("what \"for\"".to_owned())] {
                prompt.description = description;
                assert_eq!(
                    written(|out| prompt_result(out, latest, &prompt)),
                    serde_json::to_string(&prompt).expect("a prompt"),
                );
            }
        }
        let mut failed = CallToolResult::error("no").with_structured(&json!([1])).expect("JSON");
        assert_eq!(written(|out| tool_result(out, latest, &failed)), serde_json::to_string(&failed).expect("a result"));
        failed.content.clear();
        assert_eq!(written(|out| tool_result(out, latest, &failed)), serde_json::to_string(&failed).expect("a result"));
    }

    #[test]
    fn what_a_revision_does_not_know_is_said_in_its_words_or_left_out() {
        let link = ContentBlock::from(ResourceLink::new("a:1", "one"));
        let result = CallToolResult::default().with(ContentBlock::audio([1], "audio/wav")).with(link);
        let texts = |revision| {
            let json = written(|out| tool_result(out, revision, &result));
            let result: CallToolResult = serde_json::from_str(&json).expect("a result");
            result.content.iter().map(|block| block.as_text().map(str::to_owned)).collect::<Vec<_>>()
        };
        let sound = "(a sound of type audio/wav, which this protocol version cannot carry)";
        assert_eq!(texts(ProtocolVersion::V2024_11_05), [Some(sound.to_owned()), Some("one: a:1".to_owned())]);
        assert_eq!(texts(ProtocolVersion::V2025_03_26), [None, Some("one: a:1".to_owned())]);
        assert_eq!(texts(ProtocolVersion::V2025_06_18), [None, None]);
        for (revision, value, is_there) in [
            (ProtocolVersion::V2025_03_26, json!({ "a": 1 }), false),
            (ProtocolVersion::V2025_06_18, json!({ "a": 1 }), true),
            (ProtocolVersion::LATEST_LEGACY, json!([1]), false),
            (ProtocolVersion::LATEST, json!([1]), true),
        ] {
            let result = CallToolResult::default().with_structured(&value).expect("JSON");
            let json = written(|out| tool_result(out, revision, &result));
            assert_eq!(json.contains("structuredContent"), is_there, "{revision:?} {value}");
        }
    }
}
