use super::*;

fn question(params: &str) -> Question {
    let params = RawValue::from_string(params.to_owned()).expect("JSON");
    Question { method: "sampling/createMessage", params, key: None, within: None, required: |_| None }
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
    assert_eq!(*journal.take_unsent(), [first, second]);
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
    assert_eq!(key(&mut journal, fifth), "mine-2-1", "an author's key that looks like one of ours");
}

#[test]
fn an_answer_reaches_the_question_of_its_key_only() {
    let mut journal = Journal::default();
    let (a, b) = (journal.ask(question("1")), journal.ask(question("2")));
    journal.take_unsent();
    assert_eq!(*journal.open_questions(), [a, b]);
    journal.answer(b, answer("true"));
    assert!(matches!(journal.take_answer(a), Ask::Unanswered));
    assert!(matches!(journal.take_answer(b), Ask::Answered(Ok(value)) if value.get() == "true"));
    assert_eq!(*journal.open_questions(), [a], "an answered question is closed");
}

#[test]
fn missing_answers_are_asked_for_again_and_given_ones_are_not() {
    let mut journal = Journal::default();
    let (a, b) = (journal.ask(question("1")), journal.ask(question("2")));
    journal.take_unsent();
    journal.answer(a, answer("true"));
    journal.ask_again(&crate::engine::call::tests::round());
    assert_eq!(*journal.take_unsent(), [b]);
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
    assert_eq!(journal.fail_open(&crate::engine::call::call_ended()), 1);
    assert!(matches!(journal.take_answer(a), Ask::Answered(Ok(_))));
    assert!(matches!(journal.take_answer(b), Ask::Answered(Err(_))));
}

fn named(name: &str) -> Question {
    Question { key: Some(name.to_owned()), ..question("{}") }
}

impl Known<'_> {
    pub(crate) fn to_memory(&self) -> Memory {
        Memory {
            answers: {
                let mut answers = Records::default();
                for (key, answer) in &self.answers {
                    answers.keep((*key).to_owned(), RawValue::from_string((*answer).to_owned()).expect("JSON"));
                }
                answers
            },
            steps: self.steps.clone(),
            open: self.open.iter().map(|(key, about)| ((*key).to_owned(), about.concat())).collect(),
            untaken: self.untaken.to_vec(),
            given_up: self.given_up.iter().map(|key| (*key).to_owned()).collect(),
            fruitless: self.fruitless,
        }
    }
}

impl Memory {
    pub(crate) fn known(&self) -> Known<'_> {
        Known {
            answers: self.answers.iter().map(|(key, answer)| (key, answer.get())).collect(),
            steps: &self.steps,
            open: self.open.iter().map(|(key, about)| (key.as_str(), [about, "", "", "", ""])).collect(),
            untaken: &self.untaken,
            given_up: self.given_up.iter().map(String::as_str).collect(),
            fruitless: self.fruitless,
        }
    }
}

/// Seals a journal and starts over with what it remembers, and these answers.
fn again(journal: &mut Journal, answers: &[&str]) -> Journal {
    let memory = journal.known().expect("it remembers").to_memory();
    Journal::again(memory, |key| answers.contains(&key).then(|| RawValue::TRUE.to_owned()))
}

fn is_answered(journal: &mut Journal, id: QuestionId) -> bool {
    matches!(journal.take_answer(id), Ask::Answered(_))
}

#[test]
fn a_run_that_starts_over_is_given_what_came_before_in_any_order() {
    let mut journal = Journal::keeping();
    let ids = ["a", "b", "c"].map(|name| journal.ask(named(name)));
    journal.take_unsent();
    let mut second = again(&mut journal, &["a", "c", "unknown"]);
    let [c, b, a] = ["c", "b", "a"].map(|name| second.ask(named(name)));
    assert!(is_answered(&mut second, a) && is_answered(&mut second, c) && !is_answered(&mut second, b), "{ids:?}");
    assert_eq!(*second.take_unsent(), [b], "what is missing is asked again");
    assert_eq!(second.end_round(), None);
}

#[test]
fn a_step_that_came_to_nothing_leaves_its_place_to_the_next_try() {
    let mut journal = Journal::keeping();
    let Step::New(first) = journal.begin_step("s") else { panic!("new") };
    assert!(journal.is_in_step());
    journal.end_step(&first, None);
    let Step::New(retried) = journal.begin_step("s") else { panic!("new") };
    assert_eq!(first, retried);
    journal.end_step(&retried, Some(RawValue::TRUE.to_owned()));
    assert!(matches!(journal.begin_step("s"), Step::New(other) if other != first));
    let mut second = again(&mut journal, &[]);
    assert!(matches!(second.begin_step("s"), Step::Done(_)), "the first try of the next run is the one that worked");
}

#[test]
fn a_step_and_a_question_of_one_name_are_two_things() {
    let mut journal = Journal::keeping();
    let Step::New(step) = journal.begin_step("x") else { panic!("new") };
    journal.end_step(&step, Some(RawValue::NULL.to_owned()));
    let asked = journal.ask(named("x"));
    journal.take_unsent();
    let mut second = again(&mut journal, &["x"]);
    let asked_again = second.ask(named("x"));
    let answer = second.take_answer(asked_again);
    assert!(matches!(&answer, Ask::Answered(Ok(value)) if value.get() == "true"), "{asked:?} {answer:?}");
}

