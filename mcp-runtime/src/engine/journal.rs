//! What a call asked and did, and what came of it. Pure: no clock, no I/O, no async. It is driven
//! from outside and knows questions by method and parameters, never by what they are about.
//!
//! A call that may run again remembers every answer and the result of every step, each under a
//! key that does not depend on the order in which things happen: [`Memory`] is that, and what
//! `requestState` carries.

use std::collections::{HashMap, HashSet};

use serde_json::value::RawValue;

use super::digest;
use crate::protocol::{Answered, ErrorObject, InputRequest};

/// Something only the client can give.
#[derive(Debug)]
pub(crate) struct Question {
    pub(crate) method: &'static str,
    pub(crate) params: super::RawParams,
    /// The author's name for it, if they gave one.
    pub(crate) key: Option<String>,
}

/// The place of a question in the journal of its call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct QuestionId(usize);

impl QuestionId {
    pub(crate) fn index(self) -> usize {
        self.0
    }
}

/// What asking leads to.
#[derive(Debug)]
pub(crate) enum Ask {
    Answered(Answered),
    Unanswered,
}

/// What beginning a step leads to.
#[derive(Debug)]
pub(crate) enum Step {
    /// It was done before, with this result.
    Done(super::RawParams),
    /// It is to be done; its result is kept under this key.
    New(String),
}

#[derive(Debug, Default)]
pub(crate) struct Journal {
    entries: Vec<Entry>,
    /// How often each name was used in a key.
    names: HashMap<String, usize>,
    keys: HashSet<String>,
    /// What is kept for a run that starts over; `None` for a call that never will.
    memory: Option<Memory>,
    /// The answers that this run was started with and did not take: the key of each, and what the
    /// question was about.
    fresh: HashMap<String, String>,
    /// Whether it took one.
    moved: bool,
}

#[derive(Debug)]
struct Entry {
    question: Question,
    /// Made when the question first has to be named.
    key: Option<String>,
    state: State,
}

#[derive(Debug)]
enum State {
    /// The client has not seen it.
    Unsent,
    /// The client has it.
    Sent,
    Answered(Answered),
    /// The answer was handed over, or nobody wants it any more.
    Closed,
}

/// What a call must know to run again from the top.
#[derive(Debug, Clone, Default)]
pub(crate) struct Memory {
    records: Vec<Record>,
    by_key: HashMap<String, usize>,
    /// What the client was asked last: key, and the question as a message can say it.
    pub(crate) open: Vec<(String, String)>,
}

/// One answer, or the result of one step.
#[derive(Debug, Clone)]
pub(crate) struct Record {
    pub(crate) key: String,
    pub(crate) value: super::RawParams,
}

impl PartialEq for Memory {
    fn eq(&self, other: &Self) -> bool {
        let pairs =
            |it: &Self| it.records.iter().map(|it| (it.key.clone(), it.value.get().to_owned())).collect::<Vec<_>>();
        pairs(self) == pairs(other) && self.open == other.open
    }
}

impl Memory {
    pub(crate) fn records(&self) -> &[Record] {
        &self.records
    }

    /// Keeps a value; the first one under a key stays.
    pub(crate) fn keep(&mut self, key: String, value: super::RawParams) {
        if !self.by_key.contains_key(&key) {
            self.by_key.insert(key.clone(), self.records.len());
            self.records.push(Record { key, value });
        }
    }

    fn find(&self, key: &str) -> Option<&Record> {
        self.by_key.get(key).and_then(|place| self.records.get(*place))
    }

    fn size(&self) -> usize {
        self.records.iter().map(|it| 2 * it.key.len() + it.value.get().len() + size_of::<Record>()).sum()
    }
}

impl Journal {
    /// The journal of a call that may run again from the top.
    pub(crate) fn keeping() -> Self {
        Self { memory: Some(Memory::default()), ..Self::default() }
    }

