//! From a challenge to a token.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use url::Url;

use super::address::Guard;
use super::authorization_server::AuthorizationServer;
use super::authorize::{AuthorizationRequest, Callback, Visit};
use super::builder::{Settings, Who};
use super::challenge::Challenge;
use super::dpop::ProofKey;
use super::fetch::Fetch;
use super::grant::Grant;
use super::identity::{Identity, IdentityKind, RegisteredClient, Registration};
use super::redirect::Redirect;
use super::resource::{ResourceMetadata, canonical};
use super::scope::{Scopes, Selection};
use super::store::{key_of_client, key_of_tokens};
use super::token::{AccessToken, Origin, Tokens};
use super::workload::AssertionRequest;
use super::{distrusted, refused};
use crate::error::{Error, ErrorKind};
use crate::time::in_words;

/// How many tokens a request is repeated with before the server is taken for one that accepts none: the same one with
/// a better proof, one that is refreshed, and one that is granted anew.
const MAX_ATTEMPTS: u32 = 3;

/// All that is shared by the clients that use one authorization.
pub(super) struct Flows {
    pub(super) settings: Settings,
    pub(super) fetch: Fetch,
    /// Cancelled when nobody uses it any more: then nobody has to be asked.
    pub(super) closed: CancellationToken,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    sessions: HashMap<Url, Arc<Session>>,
    /// By the key under which the store has them.
    tokens: HashMap<String, Tokens>,
    /// By server: the token that was there before the request that it was refused for.
    old: HashMap<Url, AccessToken>,
    /// Where registered clients belong that came without an issuer.
    issuers: HashMap<String, String>,
    /// One for each origin: whatever shares tokens shares it.
    turns: HashMap<String, Arc<tokio::sync::Mutex<()>>>,
}

/// What a server wants tokens for, and from whom.
struct Place {
    resource: String,
    scopes: Option<Scopes>,
    authorization_server: AuthorizationServer,
    /// Whether tokens should be bound to a key: the server takes such, and nothing is known against it.
    binds: bool,
}

impl Place {
    /// A key for tokens that nobody has asked for yet.
    fn key(&self) -> Result<Option<ProofKey>, Error> {
        self.binds.then(ProofKey::new).transpose()
    }
}

/// What is known of a server that was authorized.
struct Session {
    place: Place,
    client: Identity,
    key: String,
}

