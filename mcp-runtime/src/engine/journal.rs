//! What a call asked and did, and what came of it. Pure: no clock, no I/O, no async. It is driven
//! from outside and knows questions by method and parameters, never by what they are about.
//!
//! A call that may run again remembers every answer and the result of every step, each under a
//! key that does not depend on the order in which things happen: [`Memory`] is that, and what
//! `requestState` carries.

mod question;
mod records;

use foldhash::HashMap;
use serde_json::value::RawValue;
use smallvec::SmallVec;

use self::question::{About, numbered};
pub(crate) use self::question::{Question, Required};
pub(crate) use self::records::{Keyed, Records};
use crate::protocol::{Answered, ErrorObject, InputRequest};

/// The place of a question in the journal of its call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct QuestionId(usize);

impl QuestionId {
    pub(crate) fn index(self) -> usize {
        self.0
    }
}

/// What a step is known by: its name, and how often the name was used before.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct StepKey {
    name: String,
    occurrence: usize,
}

impl StepKey {
    /// It as the state has it.
    pub(crate) fn as_text(&self) -> String {
        numbered(&self.name, self.occurrence).unwrap_or_else(|| self.name.clone())
    }

    /// Whether it is this step, or stands in its body.
    fn is_in(&self, outer: &Self) -> bool {
        self == outer || outer.is_around(&self.name)
    }

    /// Whether a step of this name stands in its body.
    fn is_around(&self, name: &str) -> bool {
        name.strip_prefix(&self.as_text()).is_some_and(|rest| rest.starts_with('/'))
    }
}

/// What asking leads to.
#[derive(Debug)]
pub(crate) enum Ask {
    Answered(Answered),
    Unanswered,
}

/// What giving up a question leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Abandoned {
    /// The client has it.
    pub(crate) is_sent: bool,
    /// Another one, that was held back, is to be asked now.
    pub(crate) releases: bool,
}

/// What beginning a step leads to.
#[derive(Debug)]
pub(crate) enum Step {
    /// It was done before, with this result.
    Done(super::RawParams),
    /// It is to be done; its result is kept under this key.
    New(StepKey),
}

#[derive(Debug, Default)]
pub(crate) struct Journal {
    entries: Vec<Entry>,
    /// How often each name of a question was used.
    names: Keyed<usize>,
    /// How often each name of a step was used.
    step_names: HashMap<String, usize>,
    /// The steps that came to nothing, and were not tried again.
    failed: Vec<StepKey>,
    /// The steps that are running.
    running: Vec<StepKey>,
    /// What is kept for a run that starts over; `None` for a call that never will.
    memory: Option<Memory>,
    /// The answers that nobody has taken in this run, if it started over: the key of each, and what
    /// the question was about.
    untaken: Vec<(String, String)>,
    /// Answers that came before they were asked for, by key.
    early: Vec<(String, super::RawParams)>,
    /// Questions that were given up: key and name.
    given_up: Vec<(String, String)>,
    /// How many questions there were when the call was last polled again. Somebody has waited for these.
    waited_for: usize,
    /// What the client was asked last and did not answer.
    unanswered: Vec<String>,
    /// Whether this run took an answer that no run before it had taken, or asked again for one that
    /// is missing.
    moved: bool,
}

#[derive(Debug)]
struct Entry {
    question: Question,
    key: Key,
    state: State,
    /// The answer that came in this run, for one that starts over.
    kept: Option<super::RawParams>,
}

/// What a question is known by.
#[derive(Debug)]
enum Key {
    /// It did not have to be named.
    Unnamed,
    /// Its name, which has this place among those that were used.
    Name(usize),
    Numbered(String),
}

#[derive(Debug)]
enum State {
    /// The client has not seen it.
    Unsent,
    /// One of this name was given up in an earlier run, so this one probably will be in this one.
    Held,
    /// The client has it.
    Sent,
    Answered(Answered),
    /// The answer was handed over, or nobody wants it any more.
    Closed,
}

/// What a call must know to run again from the top.
#[derive(Debug, Clone, Default)]
#[cfg_attr(test, derive(PartialEq))]
pub(crate) struct Memory {
    pub(crate) answers: Records,
    pub(crate) steps: Records,
    /// What the client was asked last: key, and the question as a message can say it.
    pub(crate) open: Vec<(String, String)>,
    /// Answers that no run has taken yet: key, and the question as a message can say it.
    pub(crate) untaken: Vec<(String, String)>,
    /// Questions that were given up, by key; those of a name that was used once, since of several that
    /// are alike nobody can tell which it was.
    pub(crate) given_up: Vec<String>,
    /// How many rounds in a row were given answers and did not take them.
    pub(crate) fruitless: u32,
}

