//! What the operating system knows of a server.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use super::case::Case;
use super::subject::{Subject, target};
use super::{Load, Messages};
use crate::Result;
use crate::wire::sample::Limit;

/// The time that all threads of a process, which live, have run.
pub(crate) fn cpu(process: u32) -> Result<Duration> {
    let mut nanoseconds = 0;
    for thread in fs::read_dir(format!("/proc/{process}/task"))? {
        // A thread may end meanwhile.
        let Ok(text) = fs::read_to_string(thread?.path().join("schedstat")) else { continue };
        nanoseconds += text.split(' ').next().unwrap_or_default().parse::<u64>()?;
    }
    Ok(Duration::from_nanos(nanoseconds))
}

/// A line of the status of a process, in bytes: `VmHWM` is the most that it had in memory.
pub(crate) fn memory(process: u32, line: &str) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let value = status.lines().find_map(|it| it.strip_prefix(line)).ok_or("no such line")?;
    Ok(value.trim_matches([':', ' ', '\t', 'k', 'B']).parse::<u64>()? * 1024)
}

/// System calls.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SystemCalls {
    pub(crate) all: f64,
    pub(crate) futex: f64,
}

/// Counts what a call takes, as the difference of two runs under strace. `None` if there is none.
pub(crate) fn system_calls(subject: &Subject, case: &Case) -> Result<Option<SystemCalls>> {
    if Command::new("strace").arg("-V").output().is_err() {
        return Ok(None);
    }
    let width = case.width as u64;
    let (short, long) = ((2 * width).max(100), (20 * width).max(1000));
    let (first, second) = (count(subject, case, short)?, count(subject, case, long)?);
    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
    let per_call = |name| (calls(&second, name) as f64 - calls(&first, name) as f64) / (long - short) as f64;
    Ok(Some(SystemCalls { all: per_call("total"), futex: per_call("futex") }))
}

fn count(subject: &Subject, case: &Case, calls: u64) -> Result<String> {
    let report = target().join(format!("strace-{}", std::process::id()));
    let mut strace = Command::new("strace");
    strace.args(["-f", "-c", "-o"]).arg(&report);
    let mut server = subject.start_under(strace, case)?;
    let mut load = Load::connect(&mut server, Messages::new(case.era, case.work), case)?;
    load.run(Limit::Calls(calls))?;
    // The server is the child of strace, which reports when it is gone.
    let strace = server.child.id();
    let children = fs::read_to_string(format!("/proc/{strace}/task/{strace}/children"))?;
    for child in children.split_whitespace() {
        let pid = Pid::from_raw(child.parse()?).ok_or("no such process")?;
        kill_process(pid, Signal::KILL)?;
    }
    drop(load);
    server.child.wait()?;
    let text = fs::read_to_string(&report)?;
    remove(&report);
    Ok(text)
}

fn remove(path: &Path) {
    _ = fs::remove_file(path);
}

/// A column of strace's table: `% time, seconds, usecs/call, calls, [errors,] syscall`.
fn calls(report: &str, name: &str) -> u64 {
    let row =
        report.lines().map(|line| line.split_whitespace().collect::<Vec<_>>()).find(|row| row.last() == Some(&name));
    row.and_then(|row| row.get(3)?.parse().ok()).unwrap_or_default()
}