#[test]
fn what_is_asked_in_a_step_does_not_count_outside_of_it() {
    let mut journal = Journal::keeping();
    let Step::New(step) = journal.begin_step("s") else { panic!("new") };
    let inside = journal.ask(Question { within: Some(step.clone()), ..named("q") });
    assert!(!journal.is_in_step(), "the step waits for the client");
    journal.take_unsent();
    journal.answer(inside, answer("true"));
    assert!(journal.is_in_step(), "it goes on");
    journal.end_step(&step, Some(RawValue::TRUE.to_owned()));
    let outside = journal.ask(named("q"));
    assert_eq!([key(&mut journal, inside), key(&mut journal, outside)], ["s/q", "q"]);
}

#[test]
fn what_was_given_up_is_held_back_also_after_a_round() {
    let mut journal = Journal::keeping();
    let given_up = journal.ask(named("a"));
    journal.polled_again();
    journal.abandon(given_up);
    let mut second = again(&mut journal, &[]);
    second.ask(named("b"));
    second.take_unsent();
    assert_eq!(second.end_round(), None);
    assert!(second.known().is_some_and(|known| known.given_up.is_empty()));
    second.ask(named("a"));
    assert!(second.has_held() && !second.has_unsent());
}

#[test]
fn a_question_that_was_given_up_is_held_back_until_it_is_released() {
    let mut journal = Journal::keeping();
    let given_up = journal.ask(named("a"));
    journal.take_unsent();
    journal.abandon(given_up);
    let other = journal.ask(named("b"));
    journal.take_unsent();
    let mut second = again(&mut journal, &["b"]);
    second.ask(named("a"));
    assert!(!second.has_unsent() && second.has_held(), "{other:?}");
    second.release_held();
    assert!(second.has_unsent());
}

/// Which of two that are alike an earlier run gave up, their places do not say.
#[test]
fn of_two_alike_the_one_that_is_not_given_up_again_is_asked() {
    let mut journal = Journal::keeping();
    let given_up = journal.ask(named("a"));
    journal.take_unsent();
    journal.abandon(given_up);
    let mut second = again(&mut journal, &[]);
    let (meant, given_up) = (second.ask(named("a")), second.ask(named("a")));
    assert_eq!(*second.take_unsent(), [given_up], "one of the two is held back");
    second.abandon(given_up);
    assert!(!second.has_held(), "that was it");
    assert_eq!(*second.take_unsent(), [meant]);
}

#[test]
fn what_nobody_has_waited_for_is_not_given_up() {
    let mut journal = Journal::keeping();
    let glanced_at = journal.ask(named("a"));
    journal.abandon(glanced_at);
    let mut second = again(&mut journal, &[]);
    let meant = second.ask(named("a"));
    assert_eq!(*second.take_unsent(), [meant], "its first glance came to nothing, and so will the next one");
    let mut journal = Journal::keeping();
    let waited_for = journal.ask(named("a"));
    journal.polled_again();
    journal.abandon(waited_for);
    let mut second = again(&mut journal, &[]);
    second.ask(named("a"));
    assert!(second.has_held());
}

#[test]
fn two_fruitless_rounds_in_a_row_are_a_divergence_and_one_is_not() {
    let mut journal = Journal::keeping();
    journal.ask(named("a"));
    journal.take_unsent();
    let mut second = again(&mut journal, &["a"]);
    second.ask(named("b"));
    assert_eq!(second.end_round(), None, "it may be chance");
    second.take_unsent();
    let mut by_chance = again(&mut second, &["b"]);
    let (b, a, c) = (by_chance.ask(named("b")), by_chance.ask(named("a")), by_chance.ask(named("c")));
    assert!(is_answered(&mut by_chance, a) && is_answered(&mut by_chance, b), "nothing was lost, {c:?}");
    assert_eq!(by_chance.end_round(), None);
    let mut diverging = again(&mut second, &["b"]);
    diverging.ask(named("c"));
    let (answered, asks) = diverging.end_round().expect("it diverges");
    assert!(answered.starts_with("`sampling/createMessage`") && asks.starts_with("`sampling/createMessage`"));
}

#[test]
fn a_client_that_can_no_longer_be_asked_is_not_asked_again() {
    let mut journal = Journal::default();
    let required: Required = |capabilities| capabilities.roots.is_none().then(Default::default);
    let (a, b) = (journal.ask(Question { required, ..named("a") }), journal.ask(named("b")));
    journal.take_unsent();
    assert_eq!(journal.ask_again(&crate::engine::call::tests::round()), [a]);
    assert!(matches!(journal.take_answer(a), Ask::Answered(Err(_))));
    assert_eq!(*journal.take_unsent(), [b]);
}

#[test]
fn a_question_is_told_by_what_it_says() {
    let long = "é".repeat(40);
    for (params, about) in [
        (r#"{"messages":[{"content":{"type":"text","text":"Describe a lamp"}}]}"#.to_owned(), "Describe a lamp"),
        (r#"{"message":"Sure?","mode":"form"}"#.to_owned(), "Sure?"),
        (r#"{"message":"Say \"yes\""}"#.to_owned(), "Say …"),
        (format!(r#"{{"message":"{long}"}}"#), &format!("{}…", "é".repeat(30))),
        (r#"{"message":""}"#.to_owned(), r#"{"message":""}"#),
        ("{}".to_owned(), "{}"),
    ] {
        let question = question(&params);
        assert_eq!(question.about().concat(), format!("`{}` {about}", question.method));
    }
}
