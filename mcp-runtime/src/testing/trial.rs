use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::Serialize;
use serde_json::{Value, json};
use tokio::io::DuplexStream;
use tokio::task::JoinHandle;

use super::replica::{Fresh, Router, Serve, Serving, in_lines};
use super::{Answer, Carrier};
use crate::client::{Client, ClientBuilder};
use crate::error::Error;
use crate::protocol::{
    CreateMessageRequestParams, CreateMessageResult, ElicitRequestParams, ElicitResult, ListRootsResult, Method, Root,
};
use crate::server::{ReadyServer, Server};

/// A server under test, with the client that tries it: a scripted model, a scripted user, roots.
///
/// What it has no script for, its client declares that it does not have. See the [module](super)
/// for the whole story.
///
/// ```
/// use mcp_runtime::prelude::*;
/// use mcp_runtime::testing::Trial;
///
/// /// Let the model greet.
/// #[tool]
/// async fn greet(name: String, ctx: Context) -> Result<String> {
///     Ok(ctx.sample(format!("Greet {name}")).await?.text()?.to_owned())
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let trial = Trial::new(|| (), |_| Server::new("greeter").tools(tools![greet])).model_says("Hello, Ada!");
/// let greeting: String = trial
///     .on_every_carrier(async |client, ()| client.call("greet", [("name", "Ada")]).await.expect("a greeting"))
///     .await;
/// assert_eq!(greeting, "Hello, Ada!");
/// # }
/// ```
#[must_use = "a trial does nothing until it is run"]
pub struct Trial<W> {
    world: Box<dyn Fn() -> W + Send + Sync>,
    server: Arc<ServerOf<W>>,
    serve: Serve,
    model: Option<Script<CreateMessageRequestParams, CreateMessageResult>>,
    user: Option<Script<ElicitRequestParams, ElicitResult>>,
    roots: Option<Vec<Root>>,
    client: Box<dyn Fn(ClientBuilder) -> ClientBuilder + Send + Sync>,
}

/// Makes a server in a world.
type ServerOf<W> = dyn Fn(Arc<W>) -> Server + Send + Sync;

/// Answers questions.
type Script<P, R> = Arc<dyn Fn(P) -> R + Send + Sync>;

