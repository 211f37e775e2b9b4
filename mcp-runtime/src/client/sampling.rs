//! How a client answers questions to its model: who may ask, how often and for how much, and who
//! looks at it before.

use std::collections::VecDeque;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::call::{Call, CallInFlight};
use crate::protocol::{BoxFuture, CreateMessageRequestParams, CreateMessageResult, Implementation};
use crate::sampling::{AnyProvider, ProviderError, ProviderErrorKind};
use crate::time::in_words;

/// A question to the model, as the person sees it who is to [allow](super::ClientBuilder::approve_sampling)
/// it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct SamplingRequest {
    /// What the model shall be asked.
    pub params: CreateMessageRequestParams,
    /// The server that asks, as it calls itself; not to be trusted. `None` if it has not said, or asks before
    /// it was met.
    pub server: Option<Implementation>,
    /// The calls that may have led to the question. Since protocol version 2026-07-28 it is clear which one it
    /// was; earlier servers do not say, so it is all calls that are in flight. None if the server asks by
    /// itself.
    pub calls: Vec<CallInFlight>,
}

impl SamplingRequest {
    /// The tool that asks, if it can only be one.
    #[must_use]
    pub fn tool(&self) -> Option<&str> {
        match &self.calls[..] {
            [call] if call.method == "tools/call" => call.name.as_deref(),
            _ => None,
        }
    }
}

/// What a person says to a question, or to its answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Approval<T> {
    /// It may pass.
    Allow,
    /// This may pass instead.
    AllowWith(T),
    /// It may not. The server learns that the user has refused, and nothing else.
    Refuse,
}

impl<T> Approval<T> {
    fn apply(self, to: T) -> Result<T, ProviderError> {
        match self {
            Self::Allow => Ok(to),
            Self::AllowWith(instead) => Ok(instead),
            Self::Refuse => Err(ProviderError::of(ProviderErrorKind::Refused)),
        }
    }
}

type Approve = dyn Fn(SamplingRequest) -> BoxFuture<'static, Approval<CreateMessageRequestParams>> + Send + Sync;
type Review =
    dyn Fn(SamplingRequest, CreateMessageResult) -> BoxFuture<'static, Approval<CreateMessageResult>> + Send + Sync;

/// How a client answers questions to its model.
#[derive(Default)]
pub(super) struct Sampling {
    pub(super) provider: Option<Arc<dyn AnyProvider>>,
    /// The provider can be given tools, although it does not say so.
    pub(super) with_tools: bool,
    approve: Option<Box<Approve>>,
    review: Option<Box<Review>>,
    rate: Option<Rate>,
    /// How many tokens the questions of one call may take.
    budget: Option<u64>,
    /// The tokens of questions that belong to no call.
    by_itself: Option<Arc<Call>>,
}

impl Sampling {
    pub(super) fn approve_with<F, H>(&mut self, approve: H)
    where
        F: Future<Output = Approval<CreateMessageRequestParams>> + Send + 'static,
        H: Fn(SamplingRequest) -> F + Send + Sync + 'static,
    {
        self.approve = Some(Box::new(move |request| Box::pin(approve(request))));
    }

    pub(super) fn review_with<F, H>(&mut self, review: H)
    where
        F: Future<Output = Approval<CreateMessageResult>> + Send + 'static,
        H: Fn(SamplingRequest, CreateMessageResult) -> F + Send + Sync + 'static,
    {
        self.review = Some(Box::new(move |request, answer| Box::pin(review(request, answer))));
    }

    pub(super) fn limit_rate(&mut self, questions: u32, per: Duration) {
        self.rate = Some(Rate { most: questions, per, recent: Mutex::default() });
    }

    pub(super) fn limit_tokens(&mut self, tokens: u64) {
        self.budget = Some(tokens);
        self.by_itself = Some(Arc::new(Call::of_task()));
    }

    pub(super) fn has_tools(&self) -> bool {
        self.with_tools || self.provider.as_ref().is_some_and(|provider| provider.has_tools())
    }

    /// Answers one question, if everybody agrees.
    pub(super) async fn answer(
        &self,
        provider: &dyn AnyProvider,
        params: CreateMessageRequestParams,
        server: Option<Implementation>,
        calls: &[Arc<Call>],
    ) -> Result<CreateMessageResult, ProviderError> {
        // Nobody is bothered with what cannot be answered anyway.
        let mut spending = self.spend(calls, params.max_tokens)?;
        self.rate.as_ref().map_or(Ok(()), Rate::pass)?;
        let calls = calls.iter().map(|call| call.facts()).collect();
        let mut request = SamplingRequest { params, server, calls };
        if let Some(approve) = &self.approve {
            request.params = approve(request.clone()).await.apply(request.params)?;
        }
        // Whatever comes of it, tokens may have been used.
        spending.is_final = true;
        match &self.review {
            None => provider.create_message_boxed(request.params).await,
            Some(review) => {
                let answer = provider.create_message_boxed(request.params.clone()).await?;
                review(request, answer.clone()).await.apply(answer)
            }
        }
    }

    /// Takes the tokens of a question from the call that it belongs to. Where that can be several, it is the
    /// one that has the most left: together they cannot take more than is theirs.
    fn spend(&self, calls: &[Arc<Call>], tokens: u32) -> Result<Spending, ProviderError> {
        let call = calls.iter().min_by_key(|call| call.spent()).or(self.by_itself.as_ref());
        let tokens = u64::from(tokens);
        let (Some(budget), Some(call)) = (self.budget, call) else {
            return Ok(Spending { of: None, tokens, is_final: true });
        };
        call.spend(tokens, budget).map_err(|left| {
            ProviderError::new(
                ProviderErrorKind::OverBudget,
                format!(
                    "`maxTokens` is {tokens}, but of the {budget} tokens that the questions of one call may take \
                     together only {left} are left"
                ),
            )
        })?;
        Ok(Spending { of: Some(call.clone()), tokens, is_final: false })
    }
}

/// Tokens that were taken. Those of a question that was not asked go back.
struct Spending {
    of: Option<Arc<Call>>,
    tokens: u64,
    is_final: bool,
}

impl Drop for Spending {
    fn drop(&mut self) {
        if let Some(call) = self.of.as_ref().filter(|_| !self.is_final) {
            call.give_back(self.tokens);
        }
    }
}

/// So many questions in any period of this length.
struct Rate {
    most: u32,
    per: Duration,
    /// When the last ones came, the oldest first.
    recent: Mutex<VecDeque<Instant>>,
}

impl Rate {
    fn pass(&self) -> Result<(), ProviderError> {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        while recent.front().is_some_and(|oldest| now.duration_since(*oldest) >= self.per) {
            recent.pop_front();
        }
        if u32::try_from(recent.len()).is_ok_and(|questions| questions < self.most) {
            recent.push_back(now);
            return Ok(());
        }
        let wait = recent.front().map(|oldest| self.per.saturating_sub(now.duration_since(*oldest)));
        let (most, per) = (self.most, in_words(self.per));
        let message = format!("the server asks too often: at most {most} questions in {per} are answered");
        let error = ProviderError::new(ProviderErrorKind::RateLimited, message);
        Err(match wait {
            Some(wait) => error.retry_after(wait),
            // Nothing is ever answered.
            None => error,
        })
    }
}
