//! What tools cost while they are compiled: servers of 1, 50 and 200 tools with four arguments
//! each, beside the same servers written with `rmcp`. Dependencies are built before; only the
//! crate with the tools is measured.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::leaf::{self, cargo};
use crate::{Result, say};

/// How often each is measured; the fastest counts.
const RUNS: usize = 3;

struct Cost {
    build: Duration,
    rebuild: Duration,
    size: u64,
    lines: usize,
}

pub(crate) fn compare() -> Result<()> {
    let directory = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../target/compile-cost");
    say("Compiling a server (the crate with the tools only; seconds, debug build; bytes, release build, stripped)")?;
    say(&format!(
        "{:<8}{:<8}{:>10}{:>10}{:>14}{:>16}",
        "tools", "with", "clean", "one body", "binary", "LLVM IR lines"
    ))?;
    for tools in [1, 50, 200] {
        for (name, source, dependency) in [("ours", ours(tools), OURS), ("rmcp", rmcp(tools), RMCP)] {
            let cost = measure(&directory.join(name), &source, dependency)?;
            say(&format!(
                "{tools:<8}{name:<8}{:>10.2}{:>10.2}{:>14}{:>16}",
                cost.build.as_secs_f64(),
                cost.rebuild.as_secs_f64(),
                cost.size,
                cost.lines,
            ))?;
        }
    }
    Ok(())
}

/// What both need beside.
const DEPENDENCIES: &str = "serde = { version = \"1\", features = [\"derive\"] }\nschemars = \"1\"\n\
                            tokio = { version = \"1\", features = [\"rt-multi-thread\", \"macros\"] }";
const OURS: &str = concat!("mcp-runtime = { path = \"", env!("CARGO_MANIFEST_DIR"), "/../mcp-runtime\" }");
const RMCP: &str =
    "rmcp = { version = \"=3.11.0\", default-features = false, features = [\"server\", \"macros\", \"transport-io\"] }";

fn measure(directory: &Path, source: &str, dependency: &str) -> Result<Cost> {
    let dependencies = format!("{dependency}\n{DEPENDENCIES}");
    leaf::write(directory, &dependencies, "strip = true", source)?;
    let main = directory.join("src/main.rs");
    cargo(directory, &["build"])?;
    let (mut build, mut rebuild) = (Duration::MAX, Duration::MAX);
    for run in 0..RUNS {
        // Without this crate's artifacts, incremental ones included.
        for kept in ["debug/incremental", "debug/leaf"] {
            let kept = directory.join("target").join(kept);
            if kept.is_dir() {
                fs::remove_dir_all(kept)?;
            }
        }
        cargo(directory, &["clean", "-p", "leaf"])?;
        fs::write(&main, source)?;
        build = build.min(timed(directory, &["build"])?);
        fs::write(&main, source.replacen("text.len()", &format!("text.len() + {run}"), 1))?;
        rebuild = rebuild.min(timed(directory, &["build"])?);
    }
    fs::write(&main, source)?;
    cargo(directory, &["build", "--release"])?;
    let size = fs::metadata(directory.join("target/release/leaf"))?.len();
    cargo(directory, &["rustc", "--profile", "dev", "--", "--emit=llvm-ir", "-Ccodegen-units=1"])?;
    let lines = llvm_lines(&directory.join("target/debug/deps"))?;
    Ok(Cost { build, rebuild, size, lines })
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

fn timed(directory: &Path, args: &[&str]) -> Result<Duration> {
    let before = Instant::now();
    cargo(directory, args)?;
    Ok(before.elapsed())
}

fn ours(tools: usize) -> String {
    let mut source = "use mcp_runtime::prelude::*;\n\n".to_owned();
    for index in 0..tools {
        _ = write!(
            source,
            "/// Tool number {index}.\n#[tool]\nasync fn tool_{index}(\n    /// Some text.\n    text: String,\n    \
             /// How many.\n    count: u32,\n    /// How much.\n    ratio: f64,\n    /// Whether.\n    flag: Option<bool>,\n\
             ) -> String {{\n    format!(\"{{}} {{count}} {{ratio}} {{flag:?}}\", text.len())\n}}\n\n"
        );
    }
    let names: Vec<String> = (0..tools).map(|index| format!("tool_{index}")).collect();
    _ = write!(
        source,
        "#[tokio::main]\nasync fn main() -> Result<()> {{\n    \
         Ok(Server::new(\"leaf\").tools(tools![{}]).serve_stdio().await?)\n}}\n",
        names.join(", ")
    );
    source
}

fn rmcp(tools: usize) -> String {
    let mut source = "use rmcp::handler::server::wrapper::Parameters;\nuse rmcp::{ServerHandler, ServiceExt, tool, \
                      tool_handler, tool_router};\n\n"
        .to_owned();
    for index in 0..tools {
        _ = write!(
            source,
            "#[derive(serde::Deserialize, schemars::JsonSchema)]\nstruct Args{index} {{\n    /// Some text.\n    \
             text: String,\n    /// How many.\n    count: u32,\n    /// How much.\n    ratio: f64,\n    /// Whether.\n    \
             flag: Option<bool>,\n}}\n\n"
        );
    }
    source.push_str("#[derive(Clone)]\nstruct Leaf;\n\n#[tool_router]\nimpl Leaf {\n");
    for index in 0..tools {
        _ = write!(
            source,
            "    /// Tool number {index}.\n    #[tool]\n    async fn tool_{index}(&self, Parameters(Args{index} {{ text, \
             count, ratio, flag }}): Parameters<Args{index}>) -> String {{\n        \
             format!(\"{{}} {{count}} {{ratio}} {{flag:?}}\", text.len())\n    }}\n\n"
        );
    }
    source.push_str(
        "}\n\n#[tool_handler]\nimpl ServerHandler for Leaf {}\n\n#[tokio::main]\nasync fn main() -> Result<(), \
         Box<dyn std::error::Error>> {\n    Leaf.serve(rmcp::transport::stdio()).await?.waiting().await?;\n    Ok(())\n}\n",
    );
    source
}
