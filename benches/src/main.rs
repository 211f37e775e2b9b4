//! What one `tools/call` of `add` costs beside a bare loop that parses the same lines with
//! serde_json and answers the same; over HTTP, beside hyper with nothing but that behind it.
//!
//! ```text
//! cargo run --release -p mcp-benches            all tables but those of compiling
//! cargo run --release -p mcp-benches -- check   instructions only; fails above 1.8 times the bare loop,
//!                                               or if a parked call needs over 2.15 times a pushed one
//! cargo run --release -p mcp-benches -- compile what tools cost while they are compiled, beside rmcp
//! ```
//!
//! Instructions are counted by callgrind, as the difference of two runs of different length, so
//! that start-up does not count.

mod compile;
mod http;
mod product;
mod rounds;
mod subject;

use std::fmt::Write as _;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use mcp_benches::Era;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// What is measured.
const SUBJECTS: [(&str, &str); 3] = [("stdio", "bare-stdio"), ("memory", "bare-memory"), ("http", "bare-http")];

fn main() -> Result<ExitCode> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => {
            instructions()?;
            rounds::instructions()?;
            throughput()?;
            Ok(ExitCode::SUCCESS)
        }
        ["check"] => {
            let (worst, parked) = (instructions()?, rounds::instructions()?);
            if worst <= 1.8 && parked <= 2.15 {
                return Ok(ExitCode::SUCCESS);
            }
            say(&format!("A call needs {worst:.2} times the instructions of the bare loop; the limit is 1.8."))?;
            say(&format!(
                "A parked call needs {parked:.2} times those of a pushed one, and sealing; the limit is 2.15."
            ))?;
            Ok(ExitCode::FAILURE)
        }
        ["compile"] => {
            compile::compare()?;
            Ok(ExitCode::SUCCESS)
        }
        [subject, era, calls] => {
            let era = Era::from_name(era).ok_or("the era is `legacy` or `modern`")?;
            subject::run(subject, era, calls.parse()?)?;
            Ok(ExitCode::SUCCESS)
        }
        _ => Err("usage: mcp-benches [check | compile]".into()),
    }
}

fn say(line: &str) -> io::Result<()> {
    writeln!(io::stdout(), "{line}")
}

/// Prints the table of instructions and returns the worst ratio.
fn instructions() -> Result<f64> {
    const SHORT: u64 = 2_000;
    const LONG: u64 = 12_000;
    say("Instructions per call of `add` (callgrind, difference of two runs)")?;
    say(&format!("{:<10}{:<10}{:>12}{:>12}{:>8}", "transport", "era", "bare", "ours", "ratio"))?;
    let mut worst: f64 = 0.0;
    for (ours, bare) in SUBJECTS {
        for era in [Era::Legacy, Era::Modern] {
            let per_call = |subject: &str| -> Result<u64> {
                let (short, long) = (count(subject, era, SHORT)?, count(subject, era, LONG)?);
                Ok((long - short) / (LONG - SHORT))
            };
            let (bare, ours_count) = (per_call(bare)?, per_call(ours)?);
            #[expect(clippy::cast_precision_loss, reason = "small numbers")]
            let ratio = ours_count as f64 / bare as f64;
            worst = worst.max(ratio);
            say(&format!("{ours:<10}{:<10}{bare:>12}{ours_count:>12}{ratio:>8.2}", era.name()))?;
        }
    }
    Ok(worst)
}

/// All instructions of one run.
fn count(subject: &str, era: Era, calls: u64) -> Result<u64> {
    let mut child = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(std::env::current_exe()?)
        .args([subject, era.name(), &calls.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("valgrind could not be started ({error}); install it first"))?;
    if subject.ends_with("stdio") {
        feed(&mut child, era, calls)?;
    }
    let output = child.wait_with_output()?;
    let log = String::from_utf8_lossy(&output.stderr);
    let collected = log.lines().find_map(|line| line.split("Collected :").nth(1)).map(str::trim);
    Ok(collected.ok_or_else(|| format!("callgrind counted nothing:\n{log}"))?.parse()?)
}

/// Prints calls per second; with calls that wait in line, and one after the other.
fn throughput() -> Result<()> {
    const CALLS: u64 = 200_000;
    const RUNS: usize = 5;
    say("\nCalls per second over stdio, many in flight (median of 5 interleaved runs)")?;
    say(&format!("{:<10}{:>12}{:>12}{:>8}", "era", "bare", "ours", "ratio"))?;
    for era in [Era::Legacy, Era::Modern] {
        let (mut bare, mut ours) = (Vec::new(), Vec::new());
        for _ in 0..RUNS {
            bare.push(time("bare-stdio", era, CALLS)?);
            ours.push(time("stdio", era, CALLS)?);
        }
        let (bare, ours) = (median(bare), median(ours));
        #[expect(clippy::cast_precision_loss, reason = "small numbers")]
        let per_second = |time: Duration| CALLS as f64 / time.as_secs_f64();
        let ratio = ours.as_secs_f64() / bare.as_secs_f64();
        let mut row = String::new();
        write!(row, "{:<10}{:>12.0}{:>12.0}{ratio:>8.2}", era.name(), per_second(bare), per_second(ours))?;
        say(&row)?;
    }
    Ok(())
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

fn time(subject: &str, era: Era, calls: u64) -> Result<Duration> {
    let mut child = Command::new(std::env::current_exe()?)
        .args([subject, era.name(), &calls.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let begin = Instant::now();
    feed(&mut child, era, calls)?;
    let time = begin.elapsed();
    child.wait()?;
    Ok(time)
}

/// Sends all calls and reads all answers; each one must be there and be right.
fn feed(child: &mut std::process::Child, era: Era, calls: u64) -> Result<()> {
    let (Some(mut input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
        return Err("the subject has no standard streams".into());
    };
    let writer = std::thread::spawn(move || -> io::Result<()> {
        input.write_all(era.preamble().as_bytes())?;
        let mut lines = String::new();
        for id in 1..=calls {
            lines.push_str(&era.call(id));
            if lines.len() > 32 << 10 {
                input.write_all(lines.as_bytes())?;
                lines.clear();
            }
        }
        input.write_all(lines.as_bytes())
    });
    let preambles = usize::from(era == Era::Legacy);
    let mut answers = 0;
    for line in BufReader::new(output).split(b'\n').skip(preambles) {
        answers += 1;
        let sum = format!("\"structuredContent\":{{\"result\":{}}}", answers % 1000 + answers % 777);
        let line = line?;
        if !String::from_utf8_lossy(&line).contains(&sum) {
            return Err(format!("answer {answers} is wrong: {}", String::from_utf8_lossy(&line)).into());
        }
    }
    writer.join().map_err(|_| "the writer panicked")??;
    if answers != calls {
        return Err(format!("{answers} answers to {calls} calls").into());
    }
    Ok(())
}