impl<W: Send + Sync + 'static> Trial<W> {
    /// A trial of the servers that `server` makes.
    ///
    /// `world` makes what outlives a server: the database, the queue, the files that tools change.
    /// Each run gets a new one, so that runs do not see each other. `server` may be called any
    /// number of times in a run, for servers that all stand in the one world; usually it gives that
    /// to [`Server::state`]. What it makes itself is gone with each server, as what a process holds
    /// in memory is.
    ///
    /// Tools that change nothing need no world: `Trial::new(|| (), |_| Server::new(..))`.
    pub fn new(
        world: impl Fn() -> W + Send + Sync + 'static,
        server: impl Fn(Arc<W>) -> Server + Send + Sync + 'static,
    ) -> Self {
        Self {
            world: Box::new(world),
            server: Arc::new(server),
            serve: in_lines(),
            model: None,
            user: None,
            roots: None,
            client: Box::new(|builder| builder),
        }
    }

    /// Answers for the client's model, with text or a [`CreateMessageResult`]. The client then also
    /// declares that its model can be given tools.
    ///
    /// The answer should depend on what is asked alone: how often the model is asked, and in which
    /// order, may differ from one carrier to another.
    ///
    /// ```
    /// # use mcp_runtime::prelude::*;
    /// # use mcp_runtime::testing::Trial;
    /// # let trial = Trial::new(|| (), |_| Server::new("s"));
    /// let trial = trial.model(|request| match request.joined_text() {
    ///     text if text.contains("translate") => "Guten Tag",
    ///     _ => "I do not know",
    /// });
    /// ```
    pub fn model<A: Answer<CreateMessageResult>>(
        mut self,
        script: impl Fn(CreateMessageRequestParams) -> A + Send + Sync + 'static,
    ) -> Self {
        self.model = Some(Arc::new(move |request| script(request).into_answer()));
        self
    }

    /// The client's model says this, whatever it is asked.
    pub fn model_says(self, text: impl Into<String>) -> Self {
        let text = text.into();
        self.model(move |_| text.clone())
    }

    /// Answers for the client's user, with the fields of the form as a JSON object, or with an
    /// [`ElicitResult`]. Forms and pages both come here; of the answer to a page only the action
    /// counts.
    ///
    /// The answer should depend on what is asked alone, as that of a [model](Self::model).
    ///
    /// ```
    /// # use mcp_runtime::prelude::*;
    /// # use mcp_runtime::testing::Trial;
    /// # use mcp_runtime::protocol::ElicitResult;
    /// # let trial = Trial::new(|| (), |_| Server::new("s"));
    /// let trial = trial.user(|question| match question.is_form() {
    ///     // Everything as the form suggests it.
    ///     true => ElicitResult::accept(question.defaults()),
    ///     false => ElicitResult::decline(),
    /// });
    /// ```
    pub fn user<A: Answer<ElicitResult>>(
        mut self,
        script: impl Fn(ElicitRequestParams) -> A + Send + Sync + 'static,
    ) -> Self {
        self.user = Some(Arc::new(move |question| {
            let is_url = question.is_url();
            let mut answer = script(question).into_answer();
            if is_url {
                answer.content = None;
            }
            answer
        }));
        self
    }

    /// The client's user fills in these fields and accepts, whatever the form; and opens pages.
    ///
    /// The fields are `json!({..})`, or a value of the type that the form is made of.
    ///
    /// # Panics
    ///
    /// When `fields` are not written as a JSON object.
    pub fn user_says(self, fields: impl Serialize) -> Self {
        match serde_json::to_value(fields) {
            Ok(Value::Object(fields)) => self.user(move |_| fields.clone()),
            other => panic!("the fields of a form are a JSON object; what the user is to say is {other:?}"),
        }
    }

    /// The client's user says no, whatever they are asked.
    pub fn user_declines(self) -> Self {
        self.user(|_| ElicitResult::decline())
    }

    /// The client has these roots.
    pub fn roots(mut self, roots: impl IntoIterator<Item = Root>) -> Self {
        self.roots = Some(roots.into_iter().collect());
        self
    }

    /// Changes the client before it connects: who it is, what it hears ([`ClientBuilder::on_log`]),
    /// how long it waits. Its era and what this trial has scripts for are set after that.
    pub fn client(mut self, change: impl Fn(ClientBuilder) -> ClientBuilder + Send + Sync + 'static) -> Self {
        self.client = Box::new(change);
        self
    }

    /// Says how the servers are served: each is given one connection, whose messages are one a line. By default
    /// nothing is known of it; where layers in front of a server find out who calls, a trial can do so too. What
    /// it returns is dropped when the server is killed.
    ///
    /// ```
    /// # use mcp_runtime::prelude::*;
    /// # use mcp_runtime::testing::Trial;
    /// # use mcp_runtime::{Extensions, Principal};
    /// # let trial = Trial::new(|| (), |_| Server::new("s"));
    /// let trial = trial.serve_with(|server, stream| async move {
    ///     let ada = Extensions::new().with(Principal::new("ada"));
    ///     server.serve_with(stream, ada).await.expect("it serves");
    /// });
    /// ```
    pub fn serve_with<F>(mut self, serve: impl Fn(ReadyServer, DuplexStream) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.serve = Arc::new(move |server, stream| Box::pin(serve(server, stream)));
        self
    }

    /// Runs a test on every [`Carrier`], each time in a new world, and gives back what came of it,
    /// which must be the same on all.
    ///
    /// What differs by its nature (an id, a time) the test leaves out of its result. To find out
    /// whether a tool may run again, [`Trial::assert_replay_safe`] says more in fewer words.
    ///
    /// # Panics
    ///
    /// When the test panics, whose carrier is then named on standard error; when what came of it is
    /// not the same everywhere; when the server does not fit together.
    pub async fn on_every_carrier<T: PartialEq + fmt::Debug>(&self, test: impl AsyncFn(&Client, &W) -> T) -> T {
        let mut results: Vec<(T, Vec<String>)> = Vec::new();
        for carrier in Carrier::ALL {
            let result = self.on(*carrier, &test).await;
            match results.iter_mut().find(|(known, _)| *known == result) {
                Some((_, carriers)) => carriers.push(format!("`{carrier}`")),
                None => results.push((result, vec![format!("`{carrier}`")])),
            }
        }
        if results.len() > 1 {
            let results: Vec<_> =
                results.iter().map(|(it, carriers)| format!("on {}: {it:#?}\n", carriers.join(", "))).collect();
            panic!(
                "the carriers do not agree on what comes of this test\n\n{}\n\
                 A function that asks its client may run again from the top when the answers come, and does on \
                 `replayed` and `moved`; what has an effect, or differs from one run to the next, belongs into \
                 `ctx.step(\"..\", ..)`. `Trial::assert_replay_safe` says what it is, tool by tool. A tool that is \
                 `#[tool(resume = \"parked\")]` cannot go on there; test it with `Trial::on`.",
                results.concat()
            );
        }
        results.swap_remove(0).0
    }

    /// Runs a test on one [`Carrier`], in a new world.
    ///
    /// # Panics
    ///
    /// When the test panics; when the server does not fit together.
    pub async fn on<T>(&self, carrier: Carrier, test: impl AsyncFn(&Client, &W) -> T) -> T {
        let run = self.begin(carrier).await;
        let _named = Named(carrier);
        let result = test(&run.client, &run.world).await;
        run.end().await;
        result
    }

    /// Makes a world, a server in it and a client of that.
    pub(super) async fn begin(&self, carrier: Carrier) -> Run<W> {
        let _named = Named(carrier);
        let world = Arc::new((self.world)());
        let fresh: Fresh = {
            let (server, world) = (self.server.clone(), world.clone());
            // One key for all of them; and nobody waits for a task longer than it takes.
            let often = Duration::from_millis(10);
            let server = move || server(world.clone()).state_key([0x5e; 32]).task_poll_interval(often);
            Fresh { server: Arc::new(server), serve: self.serve.clone() }
        };
        let (behind, stream) = match Behind::start(carrier, fresh) {
            Ok(started) => started,
            Err(error) => panic!("the server of this trial does not fit together:\n{}", in_full(&error)),
        };
        let asked = Asked::default();
        let builder = (self.client)(Client::over(stream)).era(carrier.era());
        let builder = if carrier.has_tasks() { builder.tasks() } else { builder };
        let client = match self.script(builder, &asked).connect().await {
            Ok(client) => client,
            Err(error) => panic!("the client of this trial cannot connect: {}", in_full(&error)),
        };
        Run { world, client, behind, asked }
    }

    fn script(&self, mut builder: ClientBuilder, asked: &Asked) -> ClientBuilder {
        if let Some(model) = &self.model {
            let (model, asked) = (model.clone(), asked.clone());
            let answer = move |request| {
                asked.add(Method::SamplingCreateMessage, &request);
                std::future::ready(Ok(model(request)))
            };
            builder = builder.on_sampling(answer).sampling_tools();
        }
        if let Some(user) = &self.user {
            let (user, asked) = (user.clone(), asked.clone());
            let answer = move |question| {
                asked.add(Method::ElicitationCreate, &question);
                std::future::ready(Ok(user(question)))
            };
            builder = builder.on_elicitation(answer.clone()).on_elicitation_url(answer);
        }
        if let Some(roots) = &self.roots {
            let (roots, asked) = (roots.clone(), asked.clone());
            builder = builder.on_roots(move |()| {
                asked.add(Method::RootsList, &json!({}));
                std::future::ready(Ok(ListRootsResult::new(roots.clone())))
            });
        }
        builder
    }
}

