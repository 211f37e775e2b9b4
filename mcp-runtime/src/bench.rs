//! What `benches/micro` measures: functions that servers call, each as they call it. Not part of the API.

#![expect(missing_debug_implementations, reason = "nobody looks at these, they are measured")]

use std::fmt::Display;

use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use crate::codec::{Encoder, Incoming, Keep, List, Lists, Malformed, parse};
use crate::engine::{Ask, Binding, Journal, Opened, Question, Reports, Seal, State, StateKey};
use crate::protocol::{
    CacheScope, CallToolResult, DiscoverResult, ErrorObject, Implementation, ListKind, Listed, Method, ProtocolVersion,
    RequestId, ServerResult,
};
use crate::registry::{Built, EntryCall, Offers, Policy, Registry};
use crate::server::Connection;
use crate::tool::{ArgumentTable, Arguments};
use crate::transport::Line;
use crate::transport::http::sse;
use crate::{ReadyServer, Tools};

/// One message, as it was read.
pub struct Message<'a>(Result<Incoming<'a>, Malformed>);

impl<'a> Message<'a> {
    /// Reads the envelope of a message, and finds the members of its parameters.
    pub fn read(line: &'a [u8]) -> Self {
        Self(parse(line))
    }

    /// Whether it is a request.
    pub fn is_request(&self) -> bool {
        matches!(self.0, Ok(Incoming::Request { .. }))
    }
}

/// A connection without anything that carries its bytes.
pub struct Conversation<'a>(Connection<'a>);

impl<'a> Conversation<'a> {
    /// One of this server.
    pub fn new(server: &'a ReadyServer) -> Self {
        Self(Connection::new(server))
    }

    /// Takes a line, and writes what is answered at once.
    pub fn line(&mut self, line: &[u8], out: &mut Vec<u8>) {
        self.0.line(&Line::Whole(line), out);
    }
}

/// Tools, as a server offers them.
pub struct Offered(Registry);

impl Offered {
    /// Makes the schemas of the tools, and what else calls need to know of them.
    pub fn new(tools: Tools) -> Self {
        Self(Built::new(Offers { tools, ..Offers::default() }, Policy::default()).registry)
    }

    /// The parameters of a tool; `None` for one that is known only at run time.
    pub fn parameters(&self, tool: &str) -> Option<Parameters<'_>> {
        match &self.0.tools.find(tool)?.call {
            EntryCall::Function { table, .. } => Some(Parameters(table)),
            EntryCall::Dynamic { .. } => None,
        }
    }
}

/// The parameters of a tool.
#[derive(Clone, Copy)]
pub struct Parameters<'a>(&'a ArgumentTable);

impl<'a> Parameters<'a> {
    /// Finds the arguments for them.
    pub fn given(self, arguments: &'a RawValue) -> Given<'a> {
        Given(Arguments::new(self.0, Some(arguments.into())))
    }
}

/// The arguments of one call.
pub struct Given<'a>(Arguments<'a>);

impl Given<'_> {
    /// Decodes the next one, as the glue of a tool does.
    pub fn take<T: DeserializeOwned + 'static>(&mut self) -> Option<T> {
        self.0.take()
    }
}

/// A response before it is written.
pub struct Response {
    encoder: Encoder,
    lists: Lists,
    outcome: Result<ServerResult, ErrorObject>,
}

impl Response {
    /// That to a call.
    pub fn of_call(result: CallToolResult) -> Self {
        Self::new(Lists::default(), ServerResult::CallTool(result))
    }

    /// That to `tools/list`. When it is written for the first time, each tool is.
    pub fn of_list(offered: &Offered) -> Self {
        let lists = Lists { tools: List::new(offered.0.tools.described.clone()), ..Lists::default() };
        let listed = Listed { list: ListKind::Tools, places: None, scope: CacheScope::Public, next_cursor: None };
        Self::new(lists, ServerResult::List(listed))
    }

    fn new(lists: Lists, result: ServerResult) -> Self {
        let info =
            Implementation { name: "bench".to_owned(), version: "1.0.0".to_owned(), ..Implementation::default() };
        Self { encoder: Encoder::new(info, DiscoverResult::default(), Keep::default()), lists, outcome: Ok(result) }
    }

    /// Writes it.
    pub fn write(&self, version: ProtocolVersion, out: &mut Vec<u8>) {
        self.encoder.response(out, version, &RequestId::Number(7), &self.outcome, &self.lists);
    }
}

/// A call between two rounds.
pub struct Call {
    seal: Seal,
    journal: Journal,
}

/// What a `requestState` says.
pub struct Resumed(Opened);

impl Call {
    /// One that has asked for all of these, and got this answer each time.
    pub fn new(questions: &[Box<RawValue>], answer: &RawValue) -> Self {
        let mut journal = Journal::keeping();
        for params in questions {
            let id = journal.ask(question(params.clone()));
            journal.answer(id, Ok(answer.to_owned()));
        }
        Self { seal: Self::sealer(), journal }
    }

    fn sealer() -> Seal {
        Seal::new(&[StateKey::from([7; 32])])
    }

    /// Writes its state and seals it.
    pub fn seal(&mut self) -> Option<String> {
        let Self { seal, journal } = self;
        let (state, reports) = (State { call: [7; 16], round: 1, expires: u64::MAX }, Reports::default());
        let known = journal.known();
        seal.seal(&binding().to_bytes(), |out| state.encode(known.as_ref().map(|known| (known, &reports)), out))
    }

    /// Opens a state.
    pub fn open(&self, state: &str) -> Option<Resumed> {
        self.seal.open_state(&binding().to_bytes(), state, 0).map(Resumed)
    }

    /// A run from the top, on what a state remembers.
    pub fn again(resumed: &Resumed) -> Option<Self> {
        let memory = resumed.0.remembered()?.memory;
        Some(Self { seal: Self::sealer(), journal: Journal::again(memory, |_| None) })
    }

    /// Asks, and whether the answer is there.
    pub fn ask(&mut self, params: Box<RawValue>) -> bool {
        let id = self.journal.ask(question(params));
        matches!(self.journal.take_answer(id), Ask::Answered(_))
    }
}

fn question(params: Box<RawValue>) -> Question {
    let method = Method::SamplingCreateMessage.as_str();
    Question { method, params, key: None, within: None, required: |_| None }
}

fn binding() -> Binding<'static> {
    let (method, name) = (Method::ToolsCall.as_str(), "create_product");
    Binding { server: "bench", method, name, arguments: None, principal: None }
}

/// Writes an event that holds a message.
pub fn event(id: Option<&dyn Display>, message: &[u8], out: &mut Vec<u8>) {
    sse::event(out, id, |out| out.extend_from_slice(message));
}
