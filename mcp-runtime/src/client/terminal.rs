//! A person at a terminal, who allows questions to a model or answers them.

use std::fmt::{self, Write as _};
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use tokio::io::{AsyncBufRead, AsyncBufReadExt as _, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::sync::Mutex;

use super::sampling::{Approval, SamplingRequest};
use crate::protocol::{
    BoxFuture, CreateMessageRequestParams, CreateMessageResult, Role, SamplingContent, SamplingMessage,
};
use crate::sampling::{ProviderError, ProviderErrorKind, SamplingProvider};
use crate::transport::{Writer, threaded};

/// How much of a text is shown before the person asks for the rest.
const SHOWN: usize = 4_000;
/// The longest line that a person may type.
const LONGEST_LINE: u64 = 64 << 10;

/// A person at a terminal. They can allow what a server asks a model and what that answers, or answer
/// themselves.
///
/// What is shown comes from servers and models, so control characters in it are replaced, and every line is
/// marked as theirs. One question is shown at a time. What was typed before a question appeared does not count
/// as an answer to it, and the end of the input is a refusal.
///
/// ```no_run
/// use mcp_runtime::Client;
/// use mcp_runtime::client::Terminal;
/// use mcp_runtime::prelude::*;
/// use mcp_runtime::protocol::CreateMessageResult;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<()> {
/// # let server = Server::new("s");
/// let terminal = Terminal::open()?;
/// let client = Client::in_memory(server)
///     .on_sampling(|_| async { Ok(CreateMessageResult::text("a-model", "Hello!")) })
///     .approve_sampling(terminal.approval())
///     .approve_sampling_answer(terminal.answer_approval())
///     .connect()
///     .await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Terminal {
    streams: Arc<Mutex<Streams>>,
}

struct Streams {
    reader: Box<dyn AsyncBufRead + Send + Unpin>,
    writer: Writer,
}

/// What a person chose.
enum Choice {
    Yes,
    No,
    Edit,
}

impl Terminal {
    /// The terminal that controls the process, whatever its standard streams are. From now on, what is typed
    /// there is read here.
    ///
    /// # Errors
    ///
    /// When the process has none.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub fn open() -> io::Result<Self> {
        let (input, output) = if cfg!(windows) { ("CONIN$", "CONOUT$") } else { ("/dev/tty", "/dev/tty") };
        let input = std::fs::File::open(input)?;
        let output = std::fs::OpenOptions::new().write(true).open(output)?;
        Ok(Self::over(BufReader::new(threaded(input)), tokio::fs::File::from_std(output)))
    }

    /// A terminal that is read and written like this, in UTF-8.
    pub fn over(
        reader: impl AsyncBufRead + Send + Unpin + 'static,
        writer: impl AsyncWrite + Send + Unpin + 'static,
    ) -> Self {
        Self { streams: Arc::new(Mutex::new(Streams { reader: Box::new(reader), writer: Box::new(writer) })) }
    }

    /// For [`ClientBuilder::approve_sampling`](super::ClientBuilder::approve_sampling): shows a question, and lets
    /// the person send it, put something else in place of the last message, or refuse.
    pub fn approval(
        &self,
    ) -> impl Fn(SamplingRequest) -> BoxFuture<'static, Approval<CreateMessageRequestParams>> + Send + Sync + 'static
    {
        let streams = self.streams.clone();
        move |request| {
            let streams = streams.clone();
            Box::pin(async move { refuse_lost(streams.lock().await.approve(request).await) })
        }
    }

    /// For [`ClientBuilder::approve_sampling_answer`](super::ClientBuilder::approve_sampling_answer): shows an
    /// answer, and lets the person hand it out, write another one, or refuse.
    pub fn answer_approval(
        &self,
    ) -> impl Fn(SamplingRequest, CreateMessageResult) -> BoxFuture<'static, Approval<CreateMessageResult>>
    + Send
    + Sync
    + 'static {
        let streams = self.streams.clone();
        move |request, answer| {
            let streams = streams.clone();
            Box::pin(async move { refuse_lost(streams.lock().await.approve_answer(&request, answer).await) })
        }
    }
}