/// [`Memory`] as the journal has it that is kept for a run that starts over.
pub(crate) struct Known<'a> {
    pub(crate) answers: SmallVec<[(&'a str, &'a str); 2]>,
    pub(crate) steps: &'a Records,
    pub(crate) open: SmallVec<[(&'a str, About<'a>); 1]>,
    pub(crate) untaken: &'a [(String, String)],
    pub(crate) given_up: SmallVec<[&'a str; 1]>,
    pub(crate) fruitless: u32,
}

/// Takes the value of a key out of a list; of several, the last one.
fn taken<V>(list: &mut Vec<(String, V)>, key: &str) -> Option<V> {
    let place = list.iter().rposition(|(it, _)| it == key)?;
    Some(list.swap_remove(place).1)
}

impl Memory {
    fn size(&self) -> usize {
        let value = |value: &super::RawParams| value.get().len();
        self.answers.size(value) + self.steps.size(value)
    }
}

/// After how many rounds in a row that were given answers and did not take them a call has diverged.
/// One may be chance: what finished earlier in this run than in the last one may ask first.
const FRUITLESS: u32 = 2;

impl Journal {
    /// The journal of a call that may run again from the top.
    pub(crate) fn keeping() -> Self {
        Self { memory: Some(Memory::default()), ..Self::default() }
    }

    /// The journal of a call that does: it knows what came of earlier rounds. Of `answers`, those
    /// to questions that the client was asked count.
    pub(crate) fn again(mut memory: Memory, answer_of: impl Fn(&str) -> Option<super::RawParams>) -> Self {
        let mut untaken = std::mem::take(&mut memory.untaken);
        let mut unanswered = Vec::new();
        for (key, about) in std::mem::take(&mut memory.open) {
            match answer_of(&key) {
                Some(answer) => {
                    memory.answers.keep(key.clone(), answer);
                    untaken.push((key, about));
                }
                None => unanswered.push(key),
            }
        }
        Self { memory: Some(memory), untaken, unanswered, ..Self::default() }
    }

    /// Brings answers before they are asked for.
    pub(crate) fn bring_early(&mut self, answers: impl Iterator<Item = (String, super::RawParams)>) {
        self.early.extend(answers);
    }

    pub(crate) fn ask(&mut self, question: Question) -> QuestionId {
        let id = self.entries.len();
        if id == 0 {
            // Most calls ask once, and many may wait.
            self.entries.reserve_exact(1);
        }
        let mut entry = Entry { question, key: Key::Unnamed, state: State::Unsent, kept: None };
        if !self.early.is_empty()
            && let Some(answer) = taken(&mut self.early, entry.key(&mut self.names))
        {
            match &mut self.memory {
                Some(memory) => memory.answers.keep(entry.key(&mut self.names).to_owned(), answer),
                None => entry.state = State::Answered(Ok(answer)),
            }
        }
        if let Some(memory) = &self.memory {
            // At once, so that a run that starts over counts in the same way.
            let key = entry.key(&mut self.names);
            if let Some(answer) = memory.answers.find(key) {
                self.moved |= taken(&mut self.untaken, key).is_some();
                entry.state = State::Answered(Ok(answer.to_owned()));
            } else if memory.given_up.iter().any(|given_up| given_up == key) {
                entry.state = State::Held;
            } else {
                self.moved |= self.unanswered.iter().any(|unanswered| unanswered == key);
            }
        }
        self.entries.push(entry);
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
        if !self.entries[id.0].is_open() {
            return;
        }
        let entry = &mut self.entries[id.0];
        if let (Some(_), Ok(value)) = (&self.memory, &answer) {
            entry.kept = Some(value.clone());
        }
        entry.state = State::Answered(answer);
    }

    /// A question that the client cannot be asked.
    pub(crate) fn refuse(&mut self, id: QuestionId) {
        let entry = &mut self.entries[id.0];
        entry.forget();
        entry.state = State::Closed;
    }

    /// Begins a step.
    pub(crate) fn begin_step(&mut self, name: &str) -> Step {
        let failed = self.failed.iter().enumerate().filter(|(_, failed)| failed.name == name);
        let key = match failed.min_by_key(|(_, failed)| failed.occurrence).map(|(place, _)| place) {
            Some(place) => {
                let key = self.failed.swap_remove(place);
                // Steps in its body are counted anew, so that those that were done are found.
                self.step_names.retain(|name, _| !key.is_around(name));
                self.failed.retain(|failed| !key.is_around(&failed.name));
                key
            }
            None => {
                let uses = self.step_names.entry(name.to_owned()).or_default();
                *uses += 1;
                StepKey { name: name.to_owned(), occurrence: *uses }
            }
        };
        if let Some(result) = self.memory.as_ref().and_then(|memory| memory.steps.find(&key.as_text())) {
            return Step::Done(result.to_owned());
        }
        self.running.push(key.clone());
        Step::New(key)
    }

