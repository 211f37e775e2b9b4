//! What can complete an argument.
#![deny(warnings, missing_docs, missing_debug_implementations, unreachable_pub)]
#![forbid(unsafe_code)]

use std::collections::{BTreeSet, HashSet, VecDeque};
use std::sync::Arc;

use mcp_runtime::prelude::*;
use mcp_runtime::protocol::Completion;
use mcp_runtime::{Completing, DynPrompt, IntoCompletion, Resource};

const LISTED: [&str; 2] = ["a", "b"];
static SHARED: &[&str] = &["a", "b"];

fn array(_asked: &Completing) -> [&'static str; 2] {
    LISTED
}

fn slice(_asked: &Completing) -> &'static [&'static str] {
    SHARED
}

fn sets(_asked: &Completing) -> Option<HashSet<String>> {
    None
}

fn ordered(_asked: &Completing) -> std::io::Result<BTreeSet<u8>> {
    Ok(BTreeSet::new())
}

fn iterator(asked: &Completing) -> impl Iterator<Item = String> + use<> {
    let typed = asked.typed().to_owned();
    (0..3).map(move |number| format!("{typed}{number}"))
}

fn ranked(_asked: &Completing) -> Result<Option<Completion>> {
    Ok(Some(Completion::new(["b", "a"]).total(2)))
}

struct Own;

impl IntoCompletion<()> for Own {
    fn into_completion(self, typed: &str) -> Result<Completion> {
        Ok(Completion::new([typed]))
    }
}

fn own(_asked: &Completing) -> Option<Own> {
    Some(Own)
}

async fn awaits(_asked: Completing) -> VecDeque<u64> {
    VecDeque::new()
}

async fn lends(asked: &Completing) -> Result<Vec<String>> {
    Ok(vec![asked.typed().to_owned()])
}

async fn given(
    asked: Completing,
    number: State<u8>,
    text: Option<Extension<String>>,
    _again: State<u16>,
) -> Vec<String> {
    vec![format!("{} {} {:?}", asked.name(), number.0, text.is_some())]
}

async fn lends_and_is_given(asked: &Completing, State(number): State<u8>) -> Vec<String> {
    vec![format!("{} {number}", asked.name())]
}

/// Everything that can be said of it.
#[prompt]
fn all(
    #[arg(complete = array)] a: &str,
    #[arg(complete = slice, default = "a")] b: String,
    #[arg(complete = sets)] c: Option<&str>,
    #[arg(complete = ordered, range = 1..)] d: u8,
    #[arg(complete = iterator)] e: String,
    #[arg(complete = ranked)] f: &str,
    #[arg(complete = awaits)] g: u64,
    #[arg(complete = lends)] h: &str,
    #[arg(complete = given)] i: &str,
    #[arg(complete = lends_and_is_given)] j: &str,
    #[arg(complete = LISTED)] k: &str,
    #[arg(complete = SHARED)] l: &str,
    #[arg(complete = ["x", "y"])] m: &str,
    #[arg(complete = vec![1, 2])] n: u8,
    #[arg(complete = |_: &Completing| ["x"])] o: &str,
    #[arg(complete = async |_: Completing| ["x"])] p: &str,
    #[arg(complete = inside::elsewhere, name = "quer")] q: &str,
    #[arg(complete = own)] r: &str,
) -> String {
    format!("{a}{b}{c:?}{d}{e}{f}{g}{h}{i}{j}{k}{l}{m}{n}{o}{p}{q}{r}")
}

mod inside {
    use mcp_runtime::Completing;

    pub(crate) fn elsewhere(_asked: &Completing) -> Vec<&'static str> {
        Vec::new()
    }
}

trait Store: Send + Sync + 'static {
    fn names(&self) -> Vec<String>;
}

struct Shelf<S> {
    store: S,
}

#[tool]
impl<S: Store> Shelf<S> {
    fn plain(&self, _asked: &Completing) -> Vec<String> {
        self.store.names()
    }

    fn given(&self, _asked: &Completing, _number: State<u8>) -> Vec<String> {
        self.store.names()
    }

    async fn awaits(&self, asked: Completing, _number: State<u8>) -> Result<Vec<String>> {
        std::future::ready(()).await;
        Ok(self.store.names().into_iter().filter(|name| name != asked.typed()).collect())
    }

    fn without_a_value(_asked: &Completing) -> [u8; 1] {
        [1]
    }

    /// A prompt.
    #[prompt]
    fn prompt(
        &self,
        #[arg(complete = Self::plain)] a: &str,
        #[arg(complete = Self::given)] b: &str,
        #[arg(complete = Shelf::<S>::awaits)] c: &str,
        #[arg(complete = Self::without_a_value)] d: u8,
        #[arg(complete = array)] e: &str,
        #[arg(complete = |shelf: &Self, _: &Completing| shelf.store.names())] f: &str,
        #[arg(complete = lends)] g: &str,
    ) -> String {
        format!("{a}{b}{c}{d}{e}{f}{g}")
    }

    /// A resource, of no value.
    #[resource("shelf://{name}")]
    fn resource(#[arg(complete = Self::plain)] name: &str) -> String {
        name.to_owned()
    }
}

struct Names;

impl Store for Names {
    fn names(&self) -> Vec<String> {
        Vec::new()
    }
}

fn main() {
    let dynamic = DynPrompt::new("p", async |_, _| "x").argument("a", "A.").complete("a", given);
    let resource = Resource::new("a:{b}", async |_, _| "x").complete("b", |_: &Completing| LISTED);
    let shelf = Arc::new(Shelf { store: Names });
    let _ = Server::new("s")
        .state(1_u8)
        .state(1_u16)
        .prompts(prompts![all])
        .prompts(dynamic)
        .prompts(shelf.clone().prompts())
        .resources(shelf.resources())
        .resources(resource);
}
