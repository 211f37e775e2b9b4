//! Why a provider gave no answer, and whether it makes sense to ask again.

use std::fmt;
use std::time::{Duration, SystemTime};

use genai::{ModelIden, webc};
use serde_json::Value;

use crate::sampling::{ProviderError, ProviderErrorKind as Kind};
use crate::time::in_words;

/// What of a provider's answer the log says, at most.
const EXCERPT: usize = 500;

/// A failed attempt.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) error: ProviderError,
    /// Another attempt may succeed.
    pub(super) is_passing: bool,
    /// Before that time it will not.
    pub(super) retry_after: Option<Duration>,
}

/// What happened, for the log. It has no key and no address in it.
#[derive(Debug)]
struct Detail(String);

impl fmt::Display for Detail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Detail {}

impl Failure {
    pub(super) fn lasting(error: ProviderError) -> Self {
        Self { error, is_passing: false, retry_after: None }
    }

    pub(super) fn timed_out(time: Duration) -> Self {
        let time = in_words(time);
        Self::lasting(ProviderError::new(Kind::TimedOut, format!("the model did not answer in {time}")))
    }

    /// Tells the log that this was an attempt, and not the last one.
    pub(super) fn log(&self, attempt: u32, wait: Duration) {
        let error: &dyn std::error::Error = &self.error;
        tracing::debug!(error, attempt, ?wait, "a question to the model failed and is asked again");
    }

    /// Reads an error of genai. What the log says of it holds none of these secrets.
    pub(super) fn of(error: genai::Error, model: &ModelIden, secrets: &[String]) -> Self {
        let headers = error.headers().cloned();
        let header = |name: &str| headers.as_ref()?.get(name)?.to_str().ok();
        let (error, detail, is_passing) = sort(error, &header, model);
        // A secret must go before the text is cut: half of one is too much.
        let error = error.with_source(Detail(excerpt(hide(detail, secrets))));
        let retry_after = retry_after(&header).filter(|_| is_passing);
        let error = match retry_after {
            Some(time) => error.retry_after(time),
            None => error,
        };
        Self { error, is_passing, retry_after }
    }
}

/// The headers of an answer.
type Header<'h> = dyn Fn(&str) -> Option<&'h str> + 'h;

/// What to say of an error, what the log says beyond that, and whether it passes.
fn sort(error: genai::Error, header: &Header<'_>, model: &ModelIden) -> (ProviderError, String, bool) {
    match error {
        genai::Error::WebModelCall { webc_error, .. } | genai::Error::WebAdapterCall { webc_error, .. } => {
            match webc_error {
                webc::Error::ResponseFailedStatus { status, body, .. } => {
                    let (error, is_passing) = sort_status(status.as_u16(), &body, header, model);
                    (error, format!("status {}: {body}", status.as_u16()), is_passing)
                }
                webc::Error::Reqwest(error) => {
                    let is_passing = !error.is_builder();
                    let kind = if is_passing { Kind::Unavailable } else { Kind::NotConfigured };
                    // Its address may have a key in it.
                    (ProviderError::of(kind), in_full(&error.without_url()), is_passing)
                }
                webc::Error::ResponseFailedNotJson { content_type, body } => {
                    let detail = format!("the answer is `{content_type}`, not JSON: {body}");
                    (ProviderError::of(Kind::InvalidAnswer), detail, false)
                }
                webc::Error::ResponseFailedInvalidJson { body, cause } => {
                    let detail = format!("the answer is not JSON ({cause}): {body}");
                    (ProviderError::of(Kind::InvalidAnswer), detail, false)
                }
                webc::Error::JsonValueExt(error) => (ProviderError::of(Kind::InvalidAnswer), error.to_string(), false),
            }
        }
        // What it displays has the whole question in it.
        genai::Error::ChatResponseGeneration { cause, .. } => (ProviderError::of(Kind::InvalidAnswer), cause, false),
        genai::Error::Resolver { .. }
        | genai::Error::RequiresApiKey { .. }
        | genai::Error::NoAuthResolver { .. }
        | genai::Error::NoAuthData { .. } => {
            let error = ProviderError::new(Kind::NotConfigured, "no key for the model is configured");
            (error, no_key(model), false)
        }
        genai::Error::MessageContentTypeNotSupported { cause, .. } => {
            (ProviderError::of(Kind::Unsupported), cause.to_owned(), false)
        }
        genai::Error::MessageRoleNotSupported { role, .. } => {
            (ProviderError::of(Kind::Unsupported), role.to_string(), false)
        }
        genai::Error::AdapterNotSupported { feature, .. } => (ProviderError::of(Kind::Unsupported), feature, false),
        genai::Error::ChatReqHasNoMessages { .. } => {
            (ProviderError::new(Kind::InvalidRequest, "the question has no messages"), String::new(), false)
        }
        // The rest concerns streams, or cannot happen with what we ask.
        other => (ProviderError::of(Kind::Other), other.to_string(), false),
    }
}