    /// The journal of a call that does: it knows what came of earlier rounds. Of `answers`, those
    /// to questions that the client was asked count.
    pub(crate) fn again(mut memory: Memory, answer_of: impl Fn(&str) -> Option<super::RawParams>) -> Self {
        let mut fresh = HashMap::new();
        for (key, about) in std::mem::take(&mut memory.open) {
            if let Some(answer) = answer_of(&key) {
                fresh.insert(key.clone(), about);
                memory.keep(key, answer);
            }
        }
        Self { memory: Some(memory), fresh, ..Self::default() }
    }

    pub(crate) fn ask(&mut self, question: Question) -> QuestionId {
        let id = self.entries.len();
        self.entries.push(Entry { question, key: None, state: State::Unsent });
        if self.memory.is_some() {
            // At once, so that a run that starts over counts in the same way.
            let key = self.key(id).to_owned();
            if let Some(record) = self.memory.as_ref().and_then(|memory| memory.find(&key)) {
                self.entries[id].state = State::Answered(Ok(record.value.clone()));
                self.moved |= self.fresh.remove(&key).is_some();
            }
        }
        QuestionId(id)
    }

    pub(crate) fn take_answer(&mut self, id: QuestionId) -> Ask {
        let entry = &mut self.entries[id.0];
        match std::mem::replace(&mut entry.state, State::Closed) {
            State::Answered(answer) => {
                entry.forget();
                Ask::Answered(answer)
            }
            other => {
                entry.state = other;
                Ask::Unanswered
            }
        }
    }

    pub(crate) fn answer(&mut self, id: QuestionId, answer: Answered) {
        if !matches!(self.entries[id.0].state, State::Sent | State::Unsent) {
            return;
        }
        if let (Some(_), Ok(value)) = (&self.memory, &answer) {
            let (key, value) = (self.key(id.0).to_owned(), value.clone());
            if let Some(memory) = &mut self.memory {
                memory.keep(key, value);
            }
        }
        self.entries[id.0].state = State::Answered(answer);
    }

    /// Begins a step, known by its name and how often that was used.
    pub(crate) fn begin_step(&mut self, name: &str) -> Step {
        // No method begins like this, and no author's key is mistaken for it.
        let key = self.new_key(format!("step:{name}"));
        match self.memory.as_ref().and_then(|memory| memory.find(&key)) {
            Some(record) => Step::Done(record.value.clone()),
            None => Step::New(key),
        }
    }

    /// Keeps the result of a step.
    pub(crate) fn finish_step(&mut self, key: String, value: super::RawParams) {
        if let Some(memory) = &mut self.memory {
            memory.keep(key, value);
        }
    }

    /// Whether the call may run again from the top.
    pub(crate) fn remembers(&self) -> bool {
        self.memory.is_some()
    }

    /// What a run that starts over must know, with the questions that the client has now.
    pub(crate) fn memory(&mut self) -> Option<Memory> {
        let open = self.open_questions();
        let mut memory = self.memory.clone()?;
        memory.open = open.into_iter().map(|(key, id)| (key, self.question(id).about())).collect();
        Some(memory)
    }

    /// What a question that was answered was about, and one that is asked now, if this run was
    /// started with answers, took none of them, and asks something else.
    pub(crate) fn divergence(&self) -> Option<(&str, String)> {
        if self.moved {
            return None;
        }
        let asks = |entry: &&Entry| matches!(entry.state, State::Sent | State::Unsent);
        let asked = self.entries.iter().find(asks)?.question.about();
        self.fresh.values().next().map(|answered| (answered.as_str(), asked))
    }

    /// Nobody wants the answer. Returns whether the client has the question.
    pub(crate) fn abandon(&mut self, id: QuestionId) -> bool {
        let entry = &mut self.entries[id.0];
        entry.forget();
        matches!(std::mem::replace(&mut entry.state, State::Closed), State::Sent)
    }

    /// Nobody wants any answer.
    pub(crate) fn close(&mut self) {
        for entry in &mut self.entries {
            entry.forget();
            entry.state = State::Closed;
        }
        self.memory = None;
    }

