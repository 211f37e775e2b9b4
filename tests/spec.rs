//! The messages in `spec/`, by type: each is what the specification's schema of its type allows (revision
//! 2026-07-28). That they are read and written the same is tested where that is done, in
//! `mcp-runtime/src/codec/revision/examples.rs`.

use std::path::Path;

use mcp_tests::conform::conforms;
use serde_json::Value;

#[test]
fn every_message_is_of_its_type() {
    let folders = std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("spec")).expect("a directory");
    for folder in folders.map(|folder| folder.expect("an entry").path()) {
        let name = folder.file_name().and_then(|name| name.to_str()).expect("a name");
        if name == "schema" {
            continue;
        }
        let files: Vec<_> = std::fs::read_dir(&folder).expect("a folder").collect();
        assert!(!files.is_empty(), "{name}");
        for file in files {
            let path = file.expect("an entry").path();
            let message: Value = serde_json::from_slice(&std::fs::read(&path).expect("a file")).expect("JSON");
            conforms("2026-07-28", name, &message).unwrap_or_else(|report| panic!("{}: {report}", path.display()));
        }
    }
}