    /// A step is over. One that came to nothing leaves its place to the next of its name, which is
    /// probably the same tried again.
    pub(crate) fn end_step(&mut self, key: &StepKey, result: Option<super::RawParams>) {
        self.running.retain(|running| running != key);
        match (result, &mut self.memory) {
            (Some(result), Some(memory)) => memory.steps.keep(key.as_text(), result),
            (Some(_), None) => {}
            (None, _) => {
                if self.step_names.contains_key(&key.name) {
                    self.failed.push(key.clone());
                }
            }
        }
    }

    /// Whether a step is running that does not wait for the client itself.
    pub(crate) fn is_in_step(&self) -> bool {
        let waits = |step: &StepKey| {
            let within = |entry: &Entry| entry.question.within.as_ref().is_some_and(|it| it.is_in(step));
            self.entries.iter().any(|entry| entry.is_open() && within(entry))
        };
        self.running.iter().any(|step| !waits(step))
    }

    /// Whether the call may run again from the top.
    pub(crate) fn remembers(&self) -> bool {
        self.memory.is_some()
    }

    /// What a run that starts over must know, with the questions that the client has now; nothing for a
    /// call that never will.
    pub(crate) fn known(&mut self) -> Option<Known<'_>> {
        let memory = self.memory.as_ref()?;
        let is_sent = |entry: &&mut Entry| matches!(entry.state, State::Sent);
        for entry in self.entries.iter_mut().filter(is_sent) {
            entry.key(&mut self.names);
        }
        let open = self.entries.iter().filter(|entry| matches!(entry.state, State::Sent));
        let open = open.filter_map(|entry| Some((entry.named(&self.names)?, entry.question.about()))).collect();
        let kept = self.entries.iter().filter_map(|entry| Some((entry.named(&self.names)?, &**entry.kept.as_ref()?)));
        let answers = memory.answers.iter().map(|(key, answer)| (key, &**answer)).chain(kept);
        let answers = answers.map(|(key, answer)| (key, answer.get())).collect();
        let is_alone = |(_, name): &&(String, String)| self.names.find(name) == Some(&1);
        let given_up = self.given_up.iter().filter(is_alone).map(|(key, _)| key.as_str()).collect();
        let Memory { steps, fruitless, .. } = memory;
        Some(Known { answers, steps, open, untaken: &self.untaken, given_up, fruitless: *fruitless })
    }

    /// The round ends with questions. If this run and the last one were given answers, took none of
    /// them and ask something else, they diverge: then this is what a question that was answered was
    /// about, and one that is asked now.
    pub(crate) fn end_round(&mut self) -> Option<(String, String)> {
        let memory = self.memory.as_mut()?;
        if self.moved || self.untaken.is_empty() {
            memory.fruitless = 0;
            return None;
        }
        memory.fruitless += 1;
        // From here on the future goes on, if it is kept, and its questions are answered in person.
        self.moved = true;
        if memory.fruitless < FRUITLESS {
            return None;
        }
        let asks = self.entries.iter().find(|entry| entry.is_open()).map(|entry| entry.question.about().concat());
        self.untaken.iter().map(|(_, about)| about).min().cloned().zip(asks)
    }

    /// The call is polled, and not for the first time.
    pub(crate) fn polled_again(&mut self) {
        self.waited_for = self.entries.len();
    }

    /// Nobody wants the answer.
    pub(crate) fn abandon(&mut self, id: QuestionId) -> Abandoned {
        let entry = &mut self.entries[id.0];
        let before = std::mem::replace(&mut entry.state, State::Closed);
        let mut abandoned = Abandoned { is_sent: matches!(before, State::Sent), releases: false };
        let was_waited_for = match before {
            // Nothing came of a glance, nor will of the same glance in another run: a client is never asked.
            State::Unsent => id.0 < self.waited_for,
            State::Sent | State::Held => true,
            State::Answered(_) | State::Closed => false,
        };
        if was_waited_for && self.memory.is_some() {
            let (key, name) = (entry.key(&mut self.names).to_owned(), entry.question.name());
            // Of several that are alike, it was this one that an earlier run gave up.
            for other in &mut self.entries {
                if matches!(other.state, State::Held) && other.question.name() == name {
                    other.state = State::Unsent;
                    abandoned.releases = true;
                }
            }
            self.given_up.push((key, name));
        }
        self.entries[id.0].forget();
        abandoned
    }

    /// Nobody wants any answer.
    pub(crate) fn close(&mut self) {
        for entry in &mut self.entries {
            entry.forget();
            entry.state = State::Closed;
            entry.kept = None;
        }
        self.memory = None;
    }

    /// The questions that the client has and did not answer yet.
    pub(crate) fn open_questions(&self) -> SmallVec<[QuestionId; 2]> {
        let open = self.entries.iter().enumerate().filter(|(_, entry)| matches!(entry.state, State::Sent));
        open.map(|(index, _)| QuestionId(index)).collect()
    }

    /// What the client knows a question by.
    pub(crate) fn key(&mut self, id: QuestionId) -> &str {
        self.entries[id.0].key(&mut self.names)
    }

    /// Whether there is something to ask the client.
    pub(crate) fn has_unsent(&self) -> bool {
        self.entries.iter().any(|entry| matches!(entry.state, State::Unsent))
    }

    /// Whether there are questions that an earlier run gave up.
    pub(crate) fn has_held(&self) -> bool {
        self.entries.iter().any(|entry| matches!(entry.state, State::Held))
    }

    /// This run does not give up what an earlier one did: it is asked like everything else.
    pub(crate) fn release_held(&mut self) {
        for entry in &mut self.entries {
            if matches!(entry.state, State::Held) {
                entry.state = State::Unsent;
            }
        }
    }

    /// The questions that the client has not seen; from now on it has.
    pub(crate) fn take_unsent(&mut self) -> SmallVec<[QuestionId; 2]> {
        let mut unsent = SmallVec::new();
        for (index, entry) in self.entries.iter_mut().enumerate() {
            if matches!(entry.state, State::Unsent) {
                entry.state = State::Sent;
                unsent.push(QuestionId(index));
            }
        }
        unsent
    }

    /// What the client was asked and did not answer must be asked again, if it can still be asked.
    /// The places of questions that it cannot.
    pub(crate) fn ask_again(&mut self, round: &super::Round) -> Vec<QuestionId> {
        let mut refused = Vec::new();
        for (index, entry) in self.entries.iter_mut().enumerate() {
            if !matches!(entry.state, State::Sent) {
                continue;
            }
            entry.state = match (entry.question.required)(round.capabilities()) {
                None => State::Unsent,
                Some(required) => {
                    refused.push(QuestionId(index));
                    State::Answered(Err(ErrorObject::missing_capability(&required)))
                }
            };
        }
        refused
    }

    /// Answers all open questions with an error; says how many there were.
    pub(crate) fn fail_open(&mut self, error: &ErrorObject) -> usize {
        let mut open = 0;
        for entry in &mut self.entries {
            if entry.is_open() {
                entry.state = State::Answered(Err(error.clone()));
                open += 1;
            }
        }
        open
    }

    /// Whether something was asked in this run.
    pub(crate) fn has_asked(&self) -> bool {
        !self.entries.is_empty()
    }

    pub(crate) fn question(&self, id: QuestionId) -> &Question {
        &self.entries[id.0].question
    }

    /// A question as `inputRequests` carries it.
    pub(crate) fn input_request(&mut self, id: QuestionId) -> (String, InputRequest) {
        let key = self.key(id).to_owned();
        let question = self.question(id);
        (key, InputRequest { method: question.method, params: question.params.clone() })
    }

    /// About how many bytes it holds.
    pub(crate) fn size(&self) -> usize {
        let texts: usize = self.entries.iter().map(|entry| entry.question.params.get().len()).sum();
        let names = self.names.size(|_| 0);
        let early: usize = self.early.iter().map(|(key, answer)| key.len() + answer.get().len()).sum();
        let kept = self.entries.iter().filter_map(|entry| entry.kept.as_ref());
        let memory = self.memory.as_ref().map_or(0, Memory::size) + kept.map(|kept| kept.get().len()).sum::<usize>();
        texts + names + early + self.entries.capacity() * size_of::<Entry>() + memory
    }
}

