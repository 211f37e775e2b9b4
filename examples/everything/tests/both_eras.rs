//! All of it, in both eras.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use everything::{Weather, server};
use mcp_runtime::client::{ClientBuilder, Era, ServerChange};
use mcp_runtime::protocol::{
    CreateMessageRequestParams, CreateMessageResult, ElicitRequestParams, ElicitResult, Implementation,
    ListRootsResult, LoggingLevel, Root, SubscriptionFilter,
};
use mcp_tests::checked;
use serde_json::json;

fn each_era() -> impl Iterator<Item = (Era, ClientBuilder)> {
    [Era::Legacy, Era::Modern].into_iter().map(|era| (era, checked::in_memory(server()).era(era)))
}

#[tokio::test]
async fn tools_answer_ask_and_tell() {
    for (era, builder) in each_era() {
        let (steps, lines) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
        let client = builder
            .on_progress({
                let steps = steps.clone();
                move |_| _ = steps.fetch_add(1, Ordering::Relaxed)
            })
            .on_log(LoggingLevel::Info, {
                let lines = lines.clone();
                move |_| _ = lines.fetch_add(1, Ordering::Relaxed)
            })
            .on_sampling(|_: CreateMessageRequestParams| async {
                Ok(CreateMessageResult::text("m", r#"{ "sentence": "Tea is warm." }"#))
            })
            .on_elicitation(|form: ElicitRequestParams| async move {
                let mut fields = form.defaults();
                fields.insert("name".to_owned(), json!("Ada"));
                Ok(ElicitResult::accept(fields))
            })
            .on_roots(|()| async { Ok(ListRootsResult::new([Root::new("file:///srv")])) })
            .connect()
            .await
            .expect("a connection");
        let weather: Weather = client.call("weather", [("city", "Oslo")]).await.expect("the weather");
        assert_eq!(weather.sky, "clear over Oslo");
        assert_eq!(client.call::<f64>("calculator_add", json!({ "a": 1, "b": 2.5 })).await.expect("a sum"), 3.5);
        assert_eq!(client.call::<u32>("count", [("to", 5)]).await.expect("counted"), 5);
        // No more than ten a second, and the last one.
        let steps = steps.load(Ordering::Relaxed);
        assert!((1..=5).contains(&steps), "{era:?}: {steps}");
        assert_eq!(lines.load(Ordering::Relaxed), 1, "{era:?}");
        client.call::<()>("keep_note", [("name", "tea"), ("text", "Tea is hot.")]).await.expect("kept");
        let summary = client.call_tool("summarize", [("name", "tea")]).await.expect("a summary");
        assert!(summary.joined_text().contains("Tea is warm."), "{summary:?}");
        let secret = client.call_tool("summarize", [("name", "secret plan")]).await.expect("a refusal");
        assert_eq!(secret.joined_text(), "that is a secret");
        assert_eq!(client.call::<String>("write_letter", ()).await.expect("a letter"), "letter 7 to Ada");
        assert_eq!(client.call::<Vec<String>>("roots", ()).await.expect("roots"), ["file:///srv"]);
        assert_eq!(client.call_tool("picture", ()).await.expect("a picture").content.len(), 1);
        client.call_tool("inspect", ()).await.expect_err("hidden");
    }
}

#[tokio::test]
async fn resources_prompts_completion_and_changes() {
    for (era, builder) in each_era() {
        let client = builder.info(Implementation::new("an-inspector", "1")).connect().await.expect("a connection");
        let mut changes = client
            .subscribe(SubscriptionFilter::new().tools().resource("note://tea").resource("info://purpose"))
            .await
            .expect("a subscription");
        // Of what is not there yet, nothing can be told.
        assert_eq!(changes.filter().resource_subscriptions.len(), 2, "{era:?}");
        client.call::<()>("keep_note", [("name", "tea"), ("text", "Tea is hot.")]).await.expect("kept");
        let change = changes.next().await.expect("one").expect("a change");
        assert_eq!(change, ServerChange::Resource("note://tea".to_owned()));
        assert_eq!(client.read_resource("note://tea").await.expect("a note").joined_text(), "Tea is hot.");
        assert_eq!(client.call::<Vec<String>>("inspect", ()).await.expect("for inspectors"), ["tea"]);

        client.call::<String>("grow", ()).await.expect("grown");
        assert_eq!(changes.next().await.expect("one").expect("a change"), ServerChange::Tools);
        assert_eq!(client.call::<String>("grown", ()).await.expect("it is there"), "I am new");

        let completion = client.complete_resource("note://{name}", "name", "t").await.expect("a completion");
        assert_eq!(completion.values, ["tea"]);
        let completion = client.complete_prompt("greeting", "tone", "f").await.expect("a completion");
        assert_eq!(completion.values, ["formal"]);
        let prompt = client.get_prompt("greeting", [("name", "Ada"), ("tone", "formal")]).await.expect("a prompt");
        assert_eq!(prompt.messages.len(), 3);
        // Without a model of the client's, the server's own answers.
        let summary = client.call_tool("summarize", [("name", "tea")]).await.expect("a summary");
        assert!(summary.joined_text().contains("In short"), "{summary:?}");
    }
}
