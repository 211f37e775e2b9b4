//! How many instructions a call takes, counted by callgrind as the difference of two runs of different length, so
//! that start-up does not count. The counts are the same on every run, so that a file can hold them.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use mcp_benches::Era;

use crate::wire::{Case, Limit as Until, Load, Messages, Subject, Transport, Work, target};
use crate::{Result, growth, rounds, say};

/// Counts by name: of one call, in instructions.
pub(crate) type Counts = BTreeMap<String, u64>;

/// What must hold on every machine.
struct Limit {
    name: &'static str,
    value: f64,
    at_most: f64,
}

/// More than so much above the file is too much, in percent; below it is an improvement.
const TOLERANCE: f64 = 3.0;

/// Prints all tables.
pub(crate) fn print() -> Result<()> {
    measure(100_000).map(drop)
}

/// Measures, and says whether it is as the file has it and within the limits. With `update` the file is written.
pub(crate) fn check(update: bool) -> Result<bool> {
    let (counts, limits) = measure(10_000)?;
    let mut is_fine = true;
    for Limit { name, value, at_most } in limits {
        if value > at_most {
            say(&format!("{name} is {value:.2}; the limit is {at_most:.2}."))?;
            is_fine = false;
        }
    }
    if update {
        fs::write(file(), serde_json::to_string_pretty(&counts)? + "\n")?;
        return Ok(is_fine);
    }
    let kept: Counts = serde_json::from_str(&fs::read_to_string(file())?)?;
    for (name, &count) in &counts {
        let Some(&before) = kept.get(name) else {
            say(&format!("{name}: {count}, and nothing in the file; `check --update` writes it."))?;
            is_fine = false;
            continue;
        };
        #[expect(clippy::cast_precision_loss, reason = "small numbers")]
        let percent = (count as f64 / before as f64 - 1.0) * 100.0;
        if percent > TOLERANCE {
            say(&format!("{name}: {count} instructions, {percent:.1} % above the {before} in the file."))?;
            is_fine = false;
        } else if percent < -TOLERANCE {
            say(&format!(
                "{name}: {count} instructions, better than the {before} in the file; `check --update` writes it."
            ))?;
        }
    }
    Ok(is_fine)
}

fn file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("instructions.json")
}

/// Measures everything, in the end beside so many calls that wait.
fn measure(waiting: u64) -> Result<(Counts, Vec<Limit>)> {
    let mut counts = Counts::new();
    let (worst, worst_http) = add(&mut counts)?;
    let (long, longest) = echo(&mut counts)?;
    let growth = tools(&mut counts)?;
    let parked = rounds::instructions(&mut counts)?;
    let beside = growth::instructions(waiting)?;
    let limits = vec![
        Limit { name: "A call of `add` beside the bare loop", value: worst, at_most: 1.1 },
        Limit { name: "A call of `add` over HTTP beside hyper alone", value: worst_http, at_most: 1.2 },
        Limit { name: "An `echo` of 64 KiB beside the bare loop", value: long, at_most: 0.45 },
        Limit { name: "An `echo` of 1 MiB beside the bare loop", value: longest, at_most: 0.45 },
        Limit { name: "A call of a server of 201 tools beside one of 2", value: growth, at_most: 1.03 },
        Limit { name: "A call of a server that holds much else beside one that does not", value: beside, at_most: 1.1 },
        Limit { name: "A parked call beside a pushed one, without sealing,", value: parked, at_most: 1.55 },
    ];
    Ok((counts, limits))
}

/// Counts a call, from two runs of so many.
pub(crate) fn per_call(subject: &str, era: Era, (short, long): (u64, u64)) -> Result<u64> {
    Ok((count(subject, era, long)? - count(subject, era, short)?) / (long - short))
}

/// Counts a call of a server over HTTP, without its client.
fn per_call_http(subject: &str, era: Era, (short, long): (u64, u64)) -> Result<u64> {
    let subject = Subject::from_name(subject).ok_or("no such server")?;
    let case = Case { transport: Transport::Http, era, work: Work::Add, width: 1, rate: None };
    Ok((count_http(&subject, &case, long)? - count_http(&subject, &case, short)?) / (long - short))
}

#[expect(clippy::cast_precision_loss, reason = "small numbers")]
pub(crate) fn ratio(count: u64, beside: u64) -> f64 {
    count as f64 / beside as f64
}

/// Prints the table of `add`, and returns the worst ratios, over HTTP the last.
fn add(counts: &mut Counts) -> Result<(f64, f64)> {
    say("Instructions per call of `add`")?;
    say(&format!("{:<12}{:<10}{:>12}{:>12}{:>8}", "transport", "era", "bare", "ours", "ratio"))?;
    let (mut worst, mut worst_http): (f64, f64) = (0.0, 0.0);
    for transport in ["stdio", "memory", "http"] {
        for era in [Era::Legacy, Era::Modern] {
            let (bare, ours) = if transport == "http" {
                let runs = (500, 2_500);
                (per_call_http("bare-current", era, runs)?, per_call_http("ours-current", era, runs)?)
            } else {
                let runs = (1_000, 6_000);
                (per_call(&format!("bare-{transport}"), era, runs)?, per_call(transport, era, runs)?)
            };
            let beside = ratio(ours, bare);
            let worst = if transport == "http" { &mut worst_http } else { &mut worst };
            *worst = worst.max(beside);
            say(&format!("{transport:<12}{:<10}{bare:>12}{ours:>12}{beside:>8.2}", era.name()))?;
            counts.insert(format!("add {transport} {}", era.name()), ours);
        }
    }
    Ok((worst, worst_http))
}

