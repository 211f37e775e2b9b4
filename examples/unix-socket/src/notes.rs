//! A server on a socket, and clients of it.

use std::collections::HashMap;
use std::io::Write as _;
use std::sync::{Mutex, PoisonError};

use mcp_runtime::prelude::*;
use mcp_runtime::protocol::{ElicitRequestParams, ElicitResult, ErrorObject};
use mcp_runtime::{Client, Extensions, Principal, ReadyServer};
use tokio::net::{UnixListener, UnixStream};

/// The notes of each user.
#[derive(Default)]
struct Notes(Mutex<HashMap<u32, Vec<String>>>);

impl Notes {
    fn of<T>(&self, user: User, change: impl FnOnce(&mut Vec<String>) -> T) -> T {
        change(self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(user.0).or_default())
    }
}

/// Who is at the other end of the socket: a user of this machine.
#[derive(Debug, Clone, Copy)]
struct User(u32);

/// Write down a note, and read all of them.
#[tool(name = "add")]
fn add_note(
    /// What to write down.
    note: String,
    Extension(user): Extension<User>,
    notes: State<Notes>,
) -> String {
    notes.of(user, |notes| {
        notes.push(note);
        notes.join("\n")
    })
}

/// Throw all notes away, if the user agrees.
#[tool(name = "forget", annotations(destructive))]
async fn forget_notes(ctx: Context, Extension(user): Extension<User>, notes: State<Notes>) -> Result<String> {
    let count = notes.of(user, |notes| notes.len());
    if !ctx.confirm(format!("Throw {count} notes away?")).await? {
        return Ok("nothing was thrown away".to_owned());
    }
    notes.of(user, Vec::clear);
    Ok(format!("{count} notes were thrown away"))
}

pub(crate) async fn serve(path: &str) -> Result<()> {
    accept(UnixListener::bind(path)?).await
}

/// Serves everyone who connects, each on a connection of their own.
async fn accept(listener: UnixListener) -> Result<()> {
    let server = Server::new("notes").state(Notes::default()).tools(tools![add_note, forget_notes]).build()?;
    loop {
        let (connection, _) = listener.accept().await?;
        tokio::spawn(serve_one(server.clone(), connection));
    }
}

async fn serve_one(server: ReadyServer, connection: UnixStream) -> Result<()> {
    let user = connection.peer_cred()?.uid();
    // The principal is whom calls and tasks belong to.
    let known = Extensions::new().with(User(user)).with(Principal::new(user.to_string()));
    Ok(server.serve_with(connection, known).await?)
}

async fn connect(path: &str) -> Result<Client> {
    let connection = UnixStream::connect(path).await?;
    Ok(Client::over(connection).on_elicitation(agree).connect().await?)
}

/// A user who sees the question, and agrees.
async fn agree(question: ElicitRequestParams) -> Result<ElicitResult, ErrorObject> {
    say(&format!("{} Yes.", question.message));
    Ok(ElicitResult::accept(question.defaults()))
}

pub(crate) async fn add(path: &str, note: &str) -> Result<()> {
    let client = connect(path).await?;
    say(&client.call::<String>("add", [("note", note)]).await?);
    Ok(client.close().await?)
}

pub(crate) async fn forget(path: &str) -> Result<()> {
    let client = connect(path).await?;
    say(&client.call::<String>("forget", ()).await?);
    Ok(client.close().await?)
}

fn say(text: &str) {
    // Whoever closed standard output does not want to know.
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// All of it in one process.
pub(crate) async fn demo() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("notes.sock");
    let path = path.to_str().ok_or_else(|| ToolError::new("the path of the socket is no text"))?.to_owned();
    let listener = UnixListener::bind(&path)?;
    let serving = tokio::spawn(accept(listener));
    add(&path, "Buy tea").await?;
    add(&path, "Call Ada").await?;
    forget(&path).await?;
    serving.abort();
    Ok(())
}
