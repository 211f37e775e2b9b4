//! Files as resources, and those of a directory, out of which nothing leads.

use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use super::Resource;
use super::resource::{name_of, text_of};
use crate::context::ToolError;
use crate::protocol::{ReadResourceResult, ResourceContents};
use crate::tool::{Handler, RESOURCE, Started};

impl Resource {
    /// A file at a URI, read anew each time: as text if it is UTF-8, and as bytes if not. Its MIME
    /// type goes by its extension, unless [`mime_type`](Self::mime_type) says otherwise. While there
    /// is no such file, there is no such resource.
    ///
    /// ```
    /// use mcp_runtime::Resource;
    ///
    /// let readme = Resource::file("docs://readme", "README.md");
    /// ```
    pub fn file(uri: impl Into<String>, path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        let mime_type = mime_type(&path);
        let handler: Arc<Handler> = Arc::new(move |_, _, mask_errors| {
            let path = path.clone();
            Started::blocking(move || read(&path), &RESOURCE, mask_errors)
        });
        let mut resource = Self::with(uri.into(), handler);
        resource.link.mime_type = mime_type;
        resource
    }

    /// The files of a directory and of those below it, as one template: `docs://` makes
    /// `docs://{+path}` of it, so that `docs://guide/start.md` is `guide/start.md` there. Each is read
    /// as [`file`](Self::file) reads it.
    ///
    /// Nothing outside of the directory can be read: not by `..`, not by an absolute path, and not by
    /// a link that leads out of it. Names that begin with a dot are not read, either. Who can change
    /// links in the directory while it is served must be trusted.
    ///
    /// A directory that is not there is an error when the server starts.
    ///
    /// ```no_run
    /// use mcp_runtime::Resource;
    /// use mcp_runtime::prelude::*;
    ///
    /// let server = Server::new("docs").resources(Resource::directory("docs://", "docs"));
    /// ```
    pub fn directory(uri: impl Into<String>, path: impl Into<PathBuf>) -> Self {
        let (uri, path) = (uri.into(), path.into());
        // Links on the way to the directory are the author's own.
        let root = path.canonicalize().map_err(|error| error.to_string());
        let root = root.and_then(|root| if root.is_dir() { Ok(root) } else { Err("it is no directory".to_owned()) });
        let problem = root.as_ref().err().map(|error| format!("`{}` cannot be served: {error}", path.display()));
        let root: Arc<Path> = root.unwrap_or_default().into();
        let handler: Arc<Handler> = Arc::new(move |variables, _, mask_errors| {
            let (root, path) = (root.clone(), text_of(variables.get("path")));
            Started::blocking(move || read_below(&root, &path), &RESOURCE, mask_errors)
        });
        let mut resource = Self::with(format!("{uri}{{+path}}"), handler);
        resource.details.problems.extend(problem);
        resource.name(name_of(&uri))
    }
}

/// The MIME type that goes with the extension of a file.
pub(super) fn mime_type(path: &Path) -> Option<String> {
    mime_guess::from_path(path).first_raw().map(str::to_owned)
}

/// Reads a file; `None` if there is none.
fn read(path: &Path) -> Result<Option<ReadResourceResult>, ToolError> {
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
fn read_below(root: &Path, path: &str) -> Result<Option<ReadResourceResult>, ToolError> {
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
