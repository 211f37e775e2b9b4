//! How large a server of one tool is, how many crates it is made of, how much memory it has when it does nothing, and
//! how long it takes from its start to its first answer; beside a bare loop, and rmcp.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use mcp_benches::Era;

use crate::leaf::{self, cargo};
use crate::wire::{Case, Limit, Load, Messages, Server, Transport, Work, memory, target};
use crate::{Result, say};

const STARTS: usize = 30;
/// How servers are built, as names and values of a profile.
type Profile = &'static [(&'static str, &'static str)];
const USUAL: Profile = &[("lto", "true"), ("codegen-units", "1"), ("strip", "true")];
/// For one that shall be small rather than fast.
const SMALL: Profile = &[("lto", "true"), ("codegen-units", "1"), ("strip", "true"), ("opt-level", "\"s\"")];

/// A server as a package.
struct Package {
    name: &'static str,
    transport: Transport,
    dependencies: String,
    profile: Profile,
    source: String,
}

struct Built {
    name: &'static str,
    transport: Transport,
    program: PathBuf,
    crates: usize,
}

pub(crate) fn compare() -> Result<()> {
    let mut built = Vec::new();
    for package in packages() {
        built.push(build(&package)?);
    }
    built.push(catalog("product-catalog, stdio", USUAL)?);
    built.push(catalog("product-catalog, stdio, small", SMALL)?);
    let mut starts: Vec<Vec<Duration>> = vec![Vec::new(); built.len()];
    let mut idle: Vec<Vec<u64>> = vec![Vec::new(); built.len()];
    for _ in 0..STARTS {
        for (number, server) in built.iter().enumerate() {
            let (time, memory) = start(server)?;
            starts[number].push(time);
            idle[number].push(memory);
        }
    }
    say(
        "A server of `add`: bytes, link-time optimized and stripped; crates; its memory after the first answer, and the",
    )?;
    say(&format!("time from start to that (medians of {STARTS}, in turns)"))?;
    say(&format!("{:<32}{:>12}{:>8}{:>11}{:>16}", "", "bytes", "crates", "MiB", "milliseconds"))?;
    for ((server, mut times), mut memory) in built.into_iter().zip(starts).zip(idle) {
        times.sort();
        memory.sort();
        let size = fs::metadata(&server.program)?.len();
        #[expect(clippy::cast_precision_loss, reason = "small numbers")]
        let memory = memory[STARTS / 2] as f64 / f64::from(1 << 20);
        let time = times[STARTS / 2].as_secs_f64() * 1e3;
        say(&format!("{:<32}{size:>12}{:>8}{memory:>11.2}{time:>16.2}", server.name, server.crates))?;
    }
    Ok(())
}

