//! The table of who was tried with what.
//!
//! Each test that talks to another maker's program has a row for each way on which it does. What it asserts it enters
//! into its row, at the place where it asserts it; what is not there it says with the reason. `tests/interop/table`
//! prints all rows together.

use std::collections::BTreeMap;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash as _, Hasher as _};
use std::path::Path;

use serde_json::json;

use crate::peers::{Peer, say};

/// What is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Feature {
    /// Tools are listed.
    List,
    /// Tools are called, with results that are right and wrong.
    Call,
    /// A call asks the client's model.
    Sampling,
    /// The model uses tools.
    SamplingWithTools,
    /// A call asks the client's user.
    Elicitation,
    /// A call says how far it is.
    Progress,
    /// A call that is given up is dropped at the server.
    Cancellation,
    /// The client hears of changes.
    Subscriptions,
    /// Resources are read.
    Resources,
    /// Prompts are gotten.
    Prompts,
    /// Arguments are completed.
    Completion,
    /// The server logs to the client.
    Logging,
}

impl Feature {
    /// What each row must have, or say why not.
    const ASKED: [Self; 8] = [
        Self::List,
        Self::Call,
        Self::Sampling,
        Self::SamplingWithTools,
        Self::Elicitation,
        Self::Progress,
        Self::Cancellation,
        Self::Subscriptions,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::List => "list",
            Self::Call => "call",
            Self::Sampling => "sampling",
            Self::SamplingWithTools => "sampling with tools",
            Self::Elicitation => "elicitation",
            Self::Progress => "progress",
            Self::Cancellation => "cancellation",
            Self::Subscriptions => "subscriptions",
            Self::Resources => "resources",
            Self::Prompts => "prompts",
            Self::Completion => "completion",
            Self::Logging => "logging",
        }
    }
}

/// What the program at the other end is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// It calls our server.
    Client,
    /// Our client calls it.
    Server,
}

impl Role {
    fn name(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Server => "server",
        }
    }
}

#[derive(Debug)]
enum Cell {
    Seen,
    SeenBut(String),
    Missing(String),
}

/// A row of the table, while it is filled in.
#[derive(Debug)]
#[must_use = "a row that is not finished is in no table"]
pub struct Row {
    peer: String,
    role: Role,
    over: &'static str,
    revision: String,
    cells: BTreeMap<Feature, Cell>,
}

impl Row {
    /// Begins a row: who it is, what it does, the transport, and the protocol version.
    pub fn new(peer: Peer, role: Role, over: &'static str, revision: impl Into<String>) -> Self {
        Self { peer: peer.name(), role, over, revision: revision.into(), cells: BTreeMap::new() }
    }

    /// This has been asserted.
    pub fn saw(&mut self, feature: Feature) {
        self.cells.insert(feature, Cell::Seen);
    }

    /// This has been asserted, and there is something to be said about it.
    pub fn saw_but(&mut self, feature: Feature, what: &str) {
        self.cells.insert(feature, Cell::SeenBut(what.to_owned()));
    }

    /// This is not there, for a reason that is not ours.
    pub fn lacks(&mut self, feature: Feature, why: &str) {
        self.cells.insert(feature, Cell::Missing(why.to_owned()));
    }

    /// Says and writes down the row, which has all that is asked of each.
    ///
    /// # Panics
    ///
    /// When nothing was said of something.
    pub fn finish(self, target: &str) {
        let silent: Vec<_> = Feature::ASKED.into_iter().filter(|it| !self.cells.contains_key(it)).collect();
        assert!(silent.is_empty(), "{self:?}: nothing about {silent:?}");
        self.add(target);
    }

    /// Says and writes down what comes to a row that another test finishes.
    ///
    /// # Panics
    ///
    /// When it cannot be written.
    pub fn add(self, target: &str) {
        let Self { peer, role, over, revision, cells } = self;
        let (mut saw, mut notes, mut lacks, mut without) =
            (Vec::new(), BTreeMap::new(), BTreeMap::new(), String::new());
        for (feature, cell) in cells {
            let name = feature.name();
            match cell {
                Cell::Seen => saw.push(name),
                Cell::SeenBut(what) => {
                    saw.push(name);
                    notes.insert(name, what);
                }
                Cell::Missing(why) => {
                    without.push_str(&format!("; no {name}: {why}"));
                    lacks.insert(name, why);
                }
            }
        }
        say(&format!("interop | {peer} | {} | {over} | {revision} | {}{without}", role.name(), saw.join(", ")));
        let row = json!({
            "peer": peer, "role": role.name(), "over": over, "revision": revision,
            "saw": saw, "notes": notes, "lacks": lacks,
        });
        let row = row.to_string();
        let mut hasher = DefaultHasher::new();
        row.hash(&mut hasher);
        let rows = Path::new(target).join("interop");
        std::fs::create_dir_all(&rows).expect("a directory");
        // A file for each row, so that tests do not wait for each other; the same row again is the same file.
        std::fs::write(rows.join(format!("{:016x}.json", hasher.finish())), row).expect("it is written");
    }
}
