//! Whether a tool may run again: the same call on every carrier, and what differs.

use std::fmt::Write as _;

use serde::Serialize;
use serde_json::{Value, json};

use super::compare::{Difference, differences, without};
use super::trial::{Named, in_full};
use super::{Carrier, Trial};
use crate::error::Error;
use crate::protocol::{CallToolResult, ErrorCode, Method};

/// How often the call is made on the first carrier to find out what differs by itself.
const COMPARED: usize = 4;

impl<W: Send + Sync + 'static> Trial<W> {
    /// Makes sure that a tool does the same thing whether its code runs once or again from the top
    /// in each round: calls it on every [`Carrier`], each time in a new world, and compares
    ///
    /// - what its caller gets,
    /// - what `observe` sees of the world before the call and after it, as JSON,
    /// - how often the client is asked, and for what.
    ///
    /// Text and numbers that already differ from one call to the next where code runs once, such as
    /// new ids and times, are left out of that.
    ///
    /// It finds what this call shows. An effect after the last question is done once on all carriers
    /// and can still be done twice, by a server that dies before its reply is out;
    /// [`Context::idempotency_key`](crate::Context::idempotency_key) is for that.
    ///
    /// # Panics
    ///
    /// When there is a difference; the message says which, on which carrier, and how to mend it.
    /// When the tool asks its client nothing, since it then never runs again and nothing would be
    /// checked. When worlds are not new in each run, when the server does not fit together, and when
    /// `arguments` or what is observed cannot be written as JSON.
    ///
    /// ```should_panic
    /// # use std::sync::atomic::{AtomicU32, Ordering};
    /// # use mcp_runtime::prelude::*;
    /// # use mcp_runtime::testing::Trial;
    /// /// Book a seat, without a step.
    /// #[tool]
    /// async fn book(ctx: Context, booked: State<AtomicU32>) -> Result<u32> {
    ///     let seat = booked.fetch_add(1, Ordering::SeqCst) + 1;
    ///     ctx.sample("A kind sentence for our guest").await?;
    ///     Ok(seat)
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// Trial::new(AtomicU32::default, |booked| Server::new("s").state(booked).tools(tools![book]))
    ///     .model_says("Welcome!")
    ///     .assert_replay_safe("book", (), async |booked| booked.load(Ordering::SeqCst))
    ///     .await;
    /// # }
    /// ```
    pub async fn assert_replay_safe<O: Serialize>(
        &self,
        tool: &str,
        arguments: impl Serialize,
        observe: impl AsyncFn(&W) -> O,
    ) {
        let arguments = match serde_json::to_value(arguments) {
            Ok(arguments) => arguments,
            Err(error) => panic!("the arguments of `{tool}` cannot be written as JSON: {error}"),
        };
        let mut once = Vec::new();
        let mut others = Vec::new();
        for (place, carrier) in Carrier::ALL.iter().enumerate() {
            let seen = self.call_once(*carrier, tool, &arguments, &observe).await;
            if place == 0 { once.push(seen) } else { others.push(seen) }
        }
        assert!(
            !once[0].asked.is_empty(),
            "`{tool}` asked its client nothing, so that it never runs again and nothing was checked: are its arguments \
             right, and has the trial the `.model(..)`, `.user(..)` and `.roots(..)` that it needs? {}",
            once[0].outcome.text()
        );
        if others.iter().any(|seen| !seen.agrees_with(&once, tool)) {
            for _ in 1..COMPARED {
                once.push(self.call_once(Carrier::ALL[0], tool, &arguments, &observe).await);
            }
        }
        check_worlds(&once, &others);
        let findings: Vec<_> = others.iter().flat_map(|seen| seen.findings(&once, tool)).collect();
        if !findings.is_empty() {
            panic!("{}", message(tool, &findings));
        }
    }

    async fn call_once<O: Serialize>(
        &self,
        carrier: Carrier,
        tool: &str,
        arguments: &Value,
        observe: &impl AsyncFn(&W) -> O,
    ) -> Seen {
        let run = self.begin(carrier).await;
        let _named = Named(carrier);
        let before = observed(observe(&run.world).await);
        let result = run.client.call_tool(tool, arguments).await;
        let (world, asked) = (run.world.clone(), run.asked.clone());
        run.end().await;
        let after = observed(observe(&world).await);
        Seen { carrier, before, after, outcome: Outcome::new(tool, result), asked: asked.sorted() }
    }
}

