//! What one `tools/call` of `add` costs beside a bare loop that parses the same lines with
//! serde_json and answers the same; over HTTP, beside hyper with nothing but that behind it.
//!
//! ```text
//! cargo run --release -p mcp-benches            instructions of a call
//! cargo run --release -p mcp-benches -- check   the same; fails where they are more than 3 % above those in
//!                                               `instructions.json`, which `check --update` writes, or too many
//!                                               beside the bare loop
//! cargo run --release -p mcp-benches -- compile what tools cost while they are compiled, beside glue that is written by
//!                                               hand and beside rmcp; words choose some: `compile 200 ours by-hand`
//! cargo run --release -p mcp-benches -- size    how large servers are, and how fast they are there, beside rmcp
//! cargo run --release -p mcp-benches -- peers   builds and installs servers of other makers, for `wire`
//! cargo run --release -p mcp-benches -- wire    servers as processes, beside each other; words choose some:
//!                                               `wire http modern add @64 rmcp`; `--full` takes its time;
//!                                               with `20000/s` calls begin at that rate, whatever was answered
//! ```
//!
//! `docs/performance.md` has what came of it.

mod bare_guards;
mod bare_rounds;
mod compile;
mod growth;
mod instructions;
mod leaf;
mod product;
mod rounds;
mod size;
mod subject;
mod wire;

use std::io::{self, Write as _};
use std::process::ExitCode;

use mcp_benches::Era;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

fn main() -> Result<ExitCode> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => {
            instructions::print()?;
            Ok(ExitCode::SUCCESS)
        }
        ["check", ref rest @ ..] => {
            let is_fine = instructions::check(rest == ["--update"])?;
            Ok(if is_fine { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
        ["compile", ref words @ ..] => {
            compile::compare(words)?;
            Ok(ExitCode::SUCCESS)
        }
        ["size"] => {
            size::compare()?;
            Ok(ExitCode::SUCCESS)
        }
        ["peers"] => {
            wire::install()?;
            Ok(ExitCode::SUCCESS)
        }
        ["wire", ref words @ ..] => {
            wire::run(words)?;
            Ok(ExitCode::SUCCESS)
        }
        ["serve", name, transport, tool] => {
            wire::serve(name, transport, tool)?;
            Ok(ExitCode::SUCCESS)
        }
        [subject, era, calls] => {
            let era = Era::from_name(era).ok_or("the era is `legacy` or `modern`")?;
            subject::run(subject, era, calls.parse()?)?;
            Ok(ExitCode::SUCCESS)
        }
        _ => {
            Err("usage: mcp-benches [check [--update] | compile [WORDS] | size | peers | wire [WORDS] [--full]]".into())
        }
    }
}

fn say(line: &str) -> io::Result<()> {
    writeln!(io::stdout(), "{line}")
}