/// Shows a question and lets the person answer it, in place of a model.
impl SamplingProvider for Terminal {
    async fn create_message(&self, request: CreateMessageRequestParams) -> Result<CreateMessageResult, ProviderError> {
        let mut streams = self.streams.lock().await;
        let text = streams.answer(&request).await.map_err(|error| {
            ProviderError::new(ProviderErrorKind::Unavailable, "nobody is at the terminal").with_source(error)
        })?;
        match text {
            Some(text) => Ok(CreateMessageResult::text("a person", text)),
            None => Err(ProviderError::of(ProviderErrorKind::Refused)),
        }
    }
}

/// Who is not there does not agree.
fn refuse_lost<T>(approval: io::Result<Approval<T>>) -> Approval<T> {
    approval.unwrap_or_else(|error| {
        tracing::warn!(%error, "the terminal is lost, so that nobody can allow anything");
        Approval::Refuse
    })
}

impl Streams {
    async fn approve(&mut self, mut request: SamplingRequest) -> io::Result<Approval<CreateMessageRequestParams>> {
        let shown = conversation(&request.params);
        match self
            .choose(&format!("Your model is asked by {}", asker(&request)), &shown, "Send this to the model?")
            .await?
        {
            Choice::Yes => Ok(Approval::Allow),
            Choice::No => Ok(Approval::Refuse),
            Choice::Edit => {
                let Some(text) = self.text("What to ask instead of the last message").await? else {
                    return Ok(Approval::Refuse);
                };
                let last = request.params.messages.iter_mut().rev().find(|message| {
                    // The result of a tool is not a message that someone wrote.
                    let is_result = |block: &SamplingContent| matches!(block, SamplingContent::ToolResult(_));
                    message.role == Role::User && !message.content.iter().any(is_result)
                });
                match last {
                    Some(last) => *last = SamplingMessage::user(text),
                    None => request.params.messages.push(SamplingMessage::user(text)),
                }
                Ok(Approval::AllowWith(request.params))
            }
        }
    }

    async fn approve_answer(
        &mut self,
        request: &SamplingRequest,
        mut answer: CreateMessageResult,
    ) -> io::Result<Approval<CreateMessageResult>> {
        let title = format!("The model {} answers {}", plain(&answer.model), asker(request));
        let mut shown = String::new();
        blocks(&mut shown, "model", &answer.content);
        match self.choose(&title, &shown, "Give this to the server?").await? {
            Choice::Yes => Ok(Approval::Allow),
            Choice::No => Ok(Approval::Refuse),
            Choice::Edit => match self.text("What to answer instead").await? {
                None => Ok(Approval::Refuse),
                Some(text) => {
                    answer.content = vec![SamplingContent::text(text)];
                    answer.stop_reason = Some("endTurn".to_owned());
                    Ok(Approval::AllowWith(answer))
                }
            },
        }
    }

    async fn answer(&mut self, params: &CreateMessageRequestParams) -> io::Result<Option<String>> {
        self.forget_typed().await?;
        self.say(&format!("\nA server asks:\n\n{}\n", conversation(params))).await?;
        self.text("What to answer").await
    }

    /// Shows something and asks whether it may pass.
    async fn choose(&mut self, title: &str, shown: &str, question: &str) -> io::Result<Choice> {
        self.forget_typed().await?;
        let rest = shown.char_indices().nth(SHOWN).map(|(end, _)| shown.split_at(end));
        match rest {
            None => self.say(&format!("\n{title}:\n\n{shown}\n")).await?,
            Some((start, rest)) => {
                let more = rest.chars().count();
                self.say(&format!("\n{title}:\n\n{start}…\n\n({more} more characters: [a] shows all)\n\n")).await?;
            }
        }
        loop {
            self.say(&format!("{question} [y]es, [n]o, [e]dit: ")).await?;
            let Some(line) = self.line().await? else { return Ok(Choice::No) };
            match line.trim().to_lowercase().as_str() {
                "y" | "yes" => return Ok(Choice::Yes),
                "n" | "no" => return Ok(Choice::No),
                "e" | "edit" => return Ok(Choice::Edit),
                "a" | "all" => self.say(&format!("\n{shown}\n")).await?,
                _ => {}
            }
        }
    }