fn packages() -> Vec<Package> {
    const JSON: &str = "serde = { version = \"1\", features = [\"derive\"] }\nserde_json = \"1\"\n";
    const TOKIO: &str = "tokio = { version = \"1\", features = [\"rt-multi-thread\", \"macros\", \"net\"] }\n";
    const TOKIO_ON_ONE_THREAD: &str = "tokio = { version = \"1\", features = [\"rt\", \"macros\", \"net\"] }\n";
    const AXUM: &str = "axum = { version = \"0.8\", default-features = false, features = [\"http1\", \"tokio\"] }\n";
    let runtime = |wanted: &str| {
        let here = concat!(env!("CARGO_MANIFEST_DIR"), "/../mcp-runtime");
        format!("mcp-runtime = {{ path = \"{here}\", {wanted} }}\n")
    };
    let ours = |wanted: &str| runtime(wanted) + TOKIO;
    let on_one_thread = |wanted: &str| runtime(wanted) + TOKIO_ON_ONE_THREAD;
    let with_one_thread =
        |source: &str| source.replace("#[tokio::main]", "#[tokio::main(flavor = \"current_thread\")]");
    let rmcp = |feature: &str| {
        let features = format!("\"server\", \"macros\", \"{feature}\"");
        format!(
            "rmcp = {{ version = \"=3.11.0\", default-features = false, features = [{features}] }}\n\
             schemars = \"1\"\n{JSON}{TOKIO}"
        )
    };
    let package = |name, transport, dependencies, source: &str| Package {
        name,
        transport,
        dependencies,
        profile: USUAL,
        source: source.to_owned(),
    };
    let bare = concat!(include_str!("../bare.rs"), include_str!("bare.rs"));
    let (stdio, http) = (Transport::Stdio, Transport::Http);
    let (over_stdio, over_http) = (include_str!("ours.rs"), include_str!("ours_http.rs"));
    let one_thread =
        package("ours, stdio, one thread", stdio, on_one_thread("features = []"), &with_one_thread(over_stdio));
    let small = |package| Package { profile: SMALL, ..package };
    let http_on_one_thread =
        package("ours, HTTP, one thread", http, on_one_thread("features = [\"http\"]"), &with_one_thread(over_http));
    vec![
        package("bare loop", stdio, JSON.to_owned(), bare),
        package("ours, stdio", stdio, ours("features = []"), over_stdio),
        package("ours, stdio, no features", stdio, ours("default-features = false"), over_stdio),
        one_thread,
        small(package("ours, stdio, small", stdio, ours("features = []"), over_stdio)),
        package("rmcp, stdio", stdio, rmcp("transport-io"), include_str!("rmcp.rs")),
        package("ours, HTTP", http, ours("features = [\"http\"]"), over_http),
        http_on_one_thread,
        small(package("ours, HTTP, small", http, ours("features = [\"http\"]"), over_http)),
        package("rmcp, HTTP", http, rmcp("transport-streamable-http-server") + AXUM, include_str!("rmcp_http.rs")),
    ]
}

fn build(package: &Package) -> Result<Built> {
    let directory = target().join("size").join(package.name.replace(", ", "-").replace(' ', "-"));
    let profile: Vec<String> = package.profile.iter().map(|(name, value)| format!("{name} = {value}")).collect();
    leaf::write(&directory, &package.dependencies, &profile.join("\n"), &package.source)?;
    cargo(&directory, &["build", "--release"])?;
    let crates = crates(&directory, "leaf")?;
    Ok(Built {
        name: package.name,
        transport: package.transport,
        program: directory.join("target/release/leaf"),
        crates,
    })
}

/// The example.
fn catalog(name: &'static str, profile: Profile) -> Result<Built> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let into = target().join("size").join(name.replace(", ", "-"));
    let variable = |name: &str| format!("CARGO_PROFILE_RELEASE_{}", name.replace('-', "_").to_uppercase());
    let status = Command::new(env!("CARGO"))
        .args(["build", "-q", "--release", "--locked", "-p", "product-catalog", "--target-dir"])
        .arg(&into)
        .envs(profile.iter().map(|(name, value)| (variable(name), value.trim_matches('"'))))
        .current_dir(&directory)
        .status()?;
    if !status.success() {
        return Err("the example does not build".into());
    }
    let crates = crates(&directory, "product-catalog")?;
    let program = into.join("release/product-catalog");
    Ok(Built { name, transport: Transport::Stdio, program, crates })
}

/// How many crates have to be compiled for a package.
fn crates(directory: &Path, package: &str) -> Result<usize> {
    let tree = cargo(directory, &["tree", "-p", package, "-e", "normal,build", "--prefix", "none", "--format", "{p}"])?;
    Ok(tree.lines().map(|line| line.trim_end_matches(" (*)")).collect::<BTreeSet<_>>().len())
}

/// Starts a server and calls it once: how long that took, and its memory then, in bytes.
fn start(server: &Built) -> Result<(Duration, u64)> {
    let (era, work) = (Era::Modern, Work::Add);
    let case = Case { transport: server.transport, era, work, width: 1, rate: None };
    let begin = Instant::now();
    let mut running = Server::start(Command::new(&server.program), server.transport)?;
    let mut load = Load::connect(&mut running, Messages::new(era, work), &case)?;
    let time = begin.elapsed();
    load.run(Limit::Calls(1))?;
    Ok((time, memory(running.child.id(), "VmRSS")?))
}
