//! Calls of processes over their standard streams and over HTTP, as a client makes them: how many in a second, how
//! long they take, and what they cost the server.

mod buffer;
mod case;
mod http;
mod pace;
mod process;
mod report;
mod response;
mod sample;
mod serve;
mod stdio;
mod subject;
mod wait;
mod work;

use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use self::case::Plan;
pub(crate) use self::case::{Case, Transport};
use self::pace::Pace;
pub(crate) use self::process::memory;
use self::process::{SystemCalls, cpu, system_calls};
pub(crate) use self::sample::Limit;
use self::sample::Sample;
pub(crate) use self::serve::serve;
pub(crate) use self::subject::{Server, Subject, install, target};
pub(crate) use self::work::{Messages, Work};
use crate::{Result, say};

/// How it is measured.
struct Measure {
    /// How often each server is measured, in turns.
    rounds: usize,
    /// How long each time.
    time: Duration,
}

/// What was measured of a server.
struct Measured {
    subject: Subject,
    samples: Vec<Sample>,
    /// Of the server, for one call, in each round.
    cpu: Vec<Duration>,
    /// Of this program.
    own_cpu: Vec<Duration>,
    system_calls: Option<SystemCalls>,
    /// The most it had in memory, in bytes.
    memory: u64,
}

/// A client of a server.
pub(crate) enum Load {
    Stdio(stdio::Stdio),
    Http(http::Http),
}

impl Load {
    pub(crate) fn connect(server: &mut Server, messages: Messages, case: &Case) -> Result<Self> {
        Ok(match case.transport {
            Transport::Stdio => Self::Stdio(stdio::Stdio::connect(&mut server.child, messages, case.width)?),
            Transport::Http => Self::Http(http::Http::connect(&server.url, messages, case.width)?),
        })
    }

    pub(crate) fn run(&mut self, limit: Limit) -> Result<Sample> {
        match self {
            Self::Stdio(stdio) => stdio.run(limit),
            Self::Http(http) => http.run(limit),
        }
    }
}

/// A server, and its client.
struct Running {
    load: Load,
    server: Server,
    measured: Measured,
}

impl Running {
    fn start(subject: Subject, case: &Case) -> Result<Self> {
        let mut server = subject.start(case)?;
        let load = Load::connect(&mut server, Messages::new(case.era, case.work), case)?;
        let measured = Measured {
            subject,
            samples: Vec::new(),
            cpu: Vec::new(),
            own_cpu: Vec::new(),
            system_calls: None,
            memory: 0,
        };
        let mut running = Self { load, server, measured };
        running.load.run(Limit::Time(Duration::from_millis(100)))?;
        Ok(running)
    }

    fn measure(&mut self, limit: Limit) -> Result<()> {
        let (process, own) = (self.server.child.id(), std::process::id());
        let (before, own_before) = (cpu(process)?, cpu(own)?);
        let sample = self.load.run(limit)?;
        let calls = u32::try_from(sample.calls)?;
        self.measured.cpu.push((cpu(process)? - before) / calls);
        self.measured.own_cpu.push((cpu(own)? - own_before) / calls);
        self.measured.samples.push(sample);
        self.measured.memory = memory(process, "VmHWM")?;
        Ok(())
    }
}

/// Measures what the words choose, and prints a table for each case; writes all of it as JSON.
pub(crate) fn run(words: &[&str]) -> Result<()> {
    let full = words.contains(&"--full");
    let words: Vec<&str> = words.iter().copied().filter(|word| *word != "--full").collect();
    let Plan { cases, subjects } = Plan::new(&words, full)?;
    let (missing, subjects): (Vec<_>, Vec<_>) = subjects.into_iter().partition(|it| it.missing().is_some());
    if !missing.is_empty() {
        let names: Vec<_> = missing.iter().map(|subject| subject.name).collect();
        say(&format!(
            "Not measured: {}. `cargo run --release -p mcp-benches -- peers` installs them.",
            names.join(", ")
        ))?;
    }
    let measure = match full {
        true => Measure { rounds: 5, time: Duration::from_secs(1) },
        false => Measure { rounds: 3, time: Duration::from_millis(200) },
    };
    raise_file_limit()?;
    let begin = Instant::now();
    let mut all = Vec::new();
    for case in cases {
        let (measured, failures) = compare(&case, &subjects, &measure);
        report::print(&case, &measured, &failures)?;
        all.push(report::json(&case, &measured, &failures));
    }
    let path = subject::target().join("wire.json");
    std::fs::write(&path, serde_json::to_string_pretty(&all)?)?;
    say(&format!("\nAfter {:.0} s. All of it is in {}.", begin.elapsed().as_secs_f64(), path.display()))?;
    Ok(())
}

/// All servers, one after the other, and again. Those that fail come back with the reason.
fn compare(case: &Case, subjects: &[Subject], measure: &Measure) -> (Vec<Measured>, Vec<(Subject, String)>) {
    let (mut running, mut failures) = (Vec::new(), Vec::new());
    for &subject in subjects.iter().filter(|subject| subject.does(case)) {
        match Running::start(subject, case) {
            Ok(server) => running.push(server),
            Err(error) => failures.push((subject, error.to_string())),
        }
    }
    let limit = match case.rate {
        Some(rate) => Limit::Pace(Pace::new(rate, measure.time)),
        None => Limit::Time(measure.time),
    };
    for _ in 0..measure.rounds {
        let mut next = Vec::new();
        for mut server in running {
            match server.measure(limit) {
                Ok(()) => next.push(server),
                Err(error) => failures.push((server.measured.subject, error.to_string())),
            }
        }
        running = next;
    }
    let mut all: Vec<Measured> = running.into_iter().map(|running| running.measured).collect();
    // Under strace no server keeps a pace.
    for measured in all.iter_mut().filter(|_| case.rate.is_none()) {
        match system_calls(&measured.subject, case) {
            Ok(counted) => measured.system_calls = counted,
            Err(error) => failures.push((measured.subject, format!("under strace: {error}"))),
        }
    }
    (all, failures)
}

/// A connection is a file, here and in the server, and some have two.
fn raise_file_limit() -> Result<()> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let wanted = Some(maximum.unwrap_or(8192).min(8192));
    if current.is_some_and(|current| Some(current) < wanted) {
        setrlimit(Resource::Nofile, Rlimit { current: wanted, maximum })?;
    }
    Ok(())
}
