use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use http::{Response, StatusCode};

use super::HttpBody;
use crate::protocol::{ErrorCode, ErrorObject};
use crate::transport::http::{Active, Events, headers};

/// In so many bytes most messages fit.
pub(super) const USUAL: usize = 512;

/// An answer to an HTTP request.
pub(super) struct Answer {
    status: StatusCode,
    /// The media type of the body.
    media_type: Option<&'static str>,
    /// What there is beside it; most answers have nothing.
    headers: Vec<(HeaderName, HeaderValue)>,
    body: HttpBody,
}

impl Answer {
    pub(super) fn empty(status: StatusCode) -> Self {
        Self { status, media_type: None, headers: Vec::new(), body: HttpBody::empty() }
    }

    /// One message.
    pub(super) fn message(status: StatusCode, message: Vec<u8>) -> Self {
        Self { status, media_type: Some(headers::JSON), headers: Vec::new(), body: HttpBody::whole(message) }
    }

    /// Events that are all there.
    pub(super) fn written_events(events: Vec<u8>) -> Self {
        Self::of_events(HttpBody::whole(events))
    }

    pub(super) fn events(events: Events) -> Self {
        Self::of_events(HttpBody::events(events))
    }

    fn of_events(body: HttpBody) -> Self {
        Self { status: StatusCode::OK, media_type: Some(headers::EVENT_STREAM), headers: Vec::new(), body }
            .with(CACHE_CONTROL, HeaderValue::from_static("no-cache, no-transform"))
            // nginx and others hand on what comes, when it comes.
            .with(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"))
    }

    /// What is no message that could be answered, and why.
    pub(super) fn refused(status: StatusCode, message: &str) -> Self {
        let error = ErrorObject::new(ErrorCode::InvalidRequest, message.to_owned());
        Self::error(status, None, &error)
    }

    /// The answer to a message that is not served.
    pub(super) fn error(status: StatusCode, id: Option<&crate::protocol::RequestId>, error: &ErrorObject) -> Self {
        let mut out = Vec::new();
        crate::codec::write_error(&mut out, id, error);
        Self::message(status, out)
    }

    /// There is too much to do.
    pub(super) fn busy(message: &str) -> Self {
        let error = ErrorObject::new(ErrorCode::InternalError, message.to_owned());
        Self::error(StatusCode::SERVICE_UNAVAILABLE, None, &error).with(RETRY_AFTER, HeaderValue::from_static("1"))
    }

    pub(super) fn not_allowed() -> Self {
        Self::refused(StatusCode::METHOD_NOT_ALLOWED, "messages are sent with POST")
            .with(ALLOW, HeaderValue::from_static("POST, GET, DELETE"))
    }

    pub(super) fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// With what its request is to its connection, which goes on until the answer was sent, or cannot be.
    pub(super) fn into_response(self, active: Option<Active>) -> Response<HttpBody> {
        let mut response = Response::new(self.body.with(active));
        *response.status_mut() = self.status;
        if let Some(media_type) = self.media_type {
            response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
        }
        for (name, value) in self.headers {
            response.headers_mut().append(name, value);
        }
        response
    }
}