    /// The questions that the client has and did not answer yet, with their keys.
    pub(crate) fn open_questions(&mut self) -> Vec<(String, QuestionId)> {
        (0..self.entries.len())
            .filter(|&index| matches!(self.entries[index].state, State::Sent))
            .collect::<Vec<_>>()
            .into_iter()
            .map(|index| (self.key(index).to_owned(), QuestionId(index)))
            .collect()
    }

    /// Whether there is something to ask the client.
    pub(crate) fn has_unsent(&self) -> bool {
        self.entries.iter().any(|entry| matches!(entry.state, State::Unsent))
    }

    /// The questions that the client has not seen; from now on it has.
    pub(crate) fn take_unsent(&mut self) -> Vec<QuestionId> {
        let mut unsent = Vec::new();
        for (index, entry) in self.entries.iter_mut().enumerate() {
            if matches!(entry.state, State::Unsent) {
                entry.state = State::Sent;
                unsent.push(QuestionId(index));
            }
        }
        unsent
    }

    /// What the client was asked and did not answer must be asked again.
    pub(crate) fn ask_again(&mut self) {
        for entry in &mut self.entries {
            if matches!(entry.state, State::Sent) {
                entry.state = State::Unsent;
            }
        }
    }

    /// Answers all open questions with an error; says how many there were.
    pub(crate) fn fail_open(&mut self, error: &ErrorObject) -> usize {
        let mut open = 0;
        for entry in &mut self.entries {
            if matches!(entry.state, State::Sent | State::Unsent) {
                entry.state = State::Answered(Err(error.clone()));
                open += 1;
            }
        }
        open
    }

    pub(crate) fn question(&self, id: QuestionId) -> &Question {
        &self.entries[id.0].question
    }

    /// A question as `inputRequests` carries it.
    pub(crate) fn input_request(&mut self, id: QuestionId) -> (String, InputRequest) {
        let key = self.key(id.0).to_owned();
        let question = self.question(id);
        (key, InputRequest { method: question.method, params: question.params.clone() })
    }

    /// About how many bytes it holds.
    pub(crate) fn size(&self) -> usize {
        let texts: usize = self.entries.iter().map(|entry| entry.question.params.get().len()).sum();
        let keys: usize = self.keys.iter().map(|key| 3 * key.len() + 2 * size_of::<String>()).sum();
        texts + keys + self.entries.capacity() * size_of::<Entry>() + self.memory.as_ref().map_or(0, Memory::size)
    }

    /// The key of a question, from its name.
    fn key(&mut self, index: usize) -> &str {
        if self.entries[index].key.is_none() {
            let key = self.new_key(self.entries[index].question.name());
            self.entries[index].key = Some(key);
        }
        self.entries[index].key.as_deref().unwrap_or_default()
    }

    /// A name, with its occurrence from the second one on.
    fn new_key(&mut self, name: String) -> String {
        let uses = self.names.entry(name.clone()).or_default();
        loop {
            *uses += 1;
            let key = if *uses == 1 { name.clone() } else { format!("{name}-{uses}") };
            // An author's key may look like one of ours.
            if self.keys.insert(key.clone()) {
                return key;
            }
        }
    }
}

impl Question {
    /// The author's name for it, or method and digest of the canonical parameters.
    fn name(&self) -> String {
        match &self.key {
            Some(key) => key.clone(),
            None => format!("{}-{}", self.method.replace('/', "_"), digest::short(&self.params)),
        }
    }

    /// The question as a message can say it.
    pub(crate) fn about(&self) -> String {
        const LONGEST: usize = 100;
        let params = self.params.get();
        match params.char_indices().nth(LONGEST) {
            Some((end, _)) => format!("`{}` {}…", self.method, &params[..end]),
            None => format!("`{}` {params}", self.method),
        }
    }
}

impl Entry {
    /// The parameters of a question that is over are of no use.
    fn forget(&mut self) {
        self.question.params = RawValue::NULL.to_owned();
    }
}

#[cfg(test)]
#[path = "journal/tests.rs"]
mod tests;
