#![doc = include_str!("../docs/testing.md")]

mod answer;
mod compare;
mod parts;
mod replica;
mod safety;
mod scripted;
mod trial;

use std::fmt;

pub use answer::Answer;
pub use scripted::ScriptedModel;
pub use trial::Trial;

use crate::client::Era;

/// How the questions of a tool travel in a run of a [`Trial`], and what becomes of the tool
/// meanwhile.
///
/// A tool may give another result on one of them only if it does something else when its code runs
/// again: [`Trial::assert_replay_safe`] finds that out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Carrier {
    /// The client speaks 2025-11-25: questions are requests in the middle of the call. The code of
    /// a tool runs once.
    Push,
    /// The client speaks 2026-07-28: questions end the round, and the call waits for the next one,
    /// suspended. The code of a tool runs once, unless it is `#[tool(resume = "replay")]`.
    Parked,
    /// The same, and every request reaches a server that has just been started, as it may behind a
    /// load balancer: the call runs again from the top in each round. The one that asked is killed
    /// before its client gets to know the questions.
    Replayed,
    /// Both by turns: the first answers find the call waiting, the next ones find another server,
    /// the ones after those find the call waiting there. What a call knows from before it moved
    /// must not depend on how it came to know it.
    Moved,
    /// The client speaks 2026-07-28 and knows tasks: calls of tools that may become tasks do, and their
    /// questions wait there. Those of others wait suspended. The code of a tool runs once.
    Task,
}

impl Carrier {
    /// All of them; code runs once on the first.
    pub const ALL: &'static [Self] = &[Self::Push, Self::Parked, Self::Replayed, Self::Moved, Self::Task];

    /// Which era its client speaks.
    fn era(self) -> Era {
        match self {
            Self::Push => Era::Legacy,
            Self::Parked | Self::Replayed | Self::Moved | Self::Task => Era::Modern,
        }
    }

    /// Whether its client knows tasks.
    fn has_tasks(self) -> bool {
        self == Self::Task
    }

    /// Whether the server that asked is there for the answers, after so many rounds of a call. One
    /// server has all calls where this is `None`.
    fn stays(self) -> Option<fn(u32) -> bool> {
        match self {
            Self::Push | Self::Parked | Self::Task => None,
            Self::Replayed => Some(|_| false),
            Self::Moved => Some(|rounds| rounds % 2 == 1),
        }
    }
}

impl fmt::Display for Carrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Push => "push",
            Self::Parked => "parked",
            Self::Replayed => "replayed",
            Self::Moved => "moved",
            Self::Task => "task",
        })
    }
}
