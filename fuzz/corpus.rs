//! Runs every fuzz target on its corpus, so that what was found once stays found.

use std::path::Path;

fn each(target: &str, run: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
    let mut entries: Vec<_> =
        std::fs::read_dir(&folder).expect("a corpus").map(|it| it.expect("a file").path()).collect();
    entries.sort();
    assert!(!entries.is_empty(), "{} is empty", folder.display());
    for entry in entries {
        let data = std::fs::read(&entry).expect("a file");
        eprintln!("{}", entry.display());
        run(&data);
    }
}

#[test]
fn server() {
    each("server", mcp_fuzz::server);
}

#[test]
fn client() {
    each("client", mcp_fuzz::client);
}

#[test]
fn arguments() {
    each("arguments", mcp_fuzz::arguments);
}

#[test]
fn request_state() {
    each("request_state", mcp_fuzz::request_state);
}