fn sort_status(status: u16, body: &str, header: &Header<'_>, model: &ModelIden) -> (ProviderError, bool) {
    let words = Words::of(body);
    let is_quota = status == 402 || words.has(&["insufficient_quota", "billing_error", "billing_hard_limit_reached"]);
    let error = match status {
        _ if is_quota => {
            ProviderError::new(Kind::RateLimited, "what was paid for at the provider of the model is used up")
        }
        300..=399 => ProviderError::new(Kind::NotConfigured, "the provider of the model is somewhere else"),
        401 | 403 => ProviderError::of(Kind::Unauthorized),
        404 => {
            let (_, name) = model.model_name.namespace_and_name();
            ProviderError::new(Kind::UnknownModel, format!("the provider does not have the model `{name}`"))
        }
        408 | 504 => ProviderError::of(Kind::TimedOut),
        429 => ProviderError::of(Kind::RateLimited),
        400..=499 if words.has(&["content_filter", "content_policy_violation", "moderation_blocked"]) => {
            ProviderError::of(Kind::ContentPolicy)
        }
        413 => too_long(),
        400..=499 if words.has(&["context_length_exceeded", "request_too_large", "string_above_max_length"]) => {
            too_long()
        }
        400..=499 => ProviderError::of(Kind::InvalidRequest),
        _ => ProviderError::of(Kind::Unavailable),
    };
    let is_passing = match header("x-should-retry") {
        _ if is_quota => false,
        Some("true") => true,
        Some("false") => false,
        _ => matches!(status, 408 | 409 | 425 | 429 | 500..),
    };
    (error, is_passing)
}

fn too_long() -> ProviderError {
    ProviderError::new(Kind::InvalidRequest, "the question is too long for the model")
}

fn no_key(model: &ModelIden) -> String {
    match model.adapter_kind.default_key_env_name() {
        Some(variable) => {
            format!("give the key with `api_key` or `api_key_env`, or, without a `base_url`, set `{variable}`")
        }
        None => "give the key with `api_key` or `api_key_env`".to_owned(),
    }
}

/// The words by which providers say what is wrong: `type`, `code` and `status` of an error.
struct Words(Vec<String>);

impl Words {
    fn of(body: &str) -> Self {
        let body: Value = serde_json::from_str(body).unwrap_or_default();
        let error = body.get("error").unwrap_or(&body);
        let words = ["type", "code", "status"].iter().filter_map(|name| error.get(*name)?.as_str());
        Self(words.map(str::to_lowercase).collect())
    }

    /// Whether it is one of these.
    fn has(&self, any: &[&str]) -> bool {
        self.0.iter().any(|word| any.contains(&word.as_str()))
    }
}

/// After which time the provider wants to be asked again: in milliseconds, in seconds, or at a date.
fn retry_after(header: &Header<'_>) -> Option<Duration> {
    let number = |name: &str| header(name)?.trim().parse::<f64>().ok();
    if let Some(millis) = number("retry-after-ms") {
        return Duration::try_from_secs_f64(millis / 1000.0).ok();
    }
    if let Some(seconds) = number("retry-after") {
        return Duration::try_from_secs_f64(seconds).ok();
    }
    let date = httpdate::parse_http_date(header("retry-after")?).ok()?;
    // A date that has passed means now.
    Some(date.duration_since(SystemTime::now()).unwrap_or_default())
}

fn in_full(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        text = format!("{text}: {source}");
        next = source.source();
    }
    text
}

fn excerpt(mut text: String) -> String {
    if let Some((end, _)) = text.char_indices().nth(EXCERPT) {
        text.truncate(end);
        text.push('…');
    }
    text
}

fn hide(text: String, secrets: &[String]) -> String {
    secrets.iter().filter(|secret| !secret.is_empty()).fold(text, |text, secret| text.replace(secret.as_str(), "***"))
}