/// Prints the table of `echo`, and returns the ratios.
fn echo(counts: &mut Counts) -> Result<(f64, f64)> {
    say("\nInstructions per byte of `echo` over stdio")?;
    say(&format!("{:<12}{:>12}{:>12}{:>8}", "text", "bare", "ours", "ratio"))?;
    let measure = |name: &str, bytes: u64, runs: (u64, u64)| -> Result<(u64, f64)> {
        let bare = per_call(&format!("bare-echo-{name}-stdio"), Era::Legacy, runs)?;
        let ours = per_call(&format!("echo-{name}-stdio"), Era::Legacy, runs)?;
        let beside = ratio(ours, bare);
        say(&format!("{name:<12}{:>12.2}{:>12.2}{beside:>8.2}", ratio(bare, bytes), ratio(ours, bytes)))?;
        Ok((ours, beside))
    };
    // As long as a pipe: in how many pieces it comes differs from one run to the next, so that it is not kept.
    let (_, long) = measure("64k", 64 << 10, (50, 250))?;
    let (count, longest) = measure("1m", 1 << 20, (5, 25))?;
    counts.insert("echo 1m stdio legacy".to_owned(), count);
    Ok((long, longest))
}

/// Prints what a call takes in servers of more and more tools, and returns how much more 201 take than 2.
fn tools(counts: &mut Counts) -> Result<f64> {
    say("\nInstructions per call of `add` in memory, in servers of so many tools")?;
    let mut all = Vec::new();
    for tools in [1, 2, 201, 2000] {
        let count = per_call(&format!("tools-{tools}"), Era::Modern, (1_000, 4_000))?;
        say(&format!("{tools:<12}{count:>12}"))?;
        counts.insert(format!("add memory modern, {tools} tools"), count);
        all.push(count);
    }
    Ok(ratio(all[2], all[1]))
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
        feed(&mut child, subject, era, calls)?;
    }
    let output = child.wait_with_output()?;
    collected(&String::from_utf8_lossy(&output.stderr))
}

fn collected(log: &str) -> Result<u64> {
    let collected = log.lines().find_map(|line| line.split("Collected :").nth(1)).map(str::trim);
    Ok(collected.ok_or_else(|| format!("callgrind counted nothing:\n{log}"))?.parse()?)
}

/// The same for a server that does not end by itself.
fn count_http(subject: &Subject, case: &Case, calls: u64) -> Result<u64> {
    let log = target().join(format!("callgrind-{}", std::process::id()));
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]);
    valgrind.arg(format!("--log-file={}", log.display()));
    let mut server = subject.start_under(valgrind, case)?;
    let mut load = Load::connect(&mut server, Messages::new(case.era, case.work), case)?;
    load.run(Until::Calls(calls))?;
    drop(load);
    server.stop()?;
    let text = fs::read_to_string(&log)?;
    fs::remove_file(&log)?;
    collected(&text)
}

/// A call, and what must be in its answer.
fn call(subject: &str, era: Era, id: u64) -> (String, String) {
    let bytes = if subject.contains("echo-64k") { 64 << 10 } else { 1 << 20 };
    if subject.contains("echo") {
        let text: String = "the quick brown fox jumps over it. ".chars().cycle().take(bytes).collect();
        return (era.request(id, "echo", &format!("{{\"text\":\"{text}\"}}")), text);
    }
    (era.call(id), format!("\"structuredContent\":{{\"result\":{}}}", id % 1000 + id % 777))
}

/// Sends all calls and reads all answers; each one must be there and be right.
fn feed(child: &mut Child, subject: &str, era: Era, calls: u64) -> Result<()> {
    let (Some(mut input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
        return Err("the subject has no standard streams".into());
    };
    let name = subject.to_owned();
    let writer = std::thread::spawn(move || -> io::Result<()> {
        input.write_all(era.preamble().as_bytes())?;
        let mut lines = String::new();
        for id in 1..=calls {
            lines.push_str(&call(&name, era, id).0);
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
        let line = line?;
        if memchr::memmem::find(&line, call(subject, era, answers).1.as_bytes()).is_none() {
            return Err(format!("answer {answers} is wrong: {}", String::from_utf8_lossy(&line)).into());
        }
    }
    writer.join().map_err(|_| "the writer panicked")??;
    if answers != calls {
        return Err(format!("{answers} answers to {calls} calls").into());
    }
    Ok(())
}