impl<W> fmt::Debug for Trial<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trial")
            .field("model", &self.model.is_some())
            .field("user", &self.user.is_some())
            .field("roots", &self.roots)
            .finish_non_exhaustive()
    }
}

/// One run: a world, the servers in it, and their client.
pub(super) struct Run<W> {
    pub(super) world: Arc<W>,
    pub(super) client: Client,
    behind: Behind,
    pub(super) asked: Asked,
}

/// What the client is connected to.
enum Behind {
    Server(Serving),
    Router(JoinHandle<()>),
}

impl Behind {
    fn start(carrier: Carrier, fresh: Fresh) -> Result<(Self, DuplexStream), Error> {
        match carrier.stays() {
            None => Serving::start(&fresh).map(|(serving, stream)| (Self::Server(serving), stream)),
            Some(stays) => Router::start(fresh, stays).map(|(router, stream)| (Self::Router(router), stream)),
        }
    }
}

impl<W> Run<W> {
    /// Lets the client go, and then the servers.
    pub(super) async fn end(self) {
        // It has no process, so nothing can go wrong.
        let _ = self.client.close().await;
        match self.behind {
            Behind::Server(serving) => serving.kill().await,
            Behind::Router(router) => _ = router.await,
        }
    }
}

/// What the client of a run was asked: each question as a message can say it.
#[derive(Clone, Default)]
pub(super) struct Asked(Arc<Mutex<Vec<(Method, String)>>>);

impl Asked {
    fn add(&self, method: Method, params: &impl Serialize) {
        let params = serde_json::to_string(params).unwrap_or_default();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push((method, params));
    }

    /// The questions so far, in an order that does not depend on when they came.
    pub(super) fn sorted(&self) -> Vec<(Method, String)> {
        let mut asked = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        asked.sort_by(|(method, one), (other_method, other)| {
            (method.as_str(), one).cmp(&(other_method.as_str(), other))
        });
        asked
    }
}

/// Says on which carrier a test panicked.
pub(super) struct Named(pub(super) Carrier);

impl Drop for Named {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the carrier of this run was `{}`", self.0);
        }
    }
}

/// An error with its causes.
pub(super) fn in_full(error: &Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