fn observed(seen: impl Serialize) -> Value {
    match serde_json::to_value(seen) {
        Ok(seen) => seen,
        Err(error) => panic!("what was observed of the world cannot be written as JSON: {error}"),
    }
}

/// What one call showed.
struct Seen {
    carrier: Carrier,
    before: Value,
    after: Value,
    outcome: Outcome,
    asked: Vec<(Method, String)>,
}

/// What the caller got.
enum Outcome {
    Result(Value),
    /// The request was answered with an error.
    Refused(String),
}

impl Outcome {
    fn new(tool: &str, result: Result<CallToolResult, Error>) -> Self {
        match result {
            Ok(result) => Self::Result(json!(result)),
            Err(error) => {
                let missing = |error: &Error| {
                    error.peer_error().is_some_and(|it| it.code == ErrorCode::MissingRequiredClientCapability)
                };
                assert!(
                    !missing(&error),
                    "`{tool}` asks for something that the client of this trial has not; give it `.model(..)`, \
                     `.user(..)` or `.roots(..)`: {}",
                    in_full(&error)
                );
                Self::Refused(in_full(&error))
            }
        }
    }

    /// As a sentence.
    fn text(&self) -> String {
        match self {
            Self::Result(result) => format!("its result: {}", short(Some(result))),
            Self::Refused(error) => format!("it ended with the error: {error}"),
        }
    }

    /// The results of both, without what the eras do not have in common: structured content that
    /// is no object is only in the modern one.
    fn results<'a>(&'a self, other: &'a Self) -> Option<(Value, Value)> {
        const STRUCTURED: &str = "structuredContent";
        let (Self::Result(one), Self::Result(other)) = (self, other) else { return None };
        let (mut one, mut other) = (one.clone(), other.clone());
        if one.get(STRUCTURED).is_none() || other.get(STRUCTURED).is_none() {
            for result in [&mut one, &mut other] {
                result.as_object_mut().and_then(|it| it.remove(STRUCTURED));
            }
        }
        Some((one, other))
    }

    /// Where the results differ; nothing unless both have one.
    fn differences(&self, other: &Self) -> Vec<Difference> {
        self.results(other).map(|(one, other)| differences(&one, &other)).unwrap_or_default()
    }
}

/// A difference that does not come by itself.
struct Finding {
    carrier: Carrier,
    what: What,
    details: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum What {
    /// The call ended with an error that says itself what to do.
    Error,
    Gone,
    World,
    Result,
    Questions,
}

impl Seen {
    fn agrees_with(&self, once: &[Self], tool: &str) -> bool {
        self.findings(once, tool).is_empty()
    }

