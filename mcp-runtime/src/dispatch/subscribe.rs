//! `subscriptions/listen` of the modern era, `resources/subscribe` and `resources/unsubscribe` of the legacy
//! one.

use std::cell::LazyCell;
use std::collections::HashSet;

use super::call::params_are_missing;
use super::{Dispatched, Dispatcher, Request};
use crate::context::Requester;
use crate::protocol::{ErrorObject, Method, SubscriptionFilter, without_position};

/// The longest URI to which a client can subscribe, in bytes: it is kept for as long as that lasts.
const LONGEST: usize = 8 << 10;

impl Dispatcher {
    /// Finds out what of a subscription can be told.
    pub(super) fn listen(&self, request: &Request<'_, '_>) -> Result<Dispatched, ErrorObject> {
        let missing = || params_are_missing(Method::SubscriptionsListen, "notifications");
        let params = request.params.ok_or_else(missing)?;
        let wanted = params.optional_object("notifications")?.ok_or_else(|| {
            ErrorObject::invalid_params(
                "`params.notifications` is missing; it must be an object that says what to tell",
            )
        })?;
        let mut filter: SubscriptionFilter = serde_json::from_str(wanted.get()).map_err(|error| {
            let error = without_position(&error);
            ErrorObject::invalid_params(format!("`params.notifications` is not right: {error}"))
        })?;
        request.origin.has_room()?;
        let registry = request.registry;
        filter.tools_list_changed &= registry.may_change && registry.offers_tools();
        filter.prompts_list_changed &= registry.may_change && registry.offers_prompts();
        filter.resources_list_changed &= registry.may_change && registry.offers_resources();
        let requester: &dyn Fn() -> Requester = &|| request.requester();
        let requester = LazyCell::new(requester);
        let mut seen = HashSet::new();
        filter.resource_subscriptions.retain(|uri| seen.insert(uri.clone()));
        request.origin.has_room_to_watch(filter.resource_subscriptions.len())?;
        filter
            .resource_subscriptions
            .retain(|uri| uri.len() <= LONGEST && registry.find_resource(uri, &requester).is_some());
        Ok(Dispatched::Listen(filter))
    }

    pub(super) fn watch(&self, request: &Request<'_, '_>) -> Result<Dispatched, ErrorObject> {
        let uri = uri_of(request, Method::ResourcesSubscribe)?;
        if !request.origin.watches(&uri) {
            request.origin.has_room_to_watch(1)?;
        }
        if uri.len() > LONGEST {
            let message = format!("`params.uri` is longer than {LONGEST} bytes, which is too long to subscribe to");
            return Err(ErrorObject::invalid_params(message));
        }
        let requester: &dyn Fn() -> Requester = &|| request.requester();
        request.registry.resource(&uri, &LazyCell::new(requester))?;
        Ok(Dispatched::Watch(uri))
    }

    /// One that is not watched, or not there any more, is not watched either way.
    pub(super) fn unwatch(&self, request: &Request<'_, '_>) -> Result<Dispatched, ErrorObject> {
        uri_of(request, Method::ResourcesUnsubscribe).map(Dispatched::Unwatch)
    }
}

fn uri_of(request: &Request<'_, '_>, method: Method) -> Result<String, ErrorObject> {
    let params = request.params.ok_or_else(|| params_are_missing(method, "uri"))?;
    Ok(params.text("uri")?.into_owned())
}
