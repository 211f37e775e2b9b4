//! What tools cost while they are compiled: servers of 1, 50 and 200 tools with four arguments each, beside the same
//! functions called by glue that is written by hand, and the same servers written with `rmcp`. Dependencies are built
//! before; only the crate with the tools is measured.

mod sources;

use std::fs;
use std::path::Path;
use std::time::Instant;

use crate::leaf::{self, cargo};
use crate::wire::target;
use crate::{Result, say};

/// How often each is measured in a debug build; the fastest counts.
const RUNS: usize = 3;

/// How servers are written.
struct Kind {
    name: &'static str,
    /// Where they are built; those with the same dependencies share what is made of these.
    directory: &'static str,
    source: fn(usize) -> String,
    dependency: &'static str,
}

const OURS: &str = concat!("mcp-runtime = { path = \"", env!("CARGO_MANIFEST_DIR"), "/../mcp-runtime\" }");
const RMCP: &str =
    "rmcp = { version = \"=3.11.0\", default-features = false, features = [\"server\", \"macros\", \"transport-io\"] }";

const KINDS: [Kind; 3] = [
    Kind { name: "ours", directory: "ours", source: sources::ours, dependency: OURS },
    Kind { name: "by-hand", directory: "ours", source: sources::by_hand, dependency: OURS },
    Kind { name: "rmcp", directory: "rmcp", source: sources::rmcp, dependency: RMCP },
];

/// What all of them need beside.
const DEPENDENCIES: &str = "serde = { version = \"1\", features = [\"derive\"] }\nserde_json = \"1\"\nschemars = \"1\"\n\
                            tokio = { version = \"1\", features = [\"rt-multi-thread\", \"macros\"] }";

/// Seconds, of which the processors that all processes of a build took are the one that hardly depends on what else
/// the machine does.
#[derive(Clone, Copy)]
struct Time {
    clock: f64,
    processor: f64,
}

impl Time {
    const MAX: Self = Self { clock: f64::MAX, processor: f64::MAX };

    fn min(self, other: Self) -> Self {
        Self { clock: self.clock.min(other.clock), processor: self.processor.min(other.processor) }
    }
}

struct Cost {
    clean: Time,
    one_body: Time,
    release: Time,
    size: u64,
    lines: usize,
}

/// Measures what the words choose: numbers of tools, names, or both.
pub(crate) fn compare(words: &[&str]) -> Result<()> {
    let mut numbers: Vec<usize> = words.iter().filter_map(|word| word.parse().ok()).collect();
    let names: Vec<&str> = words.iter().copied().filter(|word| word.parse::<usize>().is_err()).collect();
    if let Some(unknown) = names.iter().find(|name| !KINDS.iter().any(|kind| kind.name == **name)) {
        return Err(format!("`{unknown}` is neither a number of tools nor `ours`, `by-hand` or `rmcp`").into());
    }
    if numbers.is_empty() {
        numbers = vec![1, 50, 200];
    }
    say("Compiling a server (the crate with the tools only; seconds by the clock and of processors; bytes, release")?;
    say("build, stripped)")?;
    say(&format!(
        "{:<8}{:<10}{:>8}{:>8}{:>10}{:>14}{:>8}{:>12}{:>15}",
        "tools", "with", "clean", "CPU", "one body", "release clean", "CPU", "binary", "LLVM IR lines"
    ))?;
    for tools in numbers {
        let mut costs = Vec::new();
        for kind in KINDS.iter().filter(|kind| names.is_empty() || names.contains(&kind.name)) {
            let cost = measure(kind, tools)?;
            say(&format!(
                "{tools:<8}{:<10}{:>8.2}{:>8.2}{:>10.2}{:>14.2}{:>8.2}{:>12}{:>15}",
                kind.name,
                cost.clean.clock,
                cost.clean.processor,
                cost.one_body.clock,
                cost.release.clock,
                cost.release.processor,
                cost.size,
                cost.lines,
            ))?;
            costs.push((kind.name, cost));
        }
        if let Some((("ours", ours), others)) = costs.split_first() {
            for (name, other) in others {
                let [debug, release] = [(ours.clean, other.clean), (ours.release, other.release)]
                    .map(|(ours, other)| ours.processor / other.processor);
                say(&format!("{:<8}ours takes {debug:.2} of the CPU that {name} takes, {release:.2} in release", ""))?;
            }
        }
    }
    Ok(())
}

fn measure(kind: &Kind, tools: usize) -> Result<Cost> {
    let directory = target().join("compile-cost").join(kind.directory);
    let source = (kind.source)(tools);
    leaf::write(&directory, &format!("{}\n{DEPENDENCIES}", kind.dependency), "strip = true", &source)?;
    let main = directory.join("src/main.rs");
    cargo(&directory, &["build"])?;
    let (mut clean, mut one_body) = (Time::MAX, Time::MAX);
    for run in 0..RUNS {
        forget(&directory, "debug")?;
        fs::write(&main, &source)?;
        clean = clean.min(timed(&directory, &["build"])?);
        fs::write(&main, source.replacen("text.len()", &format!("text.len() + {run}"), 1))?;
        one_body = one_body.min(timed(&directory, &["build"])?);
    }
    fs::write(&main, &source)?;
    cargo(&directory, &["build", "--release"])?;
    // Once: it takes long, and processor time differs little.
    forget(&directory, "release")?;
    let release = timed(&directory, &["build", "--release"])?;
    let size = fs::metadata(directory.join("target/release/leaf"))?.len();
    cargo(&directory, &["rustc", "--profile", "dev", "--", "--emit=llvm-ir", "-Ccodegen-units=1"])?;
    let lines = llvm_lines(&directory.join("target/debug/deps"))?;
    Ok(Cost { clean, one_body, release, size, lines })
}

/// Removes what was made of the crate, what is kept for the next build included.
fn forget(directory: &Path, profile: &str) -> Result<()> {
    let kept = directory.join("target").join(profile).join("incremental");
    if kept.is_dir() {
        fs::remove_dir_all(kept)?;
    }
    let profile = if profile == "debug" { "dev" } else { profile };
    cargo(directory, &["clean", "-p", "leaf", "--profile", profile]).map(drop)
}

fn llvm_lines(directory: &Path) -> Result<usize> {
    let mut newest = None;
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if name.starts_with("leaf") && name.ends_with(".ll") {
            let time = fs::metadata(&path)?.modified()?;
            newest = newest.max(Some((time, path)));
        }
    }
    let (_, path) = newest.ok_or("rustc has written no LLVM IR")?;
    Ok(fs::read_to_string(path)?.lines().count())
}

fn timed(directory: &Path, args: &[&str]) -> Result<Time> {
    let (processor, clock) = (processor_of_children()?, Instant::now());
    cargo(directory, args)?;
    Ok(Time { clock: clock.elapsed().as_secs_f64(), processor: processor_of_children()? - processor })
}

/// The time that processors have spent, in seconds, on the children of this process which have ended, and theirs.
fn processor_of_children() -> Result<f64> {
    /// How Linux counts, on all machines that are common.
    const PER_SECOND: f64 = 100.0;
    let text = fs::read_to_string("/proc/self/stat")?;
    // The second field is the name of the program, which may have anything in it; behind it `cutime` is the 14th.
    let (_, fields) = text.rsplit_once(')').ok_or("what Linux says of this process is not understood")?;
    let [user, system] = [13, 14].map(|place| fields.split_whitespace().nth(place).unwrap_or_default().parse::<f64>());
    Ok((user? + system?) / PER_SECOND)
}
