//! Questions: what they are known by, and how messages say them.

use std::sync::LazyLock;

use memchr::memmem::Finder;

use super::StepKey;
use crate::engine::{RawParams, digest};
use crate::protocol::{ClientCapabilities, plain};

/// Something only the client can give.
#[derive(Debug)]
pub(crate) struct Question {
    pub(crate) method: &'static str,
    pub(crate) params: RawParams,
    /// The author's name for it, if they gave one.
    pub(crate) key: Option<String>,
    /// The step in whose body it is asked.
    pub(crate) within: Option<StepKey>,
    /// What a client that declared these capabilities would have to declare, too, to be asked.
    pub(crate) required: Required,
}

/// What is missing in the capabilities of a client for a question.
pub(crate) type Required = fn(&ClientCapabilities) -> Option<ClientCapabilities>;

/// A question as a message can say it, in pieces.
pub(crate) type About<'a> = [&'a str; 5];

/// A name with its occurrence, so that no two pairs of them read the same. `None` where the name says it all: the first
/// occurrence is not said, unless the name looks as if it was.
pub(super) fn numbered(name: &str, occurrence: usize) -> Option<String> {
    let looks_numbered = || {
        let unnumbered = name.trim_end_matches(|it: char| it.is_ascii_digit());
        unnumbered.len() < name.len() && unnumbered.ends_with('-')
    };
    (occurrence > 1 || looks_numbered()).then(|| format!("{name}-{occurrence}"))
}

impl Question {
    /// The author's name for it, or method and digest of the canonical parameters; in a step, that of
    /// the step before it.
    pub(super) fn name(&self) -> String {
        let name = match &self.key {
            Some(key) => key.clone(),
            None => {
                let mut name = Vec::with_capacity(self.method.len() + 17);
                name.extend_from_slice(self.method.as_bytes());
                name.iter_mut().filter(|byte| **byte == b'/').for_each(|slash| *slash = b'_');
                name.push(b'-');
                name.extend_from_slice(&digest::short(&self.params));
                String::from_utf8(name).unwrap_or_default()
            }
        };
        match &self.within {
            Some(step) => format!("{}/{name}", step.as_text()),
            None => name,
        }
    }

    /// The question as a message can say it: with the first thing that it says to whoever is asked, or else with its
    /// parameters.
    pub(super) fn about(&self) -> About<'_> {
        const LONGEST: usize = 60;
        let params = self.params.get();
        static TEXT: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("\"text\":\""));
        static MESSAGE: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("\"message\":\""));
        let said = [&TEXT, &MESSAGE].into_iter().find_map(|before| {
            let at = before.find(params.as_bytes())?;
            params.get(at + before.needle().len()..)
        });
        let said = said.map(|behind| behind.split_at(plain(behind.as_bytes())));
        let (said, rest) = said.filter(|(said, _)| !said.is_empty()).unwrap_or((params, ""));
        let end = (0..=LONGEST.min(said.len())).rev().find(|end| said.is_char_boundary(*end)).unwrap_or_default();
        let is_whole = end == said.len() && !rest.starts_with('\\');
        ["`", self.method, "` ", &said[..end], if is_whole { "" } else { "…" }]
    }
}
