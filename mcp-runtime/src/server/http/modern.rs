//! A message of the modern era: a POST that says it all ([specification]).
//!
//! [specification]: https://modelcontextprotocol.io/specification/2026-07-28/basic/transports/streamable-http

use std::cell::{Cell, OnceCell, RefCell};
use std::sync::Arc;

use http::StatusCode;
use http::request::Parts;

use super::Endpoint;
use super::answer::{Answer, USUAL};
use super::authorization::allowed;
use super::check;
use super::exchange::{Exchange, Pending};
use super::outlet::HttpOrigin;
use super::post::Asking;
use crate::codec::Incoming;
use crate::dispatch::{Dispatched, Request};
use crate::engine::Finished;
use crate::protocol::{ErrorCode, ErrorObject, Method, ProtocolVersion, RequestId, ServerResult, TextResult};
use crate::server::live::Offering;
use crate::server::outbox::Outbox;
use crate::session::{Caller, Key, Pending as InFlight};
use crate::transport::http::Said;

/// The key of the one request of an exchange.
pub(super) const ONLY: Key = 1;

/// What is no request.
pub(super) fn other(message: &Incoming<'_>) -> Pending {
    if let Incoming::Notification { .. } = message {
        // This era has none that mean something over HTTP.
        return Answer::empty(StatusCode::ACCEPTED).into();
    }
    let message = "answers are sent as `inputResponses` of the request that was asked for them";
    Answer::refused(StatusCode::BAD_REQUEST, message).into()
}

pub(super) fn request(
    endpoint: &Arc<Endpoint>,
    parts: &Arc<Parts>,
    said: &Said<'_>,
    asking: &Asking<'_, '_>,
) -> Pending {
    let Asking { id, method, known, params } = *asking;
    let refuse = |error: &ErrorObject| Answer::error(StatusCode::BAD_REQUEST, Some(id), error).into();
    if let Err(error) = check::version(said, params) {
        return refuse(&error);
    }
    let caller = match Caller::identify(known, params, None) {
        Ok(caller) => caller,
        Err(error) => return refuse(&error),
    };
    if let Err(error) = check::names(said, asking) {
        return refuse(&error);
    }
    let offering = endpoint.offering();
    let called = check::called(asking, &offering.registry);
    if known == Some(Method::ToolsCall)
        && let Some(entry) = called
        && let Err(error) = check::arguments(&parts.headers, params, entry)
    {
        return refuse(&error);
    }
    let listens = known == Some(Method::SubscriptionsListen);
    let room = if listens { &endpoint.settings.streams } else { &endpoint.settings.requests };
    let Some(place) = room.take() else {
        return Answer::busy("the server is busy; try again later").into();
    };
    let (revision, ready) = (caller.revision, &endpoint.ready);
    let extensions = ready.extensions.clone().with_request(parts.clone());
    let outbox = OnceCell::new();
    let origin = HttpOrigin {
        key: ONLY,
        outbox: &outbox,
        patience: endpoint.settings.keep_alive,
        place: Cell::new(Some(place)),
        subscriptions: ready.limits.subscriptions,
        extensions: &extensions,
        session: None,
    };
    let round = || caller.round(id.clone(), extensions.clone());
    let scopes = check::scopes(asking, called, &offering.registry, &round);
    if let Err(answer) = allowed(endpoint.settings.authorization.as_deref(), &scopes, &extensions, id) {
        return answer.into();
    }
    let (encoder, direct) = (&ready.encoder, RefCell::new(Vec::new()));
    let write = |result: &TextResult<'_>| encoder.text_response(&mut direct.borrow_mut(), 0, revision, id, result);
    let request = Request {
        id,
        method,
        known,
        params,
        called,
        revision,
        carrier: caller.carrier(),
        round: &round,
        origin: &origin,
        registry: &offering.registry,
        extensions: &extensions,
        is_observed: false,
        write: Some(&write),
    };
    let dispatched = match ready.dispatcher.dispatch(&request) {
        Dispatched::Done(Ok(ServerResult::Written)) => {
            return Answer::message(StatusCode::OK, direct.into_inner()).into();
        }
        Dispatched::Done(outcome) if outbox.get().is_none_or(|outbox: &Arc<Outbox>| outbox.is_empty()) => {
            return whole(endpoint, &offering, revision, id, known, outcome).into();
        }
        dispatched => dispatched,
    };
    let outbox = match outbox.get() {
        Some(outbox) => outbox.clone(),
        None => Outbox::new(),
    };
    let mut exchange = Exchange {
        endpoint: endpoint.clone(),
        offering,
        outbox,
        id: id.clone(),
        revision,
        method: known,
        pending: None,
        deadline: None,
        _place: origin.place.take().filter(|_| listens),
        _counted: ready.connections.count(),
    };
    match dispatched {
        Dispatched::Done(outcome) => exchange.answered(outcome).into(),
        Dispatched::Running(cancel) => {
            exchange.pending = Some(InFlight::Call(cancel));
            Pending::Exchange(Box::new(exchange))
        }
        Dispatched::Listen(filter) => {
            let sight = ready.live.sight(round());
            exchange.listen(filter, &sight).into()
        }
        // The era has other requests for these.
        Dispatched::Watch(_) | Dispatched::Unwatch(_) => exchange.answered(Ok(ServerResult::Empty)).into(),
    }
}

/// An answer that is all there is to say.
pub(super) fn whole(
    endpoint: &Endpoint,
    offering: &Offering,
    revision: ProtocolVersion,
    id: &RequestId,
    method: Option<Method>,
    outcome: Finished,
) -> Answer {
    let encoder = &endpoint.ready.encoder;
    let outcome = encoder.outcome_for(revision, method, outcome);
    let mut out = Vec::with_capacity(USUAL);
    encoder.response(&mut out, revision, id, &outcome, &offering.lists);
    Answer::message(status_of(&outcome), out)
}

/// The status of an answer, by what it says ([specification]).
///
/// [specification]: https://modelcontextprotocol.io/specification/2026-07-28/basic/transports/streamable-http#protocol-version-header
fn status_of(outcome: &Finished) -> StatusCode {
    match outcome.as_ref().map_err(|error| error.code) {
        Err(ErrorCode::MethodNotFound) => StatusCode::NOT_FOUND,
        Err(
            ErrorCode::HeaderMismatch
            | ErrorCode::MissingRequiredClientCapability
            | ErrorCode::UnsupportedProtocolVersion
            | ErrorCode::InvalidRequest,
        ) => StatusCode::BAD_REQUEST,
        _ => StatusCode::OK,
    }
}
