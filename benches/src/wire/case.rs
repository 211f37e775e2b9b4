//! What is measured: over which transport, in which era, which calls, and how many at the same time.

use std::fmt;

use mcp_benches::Era;

use super::pace::Rate;
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
    /// How many calls begin in a second. Without, one begins when another is answered.
    pub(crate) rate: Option<Rate>,
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {} @{}", self.transport.name(), self.era.name(), self.work, self.width)?;
        self.rate.map_or(Ok(()), |rate| write!(f, " {rate}"))
    }
}

const WIDTHS: [usize; 5] = [1, 16, 64, 256, 1024];

fn all() -> impl Iterator<Item = Case> {
    let works = Work::ALL.into_iter().flat_map(|work| WIDTHS.map(|width| (work, width)));
    [Transport::Stdio, Transport::Http].into_iter().flat_map(move |transport| {
        let works = works.clone();
        [Era::Legacy, Era::Modern].into_iter().flat_map(move |era| {
            works.clone().map(move |(work, width)| Case { transport, era, work, width, rate: None })
        })
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
    /// must all fit. Without any, `full` has everything; else what is usual. A rate (`20000/s`) chooses nothing: all
    /// cases have it.
    ///
    /// # Errors
    ///
    /// When a word is of no kind or a wrong rate, and when there are two rates.
    pub(crate) fn new(words: &[&str], full: bool) -> Result<Self> {
        let properties: [fn(&Case) -> String; 4] = [
            |case| case.transport.name().to_owned(),
            |case| case.era.name().to_owned(),
            |case| case.work.to_string(),
            |case| format!("@{}", case.width),
        ];
        let mut cases: Vec<Case> = all().collect();
        let mut rest = words.to_vec();
        let rate = take_rate(&mut rest)?;
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
            return Err(format!(
                "`{word}` is no transport, era, call, number of calls (`@64`), rate (`20000/s`) or server"
            )
            .into());
        }
        let is_wanted = |subject: &Subject| {
            named.is_empty()
                || named.contains(subject)
                || matches!(subject.name, "bare" | "bare-polled" | "ours" | "ours-current")
        };
        cases.iter_mut().for_each(|case| case.rate = rate);
        Ok(Self { cases, subjects: SUBJECTS.into_iter().filter(is_wanted).collect() })
    }
}

fn take_rate(words: &mut Vec<&str>) -> Result<Option<Rate>> {
    let mut found: Option<Rate> = None;
    for word in words.extract_if(.., |word| word.ends_with("/s")) {
        let rate = Rate::from_word(word)?;
        if let Some(first) = found.replace(rate) {
            return Err(format!(
                "`{first}` and `{rate}` are two rates, and a run has one: leave the other to a second run"
            )
            .into());
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cases(words: &str) -> Vec<String> {
        let plan = Plan::new(&words.split(' ').collect::<Vec<_>>(), false).unwrap();
        plan.cases.iter().map(Case::to_string).collect()
    }

    #[test]
    fn a_rate_is_that_of_all_cases() {
        assert_eq!(cases("http legacy add @64"), ["http legacy add @64"]);
        assert_eq!(cases("http add @64 20000/s ours"), ["http legacy add @64 20000/s", "http modern add @64 20000/s"]);
        assert_eq!(cases("1/s legacy create_product @16 stdio"), ["stdio legacy create_product @16 1/s"]);
    }

    #[test]
    fn a_rate_chooses_no_cases() {
        let usual: Vec<String> = cases("stdio").iter().map(|case| format!("{case} 500/s")).collect();
        assert_eq!(cases("stdio 500/s"), usual);
    }

    #[test]
    fn what_is_no_rate_is_refused() {
        let why = |words: &[&str]| Plan::new(words, false).unwrap_err().to_string();
        for word in ["0/s", "x/s", "/s", "-5/s", "1.5/s", "5000000000/s", "20 000/s", "1/s/s"] {
            let why = why(&["http", word]);
            assert!(why.starts_with(&format!("`{word}` is no rate")) && why.contains("positive"), "{why}");
        }
        for words in [["10/s", "20/s"], ["10/s", "10/s"]] {
            assert!(why(&words).starts_with(&format!("`{}` and `{}` are two rates", words[0], words[1])));
        }
        assert!(why(&["20000"]).contains("rate (`20000/s`)"));
    }
}
