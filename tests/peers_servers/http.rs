//! What HTTP has: answers without event streams, without sessions, arguments in headers, streams that are come back
//! to.

use std::time::Duration;

use mcp_runtime::client::Client;
use mcp_runtime::protocol::SubscriptionFilter;
use mcp_tests::interop::{Role, Row};
use mcp_tests::peers::Peer;
use tokio::time::timeout;

use crate::theirs::Theirs;
use crate::{BOTH, ONLY_LEGACY, TARGET, see_answers, see_offers};

/// Starts one, told something.
async fn start(peer: Peer, program: &str, mode: &str) -> Option<Theirs<'static>> {
    let mut command = peer.program(TARGET, program)?;
    command.arg(mode);
    Some(Theirs::start(command).await)
}

/// Text that must be encoded to stand in a header.
async fn see_headers(client: &Client, what: &str) {
    let region: String = client.call("region", [("region", "Zürich")]).await.expect("it");
    assert_eq!(region, "Zürich", "{what}");
}

#[tokio::test]
async fn python_servers_of_version_2_answer_without_streams_and_without_sessions() {
    for mode in ["json", "stateless"] {
        let Some(theirs) = start(Peer::PythonSdk2, "server_v2.py", mode).await else { return };
        for (era, version) in BOTH {
            let what = format!("{mode} {era:?}");
            let mut row = Row::new(Peer::PythonSdk2, Role::Server, "HTTP", version.to_string());
            let client = theirs.connect(era).await;
            assert_eq!(client.protocol_version(), version, "{what}");
            see_offers(&client, &what, &mut row).await;
            // Their legacy transport has no way to ask without sessions, or without event streams.
            if version.is_modern() {
                see_answers(&client, &what, &mut row).await;
            }
            see_headers(&client, &what).await;
            client.close().await.expect("it ends");
            row.add(TARGET);
        }
    }
}

#[tokio::test]
async fn python_servers_of_version_1_answer_without_streams_and_without_sessions_and_are_come_back_to() {
    for mode in ["json", "stateless", "resumable"] {
        let Some(theirs) = start(Peer::PythonSdk1, "server_v1.py", mode).await else { return };
        for (era, version) in ONLY_LEGACY {
            let what = format!("{mode} {era:?}");
            let mut row = Row::new(Peer::PythonSdk1, Role::Server, "HTTP", version.to_string());
            let client = theirs.connect(era).await;
            assert_eq!(client.protocol_version(), version, "{what}");
            see_offers(&client, &what, &mut row).await;
            if mode == "resumable" {
                see_answers(&client, &what, &mut row).await;
                assert_eq!(client.call::<String>("come_back", ()).await.expect("it"), "come back", "{what}");
                let mut changes = client.subscribe(SubscriptionFilter::new().tools()).await.expect("a subscription");
                // It does not say that it tells of changes, so that nobody is told.
                assert!(!changes.filter().tools_list_changed, "{what}");
                assert_eq!(client.call::<String>("change", ()).await.expect("it"), "changed");
                assert!(timeout(Duration::from_millis(50), changes.next()).await.is_err(), "{what}");
            }
            client.close().await.expect("it ends");
            row.add(TARGET);
        }
    }
}

/// Of both eras at once; legacy clients have no sessions, and cannot be asked.
#[tokio::test]
async fn typescript_servers_answer_without_sessions() {
    let Some(theirs) = start(Peer::TypeScriptServer, "server.mjs", "http").await else { return };
    for (era, version) in BOTH {
        let what = format!("{era:?}");
        let mut row = Row::new(Peer::TypeScriptServer, Role::Server, "HTTP", version.to_string());
        let client = theirs.connect(era).await;
        assert_eq!(client.protocol_version(), version, "{what}");
        see_offers(&client, &what, &mut row).await;
        see_headers(&client, &what).await;
        client.close().await.expect("it ends");
        row.add(TARGET);
    }
}
