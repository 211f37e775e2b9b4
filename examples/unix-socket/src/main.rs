//! Notes of the users of a machine, served on a Unix socket: one server for all who connect, each of whom sees
//! their own notes only. Who they are the system says, so that nobody has to sign in.
//!
//! ```sh
//! unix-socket serve /tmp/notes.sock
//! unix-socket add /tmp/notes.sock "Buy tea"
//! unix-socket forget /tmp/notes.sock
//! ```

#[cfg(unix)]
mod notes;

use mcp_runtime::prelude::*;

#[cfg(unix)]
#[tokio::main]
async fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["serve", path] => notes::serve(path).await,
        ["add", path, note] => notes::add(path, note).await,
        ["forget", path] => notes::forget(path).await,
        ["demo"] => notes::demo().await,
        _ => Err(ToolError::new("usage: unix-socket (serve PATH | add PATH NOTE | forget PATH | demo)")),
    }
}

#[cfg(not(unix))]
fn main() -> Result<()> {
    Err(ToolError::new("this example needs Unix sockets"))
}
