//! The specification's example messages (revision 2026-07-28, in `spec/`, by type): each is read
//! as our type, and printed back it says the same.

use std::path::PathBuf;

use mcp_runtime::protocol::*;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Reads and prints all examples in the folder of this name; says how many there were.
fn check<T: Serialize + DeserializeOwned>(name: &str) -> usize {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("spec").join(name);
    let mut count = 0;
    for file in std::fs::read_dir(&folder).expect("the folder is there") {
        let path = file.expect("a file").path();
        let example: Value = serde_json::from_slice(&std::fs::read(&path).expect("a file")).expect("JSON");
        let read: T =
            serde_json::from_value(example.clone()).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let mut printed = serde_json::to_value(&read).expect("JSON");
        // The kind of a result, and caching hints of the kinds that have no field for them, are
        // written by whoever writes the whole response.
        let mut example = example;
        for envelope in ["resultType", "ttlMs", "cacheScope"] {
            for side in [&mut example, &mut printed] {
                side.as_object_mut().expect("an object").remove(envelope);
            }
        }
        if name.ends_with("Content") || name == "ResourceLink" || name == "EmbeddedResource" {
            // Which content it is, is said by the enum around it.
            example.as_object_mut().expect("an object").remove("type");
        }
        assert_eq!(plain(printed), plain(example), "{}", path.display());
        count += 1;
    }
    count
}

/// Without what can be said in two ways: `1` and `1.0`, a default and its absence.
fn plain(value: Value) -> Value {
    match value {
        Value::Number(number) => serde_json::json!(number.as_f64()),
        Value::Array(items) => items.into_iter().map(plain).collect(),
        Value::Object(members) => {
            let said = |(name, value): &(String, Value)| !(name == "isError" && *value == Value::Bool(false));
            members.into_iter().filter(said).map(|(name, value)| (name, plain(value))).collect()
        }
        other => other,
    }
}

#[test]
fn every_example_is_read_and_printed_back_the_same() {
    let counts = [
        check::<CallToolResult>("CallToolResult"),
        check::<ClientCapabilities>("ClientCapabilities"),
        check::<CompleteResult>("CompleteResult"),
        check::<CreateMessageRequestParams>("CreateMessageRequestParams"),
        check::<CreateMessageResult>("CreateMessageResult"),
        check::<DiscoverResult>("DiscoverResult"),
        check::<ElicitRequestParams>("ElicitRequestFormParams"),
        check::<ElicitRequestParams>("ElicitRequestURLParams"),
        check::<ElicitResult>("ElicitResult"),
        check::<EmbeddedResource>("EmbeddedResource"),
        check::<AudioContent>("AudioContent"),
        check::<ImageContent>("ImageContent"),
        check::<TextContent>("TextContent"),
        check::<ToolResultContent>("ToolResultContent"),
        check::<ToolUseContent>("ToolUseContent"),
        check::<GetPromptResult>("GetPromptResult"),
        check::<ListPromptsResult>("ListPromptsResult"),
        check::<ListResourcesResult>("ListResourcesResult"),
        check::<ListResourceTemplatesResult>("ListResourceTemplatesResult"),
        check::<ReadResourceResult>("ReadResourceResult"),
        check::<Resource>("Resource"),
        check::<ResourceContents>("TextResourceContents"),
        check::<ResourceContents>("BlobResourceContents"),
        check::<ListRootsResult>("ListRootsResult"),
        check::<ListToolsResult>("ListToolsResult"),
        check::<LoggingMessageNotificationParams>("LoggingMessageNotificationParams"),
        check::<ProgressNotificationParams>("ProgressNotificationParams"),
        check::<CancelledNotificationParams>("CancelledNotificationParams"),
        check::<ModelPreferences>("ModelPreferences"),
        check::<ResourceLink>("ResourceLink"),
        check::<Root>("Root"),
        check::<SamplingMessage>("SamplingMessage"),
        check::<ServerCapabilities>("ServerCapabilities"),
        check::<Tool>("Tool"),
    ];
    assert!(counts.iter().all(|count| *count > 0));
}