    /// What differs from the runs where the code ran once, beyond what differs among those.
    fn findings(&self, once: &[Self], tool: &str) -> Vec<Finding> {
        let mut findings = Vec::new();
        let mut found = |what, details: String| findings.push(Finding { carrier: self.carrier, what, details });
        let Some((first, more)) = once.split_first() else { return findings };
        match (&first.outcome, &self.outcome) {
            (Outcome::Result(_), Outcome::Refused(error)) => {
                let gone = error.contains(&format!("the call of `{tool}` is gone"));
                found(if gone { What::Gone } else { What::Error }, error.clone());
            }
            (Outcome::Refused(error), Outcome::Result(_)) => {
                found(What::Result, format!("a result, where it ended with the error: {error}"));
            }
            _ => {}
        }
        let volatile: Vec<_> = more.iter().flat_map(|it| first.outcome.differences(&it.outcome)).collect();
        let result = without(first.outcome.differences(&self.outcome), &volatile);
        if !result.is_empty() {
            found(What::Result, list(&result));
        }
        // A call that ended too early left behind less; that follows.
        let failed = matches!((&first.outcome, &self.outcome), (Outcome::Result(_), Outcome::Refused(_)));
        let volatile: Vec<_> = more.iter().flat_map(|it| differences(&first.after, &it.after)).collect();
        let world = without(differences(&first.after, &self.after), &volatile);
        if !failed && !world.is_empty() {
            found(What::World, list(&world));
        }
        if !failed && once.iter().all(|it| methods(&it.asked) != methods(&self.asked)) {
            found(What::Questions, compare_questions(&first.asked, &self.asked));
        }
        findings
    }
}

/// How often the client was asked for what; what questions say may be new each time.
fn methods(asked: &[(Method, String)]) -> Vec<Method> {
    asked.iter().map(|(method, _)| *method).collect()
}

fn compare_questions(once: &[(Method, String)], again: &[(Method, String)]) -> String {
    let mut text = format!("{} instead of {}; those that are not among the others:", again.len(), once.len());
    let mut rest = once.to_vec();
    for question in again {
        match rest.iter().position(|it| it == question) {
            Some(place) => _ = rest.swap_remove(place),
            None => _ = write!(text, "\n`{}` {}", question.0.as_str(), cut(&question.1)),
        }
    }
    text
}

/// A world that is not new in a run carries over what the runs before have done to it, and would
/// be taken for one that differs by itself.
fn check_worlds(once: &[Seen], others: &[Seen]) {
    let Some((first, rest)) = once.split_first() else { return };
    for seen in rest.iter().chain(others) {
        let mut differences = differences(&first.before, &seen.before);
        differences.retain(|it| !it.is_of_text());
        assert!(
            differences.is_empty(),
            "the world of a run was not new: before the call it was observed to differ from that of another run\n    {}\n\
             the first function given to `Trial::new` must make a new one each time, with a database of its own, for \
             example",
            list(&differences).replace('\n', "\n    ")
        );
    }
}

fn list(differences: &[Difference]) -> String {
    let mut lines: Vec<String> = differences
        .iter()
        .map(|Difference { path, one, other, .. }| {
            let place = if path.is_empty() { String::new() } else { format!("at `{path}`: ") };
            format!("{place}{} instead of {}", short(other.as_ref()), short(one.as_ref()))
        })
        .collect();
    lines.dedup();
    lines.join("\n")
}

fn short(value: Option<&Value>) -> String {
    value.map_or_else(|| "nothing".to_owned(), |value| cut(&value.to_string()))
}

fn cut(text: &str) -> String {
    const LONGEST: usize = 300;
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

fn message(tool: &str, findings: &[Finding]) -> String {
    let mut text = format!("`{tool}` does something else when its code runs again than on `{}`\n", Carrier::ALL[0]);
    for Finding { carrier, what, details } in findings {
        let what = match what {
            What::Error | What::Gone => "it ended with an error",
            What::World => "what it left in the world",
            What::Result => "its result",
            What::Questions => "what its client was asked",
        };
        _ = write!(text, "\non `{carrier}`, {what}:\n    {}\n", details.replace('\n', "\n    "));
    }
    for (of, cure) in CURES {
        if findings.iter().any(|finding| finding.what == *of) {
            _ = write!(text, "\n{cure}\n");
        }
    }
    text
}

const CURES: &[(What, &str)] = &[
    (
        What::World,
        "An effect before a question is done again each time the function runs again. Put it into \
         `ctx.step(\"..\", ..)`, which is done once for each call; or do it after the last question; or leave it to \
         `ctx.on_complete(..)`. A system outside that does it can be given `ctx.idempotency_key()`, and then knows \
         the call when it comes again.",
    ),
    (
        What::Result,
        "What differs from one run to the next (time, randomness, what is read elsewhere) belongs into \
         `ctx.step(\"..\", ..)`; `ctx.now()` and `ctx.uuid()` are such steps already.",
    ),
    (
        What::Questions,
        "A question is known by what it says, and is asked again if it says something else when the function runs \
         again. Put what differs from one run to the next into `ctx.step(\"..\", ..)`, or name the question, \
         `.key(\"..\")`.",
    ),
    (
        What::Gone,
        "A tool that is `#[tool(resume = \"parked\")]` never runs again, so that there is nothing to make sure of; try \
         it with `Trial::on(Carrier::Parked, ..)`.",
    ),
];
