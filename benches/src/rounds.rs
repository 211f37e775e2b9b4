//! What a call costs that asks its client: pushed, parked and replayed. Client and server run in one
//! process, the client with as little work as possible, and the same in each case.

use std::io;

use mcp_runtime::Resume;
use memchr::memmem::Finder;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, DuplexStream};

use mcp_benches::Era;

use crate::bare_guards::Guards;
use crate::bare_rounds;
use crate::instructions::{Counts, per_call, ratio};
use crate::product::{CALL, META, modern_call, server};
use crate::{Result, say};

const ANSWER: &str = concat!(
    r#"{"role":"assistant","content":{"type":"text","text":"This is a fake LLM response"},"#,
    r#""model":"fake-model","stopReason":"endTurn"}"#
);

/// What the answer to a call has in it.
const DONE: &str = "Test Product: This is a fake LLM response";

/// Makes `calls` calls, one after the other.
pub(crate) async fn run(subject: &str, calls: u64) -> io::Result<()> {
    let server = match subject {
        "replayed" => server().resume(Resume::Replay),
        _ => server(),
    };
    let (ours, theirs) = tokio::io::duplex(64 << 10);
    let serve = async move {
        match subject {
            "bare-push" => bare_rounds::serve(theirs, Era::Legacy, None).await,
            "bare-rounds" => bare_rounds::serve(theirs, Era::Modern, None).await,
            "bare-guarded" => bare_rounds::serve(theirs, Era::Modern, Some(Guards::default())).await,
            _ => server.serve(theirs).await.map_err(io::Error::other),
        }
    };
    let client = async move {
        let mut client = Client { stream: BufReader::new(ours), line: String::new() };
        match subject {
            "push" | "bare-push" => client.push(calls).await,
            _ => client.rounds(calls).await,
        }
    };
    tokio::try_join!(serve, client)?;
    Ok(())
}

struct Client {
    stream: BufReader<DuplexStream>,
    line: String,
}

impl Client {
    async fn send(&mut self, message: &str) -> io::Result<()> {
        self.stream.get_mut().write_all(message.as_bytes()).await
    }

    async fn receive(&mut self) -> io::Result<()> {
        self.line.clear();
        self.stream.read_line(&mut self.line).await.map(drop)
    }

    /// What stands behind a text of the line, up to this letter.
    fn behind(&self, text: &Finder<'_>, end: u8) -> io::Result<&str> {
        let behind = text.find(self.line.as_bytes()).map(|at| &self.line[at + text.needle().len()..]);
        behind
            .and_then(|behind| memchr::memchr(end, behind.as_bytes()).map(|end| &behind[..end]))
            .ok_or_else(|| io::Error::other(format!("not what was expected: {}", self.line)))
    }

    async fn push(&mut self, calls: u64) -> io::Result<()> {
        let hello = concat!(
            r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","#,
            r#""capabilities":{"sampling":{}},"clientInfo":{"name":"bench","version":"1.0.0"}}}"#,
            "\n"
        );
        self.send(hello).await?;
        self.receive().await?;
        let (done, id_of) = (Finder::new(DONE), Finder::new("\"id\":"));
        for id in 1..=calls {
            self.send(&format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},{CALL}}}}}\n")).await?;
            self.receive().await?;
            let question = self.behind(&id_of, b',')?;
            let answer = format!("{{\"jsonrpc\":\"2.0\",\"id\":{question},\"result\":{ANSWER}}}\n");
            self.send(&answer).await?;
            self.receive().await?;
            self.behind(&done, b'}')?;
        }
        Ok(())
    }

    async fn rounds(&mut self, calls: u64) -> io::Result<()> {
        let [done, keys, states] = [DONE, "\"inputRequests\":{\"", "\"requestState\":\""].map(Finder::new);
        for id in 1..=calls {
            self.send(&modern_call(2 * id)).await?;
            self.receive().await?;
            let key = self.behind(&keys, b'"')?;
            let state = self.behind(&states, b'"')?;
            let next = format!(
                "{{\"jsonrpc\":\"2.0\",\"id\":{},{CALL},{META},\"inputResponses\":{{\"{key}\":{ANSWER}}},\"requestState\":\"{state}\"}}}}\n",
                2 * id + 1
            );
            self.send(&next).await?;
            self.receive().await?;
            self.behind(&done, b'}')?;
        }
        Ok(())
    }
}

/// Seals and opens what a state of this size needs.
pub(crate) fn aead(times: u64) -> Result<()> {
    use aes_gcm_siv::{AeadInOut as _, Aes256GcmSiv, KeyInit as _, Nonce};
    let cipher = Aes256GcmSiv::new(&[7; 32].into());
    let (plain, bound) = ([1_u8; 152], [2_u8; 128]);
    for time in 0..times {
        let mut nonce = [0; 12];
        nonce[..8].copy_from_slice(&time.to_le_bytes());
        let (nonce, mut message) = (Nonce::from(nonce), plain);
        let sealed = cipher.encrypt_inout_detached(&nonce, &bound, message.as_mut_slice().into());
        let tag = sealed.map_err(|_| "it does not seal")?;
        let opened = cipher.decrypt_inout_detached(&nonce, &bound, message.as_mut_slice().into(), &tag);
        opened.map_err(|_| "it does not open")?;
        std::hint::black_box(message);
    }
    Ok(())
}

/// Prints the table, and returns how much more a parked call needs than a pushed one, without the
/// sealing of its state.
pub(crate) fn instructions(counts: &mut Counts) -> Result<f64> {
    let per_call = |subject: &str| per_call(subject, Era::Modern, (500, 2_500));
    say("\nInstructions per call of `create_product` with its question, client included")?;
    say(&format!("{:<12}{:>12}{:>20}", "carrier", "per call", "beside push"))?;
    let bare_push = per_call("bare-push")?;
    say(&format!("{:<12}{bare_push:>12}", "bare push"))?;
    for (name, subject) in [("bare rounds", "bare-rounds"), ("  guarded", "bare-guarded")] {
        let bare = per_call(subject)?;
        say(&format!("{name:<12}{bare:>12}{:>12.2} beside bare push", ratio(bare, bare_push)))?;
    }
    let (push, aead) = (per_call("push")?, per_call("aead")?);
    say(&format!("{:<12}{push:>12}", "push"))?;
    counts.insert("create_product push".to_owned(), push);
    let mut worst = 0.0;
    for carrier in ["parked", "replayed"] {
        let calls = per_call(carrier)?;
        let without = ratio(calls.saturating_sub(aead), push);
        if carrier == "parked" {
            worst = without;
        }
        say(&format!("{carrier:<12}{calls:>12}{:>12.2}, {without:.3} without sealing ({aead})", ratio(calls, push)))?;
        counts.insert(format!("create_product {carrier}"), calls);
    }
    Ok(worst)
}
