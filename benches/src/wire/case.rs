//! What is measured: over which transport, in which era, which calls, and how many at the same time.

use std::fmt;

use mcp_benches::Era;

use super::subject::{SUBJECTS, Subject};
use super::work::Work;
use crate::Result;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transport {
    Stdio,
    Http,
}

impl Transport {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Stdio => "stdio",
            Self::Http => "http",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        [Self::Stdio, Self::Http].into_iter().find(|it| it.name() == name)
    }
}

/// One table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Case {
    pub(crate) transport: Transport,
    pub(crate) era: Era,
    pub(crate) work: Work,
    /// Calls in flight on stdio, connections over HTTP.
    pub(crate) width: usize,
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {} @{}", self.transport.name(), self.era.name(), self.work, self.width)
    }
}

const WIDTHS: [usize; 5] = [1, 16, 64, 256, 1024];

fn all() -> impl Iterator<Item = Case> {
    let works = Work::ALL.into_iter().flat_map(|work| WIDTHS.map(|width| (work, width)));
    [Transport::Stdio, Transport::Http].into_iter().flat_map(move |transport| {
        let works = works.clone();
        [Era::Legacy, Era::Modern]
            .into_iter()
            .flat_map(move |era| works.clone().map(move |(work, width)| Case { transport, era, work, width }))
    })
}

/// What is measured when nothing else is asked for.
fn is_usual(case: &Case) -> bool {
    match case.work {
        Work::Add => matches!(case.width, 1 | 64),
        Work::Echo(bytes) => {
            (bytes, case.width, case.transport, case.era) == (64 << 10, 1, Transport::Stdio, Era::Legacy)
        }
        Work::CreateProduct => case.width == 1 && case.transport == Transport::Stdio,
    }
}

/// What the words of a command line choose.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) cases: Vec<Case>,
    pub(crate) subjects: Vec<Subject>,
}

impl Plan {
    /// Words of one kind (transports, eras, calls, `@64`, servers) are alternatives, those of different kinds
    /// must all fit. Without any, `full` has everything; else what is usual.
    ///
    /// # Errors
    ///
    /// When a word is of no kind.
    pub(crate) fn new(words: &[&str], full: bool) -> Result<Self> {
        let properties: [fn(&Case) -> String; 4] = [
            |case| case.transport.name().to_owned(),
            |case| case.era.name().to_owned(),
            |case| case.work.to_string(),
            |case| format!("@{}", case.width),
        ];
        let mut cases: Vec<Case> = all().collect();
        let mut rest = words.to_vec();
        let (mut names_work, mut names_width) = (false, false);
        for (number, property) in properties.into_iter().enumerate() {
            let known: Vec<String> = all().map(|case| property(&case)).collect();
            let chosen: Vec<&str> = rest.extract_if(.., |word| known.iter().any(|it| it == word)).collect();
            if !chosen.is_empty() {
                cases.retain(|case| chosen.contains(&&*property(case)));
                names_work |= number == 2;
                names_width |= number == 3;
            }
        }
        let is_exact = names_work && names_width;
        if !full && !is_exact {
            cases.retain(|case| match (names_work, names_width) {
                (true, _) => matches!(case.width, 1 | 64),
                (_, true) => case.work == Work::Add,
                _ => is_usual(case),
            });
        }
        let named: Vec<Subject> = SUBJECTS.into_iter().filter(|subject| rest.contains(&subject.name)).collect();
        rest.retain(|word| named.iter().all(|subject| subject.name != *word));
        if let Some(word) = rest.first() {
            return Err(format!("`{word}` is no transport, era, call, number of calls (`@64`) or server").into());
        }
        let is_wanted = |subject: &Subject| {
            named.is_empty()
                || named.contains(subject)
                || matches!(subject.name, "bare" | "bare-polled" | "ours" | "ours-current")
        };
        Ok(Self { cases, subjects: SUBJECTS.into_iter().filter(is_wanted).collect() })
    }
}
