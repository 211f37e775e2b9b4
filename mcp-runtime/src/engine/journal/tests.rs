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
    assert_eq!(journal.fail_open(&crate::engine::call_ended()), 1);
    assert!(matches!(journal.take_answer(a), Ask::Answered(Ok(_))));
    assert!(matches!(journal.take_answer(b), Ask::Answered(Err(_))));
}