impl Entry {
    /// Whether somebody waits for the answer.
    fn is_open(&self) -> bool {
        matches!(self.state, State::Unsent | State::Held | State::Sent)
    }

    /// The key of the question, from its name and how often that was used.
    fn key<'k>(&'k mut self, names: &'k mut Keyed<usize>) -> &'k str {
        if matches!(self.key, Key::Unnamed) {
            let (place, uses) = names.place_of(self.question.name());
            *uses += 1;
            let uses = *uses;
            self.key = numbered(names.key_at(place), uses).map_or(Key::Name(place), Key::Numbered);
        }
        self.named(names).unwrap_or_default()
    }

    /// The key, if the question had to be named.
    fn named<'k>(&'k self, names: &'k Keyed<usize>) -> Option<&'k str> {
        match &self.key {
            Key::Unnamed => None,
            Key::Name(place) => Some(names.key_at(*place)),
            Key::Numbered(key) => Some(key),
        }
    }

    /// The parameters of a question that is over are of no use. Few bytes are not worth the effort.
    fn forget(&mut self) {
        const FEW: usize = 256;
        if self.question.params.get().len() > FEW {
            self.question.params = RawValue::NULL.to_owned();
        }
    }
}

#[cfg(test)]
#[path = "journal/tests.rs"]
mod tests;
