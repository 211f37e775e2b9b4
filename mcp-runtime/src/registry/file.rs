//! Files as resources, and those of a directory, out of which nothing leads.

use std::io;
use std::path::{Component, Path};

use crate::context::ToolError;
use crate::protocol::{ReadResourceResult, ResourceContents};

/// The MIME type that goes with the extension of a file.
pub(super) fn mime_type(path: &Path) -> Option<String> {
    mime_guess::from_path(path).first_raw().map(str::to_owned)
}

/// Reads a file; `None` if there is none.
pub(super) fn read(path: &Path) -> Result<Option<ReadResourceResult>, ToolError> {
    // What is no file may never end, or not even begin.
    match std::fs::metadata(path) {
        Ok(metadata) if metadata.is_file() => {}
        Ok(_) => return Ok(None),
        Err(error) => return absent(error),
    }
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) => return absent(error),
    };
    let contents = match String::from_utf8(bytes) {
        Ok(text) => ResourceContents { text: Some(text), ..ResourceContents::default() },
        Err(error) => ResourceContents { mime_type: None, ..ResourceContents::blob("", "", error.as_bytes()) },
    };
    Ok(Some(ReadResourceResult::new([contents])))
}

fn absent<T>(error: io::Error) -> Result<Option<T>, ToolError> {
    use io::ErrorKind::{InvalidInput, NotADirectory, NotFound};
    if matches!(error.kind(), NotFound | NotADirectory | InvalidInput) { Ok(None) } else { Err(error.into()) }
}

/// Reads a file below a directory, whose path has no links in it; `None` if there is none, or it is
/// not for others.
pub(super) fn read_below(root: &Path, path: &str) -> Result<Option<ReadResourceResult>, ToolError> {
    let path = Path::new(path);
    if !is_open(path) {
        return Ok(None);
    }
    // Where it really is, with all links followed; one that leads nowhere is no file.
    let Ok(real) = root.join(path).canonicalize() else { return Ok(None) };
    match real.strip_prefix(root) {
        Ok(below) if is_open(below) => {
            let mut read = read(&real)?;
            for contents in read.iter_mut().flat_map(|result| &mut result.contents) {
                contents.mime_type = mime_type(&real);
            }
            Ok(read)
        }
        _ => Ok(None),
    }
}

/// Whether a path only goes down, by names that are not hidden.
fn is_open(path: &Path) -> bool {
    path.components().all(|component| match component {
        Component::Normal(name) => !name.as_encoded_bytes().starts_with(b"."),
        _ => false,
    })
}
