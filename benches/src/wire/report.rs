//! What was measured, as tables and as JSON.

use std::time::Duration;

use serde_json::{Value, json};

use super::case::Case;
use super::pace::Rate;
use super::subject::Subject;
use super::{Measured, Sample};
use crate::{Result, say};

/// The median of some numbers.
fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers.get(numbers.len() / 2).copied().unwrap_or_default()
}

fn microseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

impl Measured {
    fn per_second(&self) -> f64 {
        median(self.samples.iter().map(|sample| sample.per_second).collect())
    }

    fn quantile(&self, per_mille: usize) -> f64 {
        let of = |sample: &Sample| microseconds(sample.quantile(per_mille));
        median(self.samples.iter().map(of).collect())
    }

    fn cpu(&self) -> f64 {
        median(self.cpu.iter().copied().map(microseconds).collect())
    }

    /// How much of the rate was answered, if that is not all of it, or nearly.
    fn shortfall(&self, case: &Case) -> Option<String> {
        let part = self.per_second() / f64::from(case.rate?.per_second());
        (part < 0.95).then(|| format!("  only {:.0} % of the rate was answered", part * 100.0))
    }

    fn own_cpu(&self) -> f64 {
        median(self.own_cpu.iter().copied().map(microseconds).collect())
    }
}

pub(super) fn print(case: &Case, all: &[Measured], failures: &[(Subject, String)]) -> Result<()> {
    say(&format!("\n{case}"))?;
    say(&format!(
        "{:<15}{:>10}{:>9}{:>9}{:>9}{:>10}{:>9}{:>9}{:>9}{:>8}{:>8}",
        "", "calls/s", "ours/it", "p50 µs", "p99", "p99.9", "CPU µs", "client", "syscalls", "futex", "MiB"
    ))?;
    let ours = all.iter().find(|measured| measured.subject.name == "ours").map(Measured::per_second);
    for it in all {
        let beside = ours.map(|ours| format!("{:.2}", ours / it.per_second())).unwrap_or_default();
        let (calls, futex) = match it.system_calls {
            Some(counted) => (format!("{:.2}", counted.all), format!("{:.2}", counted.futex)),
            None => ("-".to_owned(), "-".to_owned()),
        };
        #[expect(clippy::cast_precision_loss, reason = "small numbers")]
        let memory = it.memory as f64 / f64::from(1 << 20);
        say(&format!(
            "{:<15}{:>10.0}{beside:>9}{:>9.1}{:>9.1}{:>10.1}{:>9.2}{:>9.2}{calls:>9}{futex:>8}{memory:>8.1}{}",
            it.subject.name,
            it.per_second(),
            it.quantile(500),
            it.quantile(990),
            it.quantile(999),
            it.cpu(),
            it.own_cpu(),
            it.shortfall(case).unwrap_or_default(),
        ))?;
    }
    for (subject, reason) in failures {
        say(&format!("{:<15} failed: {reason}", subject.name))?;
    }
    Ok(())
}

pub(super) fn json(case: &Case, all: &[Measured], failures: &[(Subject, String)]) -> Value {
    let row = |it: &Measured| {
        json!({
            "server": it.subject.name,
            "callsPerSecond": it.per_second(),
            "callsPerSecondOfEachRound": it.samples.iter().map(|sample| sample.per_second).collect::<Vec<_>>(),
            "microseconds": { "p50": it.quantile(500), "p99": it.quantile(990), "p99.9": it.quantile(999) },
            "cpuMicroseconds": it.cpu(),
            "clientCpuMicroseconds": it.own_cpu(),
            "systemCalls": it.system_calls.map(|counted| counted.all),
            "futexCalls": it.system_calls.map(|counted| counted.futex),
            "peakMemoryBytes": it.memory,
        })
    };
    json!({
        "transport": case.transport.name(),
        "era": case.era.name(),
        "calls": case.work.to_string(),
        "atOnce": case.width,
        "callsDuePerSecond": case.rate.map(Rate::per_second),
        "servers": all.iter().map(row).collect::<Vec<_>>(),
        "failures": failures.iter().map(|(subject, why)| (subject.name.to_owned(), json!(why))).collect::<serde_json::Map<_, _>>(),
    })
}