    /// Text of several lines; none if there is none.
    async fn text(&mut self, what: &str) -> io::Result<Option<String>> {
        self.say(&format!("{what} (an empty line ends it, and alone it refuses):\n")).await?;
        let mut text = String::new();
        while let Some(line) = self.line().await?.filter(|line| !line.trim().is_empty()) {
            text += &line;
        }
        let text = text.trim_end();
        Ok((!text.is_empty()).then(|| text.to_owned()))
    }

    /// The next line with its end, or `None` when there are no more.
    async fn line(&mut self) -> io::Result<Option<String>> {
        let mut line = Vec::new();
        let read = (&mut self.reader).take(LONGEST_LINE).read_until(b'\n', &mut line).await?;
        Ok((read > 0).then(|| String::from_utf8_lossy(&line).into_owned()))
    }

    /// Drops what was typed already: it was not meant for what comes now.
    async fn forget_typed(&mut self) -> io::Result<()> {
        poll_fn(|cx| {
            loop {
                let typed = match Pin::new(&mut self.reader).poll_fill_buf(cx) {
                    Poll::Ready(Ok(typed)) if !typed.is_empty() => typed.len(),
                    Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                    _ => return Poll::Ready(Ok(())),
                };
                Pin::new(&mut self.reader).consume(typed);
            }
        })
        .await
    }

    async fn say(&mut self, text: &str) -> io::Result<()> {
        self.writer.write_all(text.as_bytes()).await?;
        self.writer.flush().await
    }
}

/// Who asks, and for what.
fn asker(request: &SamplingRequest) -> String {
    let mut asker = match &request.server {
        Some(server) => format!("the server {} {}", plain(&server.name), plain(&server.version)),
        None => "a server".to_owned(),
    };
    let names: Vec<_> = request.calls.iter().filter_map(|call| call.name.as_deref()).map(plain).collect();
    match &names[..] {
        [] => {}
        [name] => _ = write!(asker, " (for {name})"),
        names => _ = write!(asker, " (for one of {})", names.join(", ")),
    }
    asker
}

/// The whole of what a model is asked.
fn conversation(params: &CreateMessageRequestParams) -> String {
    let mut shown = String::new();
    if let Some(system) = &params.system_prompt {
        said(&mut shown, "system", system);
    }
    for message in &params.messages {
        let who = if message.role == Role::User { "user" } else { "model" };
        blocks(&mut shown, who, &message.content);
    }
    let tools: Vec<_> = params.tools.iter().map(|tool| plain(&tool.name)).collect();
    if !tools.is_empty() {
        _ = writeln!(shown, "  (with the tools {})", tools.join(", "));
    }
    _ = writeln!(shown, "  (at most {} tokens)", params.max_tokens);
    shown
}

fn blocks(shown: &mut String, who: &str, content: &[SamplingContent]) {
    for block in content {
        match block {
            SamplingContent::Text(text) => said(shown, who, &text.text),
            SamplingContent::Image(image) => said(shown, who, &format!("(a picture: {})", image.mime_type)),
            SamplingContent::Audio(audio) => said(shown, who, &format!("(a sound: {})", audio.mime_type)),
            SamplingContent::ToolUse(tool_use) => {
                let input = serde_json::Value::Object(tool_use.input.clone());
                said(shown, who, &format!("(uses the tool {} with {input})", tool_use.name));
            }
            SamplingContent::ToolResult(result) => {
                let texts: Vec<_> = result.content.iter().filter_map(crate::protocol::ContentBlock::as_text).collect();
                said(shown, who, &format!("(the tool answered: {})", texts.join("\n")));
            }
        }
    }
}

/// Each line of a text, so that none can pass for one of ours.
fn said(shown: &mut String, who: &str, text: &str) {
    for line in text.lines() {
        _ = writeln!(shown, "  {who} | {}", plain(line));
    }
}

/// Text that moves no cursor, changes no colour and does not turn around what stands beside it.
fn plain(text: &str) -> String {
    let is_safe = |c: char| {
        c == '\t'
            || !(c.is_control()
                || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'))
    };
    text.chars().map(|c| if is_safe(c) { c } else { char::REPLACEMENT_CHARACTER }).collect()
}

impl fmt::Debug for Terminal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Terminal").finish_non_exhaustive()
    }
}
