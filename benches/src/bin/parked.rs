//! How much memory calls take that wait for a client which never comes back: what is allocated, counted
//! by the allocator.
//!
//! ```text
//! cargo run --release -p mcp-benches --bin parked
//! ```

use std::alloc::System;
use std::io::{self, Write as _};
use std::process::ExitCode;
use std::time::Duration;

use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

#[path = "../product.rs"]
mod product;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const CALLS: u64 = 100_000;
const BOUND: usize = 1 << 30;

/// Parks calls, waits until they have expired, and does it again; fails if they take more memory than
/// they are counted for, or do not give it back.
fn main() -> Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let is_fine = runtime.block_on(measure())?;
    Ok(if is_fine { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn measure() -> Result<bool> {
    let server = product::server()
        .max_parked_calls(usize::try_from(CALLS)?)
        .max_parked_bytes(BOUND)
        .parked_timeout(Duration::from_secs(5));
    let metrics = server.metrics();
    let (ours, theirs) = tokio::io::duplex(1 << 20);
    let serving = tokio::spawn(async move { server.serve(theirs).await });
    let (mut reader, mut writer) = tokio::io::split(ours);
    tokio::spawn(async move {
        let mut buffer = vec![0; 64 << 10];
        while reader.read(&mut buffer).await.is_ok_and(|read| read > 0) {}
    });
    say(&format!("{CALLS} parked calls of `create_product`, bytes on the heap"))?;
    say(&format!(
        "{:<6}{:>12}{:>14}{:>10}{:>10}{:>14}",
        "wave", "before", "parked", "a call", "counted", "after expiry"
    ))?;
    let mut is_fine = true;
    for wave in 1..=2 {
        let before = allocated();
        for id in 1..=CALLS {
            writer.write_all(product::modern_call(id + wave * CALLS).as_bytes()).await?;
        }
        until(|| metrics.parked() == wave * CALLS).await;
        let (parked, counted) = (allocated(), metrics.parked_bytes());
        until(|| metrics.parked_now() == 0).await;
        let after = allocated();
        let each = parked.saturating_sub(before) / CALLS;
        say(&format!("{wave:<6}{before:>12}{parked:>14}{each:>10}{:>10}{after:>14}", counted / CALLS))?;
        is_fine &= metrics.evicted() == 0 && parked - before < counted;
        // Tables keep room for what they held.
        is_fine &= after.saturating_sub(before) < (parked - before) / 50;
    }
    serving.abort();
    Ok(is_fine)
}

async fn until(is_so: impl Fn() -> bool) {
    while !is_so() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn allocated() -> u64 {
    let stats = ALLOCATOR.stats();
    (stats.bytes_allocated.saturating_sub(stats.bytes_deallocated)) as u64
}

fn say(line: &str) -> io::Result<()> {
    writeln!(io::stdout(), "{line}")
}
