//! What a call asked and what came back. Pure: no clock, no I/O, no async. It is driven from
//! outside and knows questions by method and parameters, never by what they are about.

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

#[derive(Debug, Default)]
pub(crate) struct Journal {
    entries: Vec<Entry>,
    /// How often each name was used in a key.
    names: HashMap<String, usize>,
    keys: HashSet<String>,
}

#[derive(Debug)]
struct Entry {
    question: Question,
    /// Made when the question first has to be named on the wire.
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

impl Journal {
    pub(crate) fn ask(&mut self, question: Question) -> QuestionId {
        self.entries.push(Entry { question, key: None, state: State::Unsent });
        QuestionId(self.entries.len() - 1)
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
        let entry = &mut self.entries[id.0];
        if matches!(entry.state, State::Sent | State::Unsent) {
            entry.state = State::Answered(answer);
        }
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
        texts + self.entries.capacity() * size_of::<Entry>()
    }

    /// The name of a question: the author's, or method and digest of the canonical parameters;
    /// and its occurrence among those of the same name, from the second one on.
    fn key(&mut self, index: usize) -> &str {
        if self.entries[index].key.is_none() {
            let name = self.entries[index].question.name();
            let uses = self.names.entry(name.clone()).or_default();
            let mut key;
            loop {
                *uses += 1;
                key = if *uses == 1 { name.clone() } else { format!("{name}-{uses}") };
                // An author's key may look like one of ours.
                if self.keys.insert(key.clone()) {
                    break;
                }
            }
            self.entries[index].key = Some(key);
        }
        self.entries[index].key.as_deref().unwrap_or_default()
    }
}

impl Question {
    fn name(&self) -> String {
        match &self.key {
            Some(key) => key.clone(),
            None => format!("{}-{}", self.method.replace('/', "_"), digest::short(&self.params)),
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
mod tests {
    use super::*;

    fn question(params: &str) -> Question {
        let params = RawValue::from_string(params.to_owned()).expect("JSON");
        Question { method: "sampling/createMessage", params, key: None }
    }

    fn answer(text: &str) -> Answered {
        Ok(RawValue::from_string(text.to_owned()).expect("JSON"))
    }

    fn key(journal: &mut Journal, id: QuestionId) -> String {
        journal.input_request(id).0
    }

    #[test]
    fn all_questions_of_a_round_go_out_together_and_once() {
        let mut journal = Journal::default();
        let first = journal.ask(question(r#"{"a":1}"#));
        let second = journal.ask(question(r#"{"a":2}"#));
        assert_eq!(journal.take_unsent(), [first, second]);
        assert!(journal.take_unsent().is_empty());
    }

    #[test]
    fn a_question_is_known_by_what_it_asks_not_by_its_position() {
        let mut one = Journal::default();
        let (a, b) = (one.ask(question(r#"{"x":1,"y":2}"#)), one.ask(question("{}")));
        let mut other = Journal::default();
        let (b2, a2) = (other.ask(question("{}")), other.ask(question(r#"{ "y": 2.0, "x": 1 }"#)));
        assert_eq!(key(&mut one, a), key(&mut other, a2));
        assert_eq!(key(&mut one, b), key(&mut other, b2));
        assert_ne!(key(&mut one, a), key(&mut one, b));
    }

    #[test]
    fn equal_questions_are_told_apart_by_their_occurrence() {
        let mut journal = Journal::default();
        let (first, second) = (journal.ask(question("{}")), journal.ask(question("{}")));
        let named = |name: &str| Question { key: Some(name.to_owned()), ..question("{}") };
        let (third, fourth) = (journal.ask(named("mine")), journal.ask(named("mine")));
        let fifth = journal.ask(named("mine-2"));
        let first = key(&mut journal, first);
        assert_eq!(key(&mut journal, second), format!("{first}-2"));
        assert_eq!(key(&mut journal, third), "mine");
        assert_eq!(key(&mut journal, fourth), "mine-2");
        assert_eq!(key(&mut journal, fifth), "mine-2-2", "an author's key that is taken already");
    }

    #[test]
    fn an_answer_reaches_the_question_of_its_key_only() {
        let mut journal = Journal::default();
        let (a, b) = (journal.ask(question("1")), journal.ask(question("2")));
        journal.take_unsent();
        let open = [(key(&mut journal, a), a), (key(&mut journal, b), b)];
        assert_eq!(journal.open_questions(), open);
        journal.answer(b, answer("true"));
        assert!(matches!(journal.take_answer(a), Ask::Unanswered));
        assert!(matches!(journal.take_answer(b), Ask::Answered(Ok(value)) if value.get() == "true"));
        assert_eq!(journal.open_questions(), open[..1], "an answered question is closed");
    }

    #[test]
    fn missing_answers_are_asked_for_again_and_given_ones_are_not() {
        let mut journal = Journal::default();
        let (a, b) = (journal.ask(question("1")), journal.ask(question("2")));
        journal.take_unsent();
        journal.answer(a, answer("true"));
        journal.ask_again();
        assert_eq!(journal.take_unsent(), [b]);
    }

    #[test]
    fn an_abandoned_question_is_neither_sent_nor_answered() {
        let mut journal = Journal::default();
        let id = journal.ask(question("1"));
        journal.abandon(id);
        assert!(!journal.has_unsent());
        journal.answer(id, answer("true"));
        assert!(matches!(journal.take_answer(id), Ask::Unanswered));
    }

    #[test]
    fn when_the_client_is_gone_open_questions_fail_and_others_stay() {
        let mut journal = Journal::default();
        let (a, b) = (journal.ask(question("1")), journal.ask(question("2")));
        journal.answer(a, answer("true"));
        assert_eq!(journal.fail_open(&super::super::call_ended()), 1);
        assert!(matches!(journal.take_answer(a), Ask::Answered(Ok(_))));
        assert!(matches!(journal.take_answer(b), Ask::Answered(Err(_))));
    }
}