impl Flows {
    pub(super) fn new(settings: Settings, fetch: Fetch) -> Self {
        Self { settings, fetch, closed: CancellationToken::new(), known: Mutex::default() }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The turn of whoever gets tokens at this origin.
    pub(super) fn turn(&self, server: &Url) -> Arc<tokio::sync::Mutex<()>> {
        self.known().turns.entry(server.origin().ascii_serialization()).or_default().clone()
    }

    /// The tokens for this server that the process has.
    fn at_hand(&self, server: &Url) -> Option<(Arc<Session>, Tokens)> {
        let known = self.known();
        let session = known.sessions.get(server)?;
        Some((session.clone(), known.tokens.get(&session.key)?.clone()))
    }

    /// Notes that requests to this server get this token without anything being done for them.
    fn note_old(&self, server: &Url, tokens: &Tokens) {
        self.known().old.insert(server.clone(), tokens.access_token());
    }

    /// Whether the token that was refused has come to this server for the same request. How often that was repeated
    /// does not say so alone: the old one is sent again when its proof lacks something.
    fn is_new(&self, server: &Url, tokens: &Tokens, challenge: &Challenge) -> bool {
        let is_old = self.known().old.get(server).is_some_and(|old| tokens.is(old));
        challenge.attempts() > 0 && was_sent(tokens, challenge) && !is_old
    }

    /// The token for this server that the process has, if it is still good. `Err` if it has one that is not.
    pub(super) fn good_token(&self, server: &Url) -> Result<Option<AccessToken>, ()> {
        match self.at_hand(server) {
            Some((_, tokens)) if tokens.is_over() => Err(()),
            Some((_, tokens)) => Ok(Some(tokens.access_token())),
            None => Ok(None),
        }
    }

    /// A token instead of one that is over, without asking anybody. `None` leaves it to the server to say what
    /// it wants.
    pub(super) async fn renew(&self, server: &Url) -> Result<Option<AccessToken>, Error> {
        let Some((session, tokens)) = self.at_hand(server) else { return Ok(None) };
        if !tokens.is_over() {
            return Ok(Some(tokens.access_token()));
        }
        let Session { place, client, key } = &*session;
        let renewed = match self.refresh(place, client, key, &tokens).await? {
            None if !matches!(self.settings.who, Who::User) => Some(self.grant(place, client, tokens.scopes()).await?),
            renewed => renewed,
        };
        let Some(renewed) = renewed else {
            self.keep(key, tokens.spent()).await;
            return Ok(None);
        };
        let token = renewed.access_token();
        self.keep(key, renewed).await;
        Ok(Some(token))
    }

    /// A token for a request that was refused. `None` if a token would not help.
    pub(super) async fn answer(&self, server: &Url, challenge: &Challenge) -> Result<Option<AccessToken>, Error> {
        if challenge.attempts() >= MAX_ATTEMPTS {
            return Err(refused(format!("the server has refused {MAX_ATTEMPTS} tokens for one request")));
        }
        // Somebody else may have had the same trouble, and got over it.
        let at_hand = self.at_hand(server).map(|(_, tokens)| tokens);
        if let Some(tokens) = at_hand.as_ref().filter(|it| is_worth_a_try(it, challenge)) {
            return Ok(Some(tokens.access_token()));
        }
        if let Some(tokens) = at_hand.as_ref().filter(|it| was_sent(it, challenge)) {
            if challenge.attempts() == 0 {
                // The request has begun with it.
                self.note_old(server, tokens);
            }
            if challenge.wants_nonce() {
                // It is the proof that lacks something.
                return Ok(Some(tokens.access_token()));
            }
            let is_granted = tokens.origin() == Origin::Granted && self.is_new(server, tokens, challenge);
            if is_granted && !challenge.wants_more_scopes() {
                let told = "the server does not accept the token that its authorization server has just given";
                return Err(refused(told));
            }
        }
        let guard = Guard::of(server, self.settings.anything_goes)?;
        let place = self.find(guard, server, challenge).await?;
        let issuer = place.authorization_server.issuer.clone();
        let known = match self.given(&place.authorization_server)? {
            Some(given) => Some(given),
            None => self.registration(&issuer).await?.map(|it| it.identity()).transpose()?,
        };
        let mut before = Scopes::default();
        if let Some(client) = known {
            let key = key_of_tokens(&issuer, &place.resource, &client.id);
            if let Some(tokens) = self.load(&key).await? {
                before = tokens.scopes();
                if let Some(tokens) = self.reuse(server, &place, &client, &key, tokens, challenge).await? {
                    let token = tokens.access_token();
                    self.remember(server, Session { place, client, key }, tokens).await;
                    return Ok(Some(token));
                }
            }
        }
        let (client, tokens) = self.authorize(server, &place, &before, challenge).await?;
        let key = key_of_tokens(&issuer, &place.resource, &client.id);
        let token = tokens.access_token();
        self.remember(server, Session { place, client, key }, tokens).await;
        Ok(Some(token))
    }

    /// Finds out what the server wants, and from whom.
    async fn find(&self, guard: Guard, server: &Url, challenge: &Challenge) -> Result<Place, Error> {
        let Some(metadata) = ResourceMetadata::discover(&self.fetch, guard, server, challenge).await? else {
            let authorization_server = AuthorizationServer::of_server(&self.fetch, guard, server).await?;
            let binds = challenge.takes_proofs() && authorization_server.takes_proofs;
            return Ok(Place { resource: canonical(server), scopes: None, authorization_server, binds });
        };
        let (names, registered) = (&metadata.authorization_servers, &self.settings.registered);
        let is_ours = |name: &&String| registered.iter().any(|it| it.issuer.as_ref() == Some(*name));
        let issuer = names.iter().find(is_ours).or(names.first()).map(String::as_str).unwrap_or_default();
        let authorization_server = AuthorizationServer::discover(&self.fetch, guard, issuer).await?;
        let takes_proofs = challenge.takes_proofs() || metadata.takes_proofs();
        let binds = takes_proofs && authorization_server.takes_proofs;
        Ok(Place { scopes: metadata.scopes(), resource: metadata.resource, authorization_server, binds })
    }

    /// Who the client is there, if the program says so.
    fn given(&self, server: &AuthorizationServer) -> Result<Option<Identity>, Error> {
        let Settings { registered, document, key, .. } = &self.settings;
        if let Some(client) = registered.iter().find(|it| it.issuer.as_ref() == Some(&server.issuer)) {
            return client.at(server).map(Some);
        }
        if let Some(client) = registered.iter().find(|it| it.issuer.is_none()) {
            let mut known = self.known();
            let issuer = known.issuers.entry(client.id.clone()).or_insert_with(|| server.issuer.clone());
            if *issuer == server.issuer {
                return client.at(server).map(Some);
            }
        }
        match document {
            Some(document) if server.has_client_documents => {
                let client = RegisteredClient::new(document);
                match key.clone() {
                    Some(key) => client.private_key(key),
                    None => client,
                }
                .at(server)
                .map(Some)
            }
            None if !registered.is_empty() => {
                let issuer = server.issuer.escape_debug();
                let told = format!("no client is registered at the authorization server \"{issuer}\" of this server");
                Err(Error::new(ErrorKind::Configuration, told))
            }
            _ => Ok(None),
        }
    }

    /// How the client is registered there, if it is.
    async fn registration(&self, issuer: &str) -> Result<Option<Registration>, Error> {
        let kept: Option<Registration> = self.settings.records.get(&key_of_client(issuer)).await?;
        Ok(kept.filter(|it| !it.is_over()))
    }

    /// What can be had without asking anybody: from tokens that are kept.
    async fn reuse(
        &self,
        server: &Url,
        place: &Place,
        client: &Identity,
        key: &str,
        tokens: Tokens,
        challenge: &Challenge,
    ) -> Result<Option<Tokens>, Error> {
        if is_worth_a_try(&tokens, challenge) {
            // Another server of the same resource may have had it for long.
            self.note_old(server, &tokens);
            return Ok(Some(tokens));
        }
        if challenge.wants_more_scopes() {
            // Tokens that come out of an earlier run may lack what somebody would not give then.
            let has_all = tokens.scopes().has_all(&self.select(place, &tokens.scopes(), challenge));
            if has_all && tokens.origin() != Origin::Kept {
                let told = match challenge.wanted_scopes() {
                    none if none.is_empty() => "the server wants more scopes, and does not say which".to_owned(),
                    scopes => format!("the server wants the scopes \"{scopes}\", which were asked for already"),
                };
                return Err(refused(told));
            }
            return Ok(None);
        }
        // One that has just been refreshed does not get better by it.
        if tokens.origin() == Origin::Refreshed && self.is_new(server, &tokens, challenge) {
            return Ok(None);
        }
        let refreshed = self.refresh(place, client, key, &tokens).await?;
        if refreshed.is_none() {
            self.keep(key, tokens.spent()).await;
        }
        Ok(refreshed)
    }

    /// Tokens for a refresh token. `None` if there is none that is good.
    async fn refresh(
        &self,
        place: &Place,
        client: &Identity,
        key: &str,
        tokens: &Tokens,
    ) -> Result<Option<Tokens>, Error> {
        // Another process may have been faster.
        let kept: Option<Tokens> = self.settings.records.get(key).await?;
        let tokens = match &kept {
            Some(kept) if !kept.is(&tokens.access_token()) && !kept.is_over() => return Ok(Some(kept.clone())),
            Some(kept) => kept,
            None => tokens,
        };
        let Some(refresh_token) = tokens.refresh_token() else { return Ok(None) };
        let Place { resource, authorization_server: server, .. } = place;
        tracing::debug!(issuer = %server.issuer, resource, "refreshing a token");
        let key = tokens.key().cloned().map_or_else(|| place.key(), |key| Ok(Some(key)))?;
        match Grant::Refresh(refresh_token).ask(&self.fetch, server, client, resource, key.as_ref()).await {
            Ok(answer) => tokens.refreshed(answer, key).map(Some),
            Err(failure) if failure.is_final() => {
                if failure.is_unknown_client() && client.kind == IdentityKind::Registered {
                    self.settings.records.remove(&key_of_client(&server.issuer)).await;
                }
                tracing::debug!(issuer = %server.issuer, resource, ?failure, "a token is not refreshed");
                Ok(None)
            }
            Err(failure) => Err(failure.into_error()),
        }
    }

    fn select(&self, place: &Place, before: &Scopes, challenge: &Challenge) -> Scopes {
        let challenged = match &place.scopes {
            // It wants more, but does not say what.
            Some(all) if challenge.wants_more_scopes() && challenge.wanted_scopes().is_empty() => all,
            _ => challenge.wanted_scopes(),
        };
        let selection =
            Selection { before, challenged, configured: &self.settings.scopes, supported: place.scopes.as_ref() };
        match self.settings.who {
            Who::User => selection.scopes_with_offline_access(place.authorization_server.scopes.as_ref()),
            _ => selection.scopes(),
        }
    }

    /// Gets tokens for what the server wants, and for what it wanted before.
    async fn authorize(
        &self,
        server: &Url,
        place: &Place,
        before: &Scopes,
        challenge: &Challenge,
    ) -> Result<(Identity, Tokens), Error> {
        let scopes = self.select(place, before, challenge);
        let at = &place.authorization_server;
        tracing::debug!(issuer = %at.issuer, resource = place.resource, %scopes, "asking for authorization");
        let given = self.given(at)?;
        match (&self.settings.who, given) {
            (Who::User, given) => self.ask_user(server, place, given, scopes).await,
            (_, Some(client)) => {
                let tokens = self.grant(place, &client, scopes).await?;
                Ok((client, tokens))
            }
            (_, None) => Err(refused("a client that asks no user has to be registered")),
        }
    }

    /// What can be had without asking a user.
    async fn grant(&self, place: &Place, client: &Identity, scopes: Scopes) -> Result<Tokens, Error> {
        let Place { resource, authorization_server: at, .. } = place;
        let (assertion, given);
        let grant = match &self.settings.who {
            Who::User | Who::Client => Grant::Client(&scopes),
            Who::Workload(workload) => {
                let (audience, resource) = (at.issuer.clone(), resource.clone());
                let request = AssertionRequest { audience, resource, scopes: scopes.clone() };
                assertion = workload.assertion(request).await?;
                Grant::Assertion { assertion: &assertion, scopes: &scopes }
            }
            Who::Organization(provider) => {
                let guard = provider.check(self.settings.anything_goes)?;
                given = provider.assertion(&self.fetch, guard, &at.issuer, resource, &scopes).await?;
                Grant::Assertion { assertion: &given.assertion, scopes: given.scopes.as_ref().unwrap_or(&scopes) }
            }
        };
        let key = place.key()?;
        let answer = grant.ask(&self.fetch, at, client, resource, key.as_ref()).await;
        Tokens::granted(answer.map_err(|failure| failure.into_error())?, scopes, key)
    }

    async fn ask_user(
        &self,
        server: &Url,
        place: &Place,
        given: Option<Identity>,
        scopes: Scopes,
    ) -> Result<(Identity, Tokens), Error> {
        let Place { resource, authorization_server: at, .. } = place;
        let mut has_forgotten = false;
        loop {
            let registration = self.registration(&at.issuer).await?;
            let before = registration.as_ref().map(|it| it.redirect_uri.as_str());
            let redirect = Redirect::open(&self.settings.redirect_uri, before).await?;
            let client = match (&given, registration) {
                (Some(given), _) => given.clone(),
                (None, Some(registration)) if registration.redirect_uri == redirect.uri() => registration.identity()?,
                (None, _) => self.register(at, redirect.uri()).await?,
            };
            let key = place.key()?;
            let visit = Visit::new(at, &client.id, redirect.uri(), resource, &scopes, key.as_ref())?;
            let request = AuthorizationRequest {
                url: visit.url.clone(),
                server: server.clone(),
                issuer: at.issuer.clone(),
                scopes: scopes.clone(),
                redirect_uri: redirect.uri().to_owned(),
            };
            let callback = self.visit(request, &redirect, &visit.state).await?;
            let code = visit.read(&callback)?;
            let grant = Grant::Code { code: &code, redirect_uri: redirect.uri() };
            match grant.ask(&self.fetch, at, &client, resource, key.as_ref()).await {
                Ok(answer) => return Ok((client, Tokens::granted(answer, scopes, key)?)),
                // The authorization server has lost its memory. It gets one more chance.
                Err(failure)
                    if failure.is_unknown_client() && client.kind == IdentityKind::Registered && !has_forgotten =>
                {
                    has_forgotten = true;
                    self.settings.records.remove(&key_of_client(&at.issuer)).await;
                }
                Err(failure) => return Err(failure.into_error()),
            }
        }
    }

    async fn register(&self, at: &AuthorizationServer, redirect_uri: &str) -> Result<Identity, Error> {
        tracing::debug!(issuer = %at.issuer, "registering the client");
        let registration = Registration::make(&self.fetch, at, &self.settings.name, redirect_uri).await?;
        self.settings.records.put(&key_of_client(&at.issuer), &registration).await;
        registration.identity()
    }

    /// Has the user decide, and waits for where the browser is sent then.
    async fn visit(&self, request: AuthorizationRequest, redirect: &Redirect, state: &str) -> Result<Url, Error> {
        let Some(ask) = &self.settings.ask else {
            let url = request.url();
            return Err(refused(format!("the server wants its user to agree at {url} (see `on_authorize`)")));
        };
        let decision = async {
            let (asked, back) = (ask(request), redirect.wait(state));
            tokio::pin!(asked, back);
            let answer = tokio::select! {
                // Whoever opens the browser may wait until it is closed.
                callback = &mut back, if redirect.listens() => return callback,
                answer = &mut asked => answer,
            };
            match answer {
                Ok(Callback::Wait) => back.await,
                Ok(Callback::Url(text)) => Url::parse(&text)
                    .map_err(|error| distrusted("what the browser was sent to is no address").with_source(error)),
                Err(error) => Err(refused("the user could not be asked").with_source(error)),
            }
        };
        let patience = self.settings.patience;
        match timeout(patience, self.closed.run_until_cancelled(decision)).await {
            Ok(Some(callback)) => callback,
            Ok(None) => Err(Error::new(ErrorKind::Closed, "nobody waits for the authorization any more")),
            Err(_) => {
                let time = in_words(patience);
                Err(Error::new(ErrorKind::Timeout, format!("the user has not decided within {time}")))
            }
        }
    }

    /// The tokens under this key, of this process or of an earlier one.
    async fn load(&self, key: &str) -> Result<Option<Tokens>, Error> {
        if let Some(tokens) = self.known().tokens.get(key).cloned() {
            return Ok(Some(tokens));
        }
        self.settings.records.get(key).await
    }

    async fn keep(&self, key: &str, tokens: Tokens) {
        self.settings.records.put(key, &tokens).await;
        self.known().tokens.insert(key.to_owned(), tokens);
    }

    async fn remember(&self, server: &Url, session: Session, tokens: Tokens) {
        self.keep(&session.key, tokens).await;
        self.known().sessions.insert(server.clone(), Arc::new(session));
    }
}

/// Whether these tokens may be accepted where the ones that were sent were not.
fn is_worth_a_try(tokens: &Tokens, challenge: &Challenge) -> bool {
    let has_scopes = !challenge.wants_more_scopes()
        || (!challenge.wanted_scopes().is_empty() && tokens.scopes().has_all(challenge.wanted_scopes()));
    !was_sent(tokens, challenge) && !tokens.is_over() && has_scopes
}

fn was_sent(tokens: &Tokens, challenge: &Challenge) -> bool {
    challenge.sent_token().is_some_and(|sent| tokens.is(sent))
}
