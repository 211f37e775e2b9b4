use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use foldhash::HashMap;
use tokio::time::Instant;
use tower_layer::Layer;
use tower_service::Service;

use super::around::{Around, Policy};
use super::{CallError, CallRequest, CallResponse, CallResult, Refusal};
use crate::protocol::{BoxFuture, Principal};

/// Lets so many calls through in any period of some length; one more is refused, with the time after which it
/// makes sense to call again. Each [principal](Principal) has its own count, and all who are not authenticated
/// share one.
///
/// A call that goes on in another round counts once while it is suspended in between, and again where it has to run
/// from the top.
#[derive(Debug, Clone)]
pub struct RateLimit {
    calls: usize,
    per: Duration,
    made: Arc<Mutex<HashMap<Option<Principal>, VecDeque<Instant>>>>,
}

impl RateLimit {
    /// Lets `calls` through in any period of this length.
    #[must_use]
    pub fn new(calls: usize, per: Duration) -> Self {
        Self { calls, per, made: Arc::default() }
    }

    /// Counts a call, or says how long to wait.
    fn count(&self, principal: Option<Principal>) -> Result<(), Duration> {
        let now = Instant::now();
        let is_over = |made: &Instant| now.duration_since(*made) >= self.per;
        let mut all = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= MANY {
            all.retain(|_, made| made.back().is_some_and(|last| !is_over(last)));
        }
        let made = all.entry(principal).or_default();
        while made.front().is_some_and(is_over) {
            made.pop_front();
        }
        if made.len() < self.calls {
            made.push_back(now);
            return Ok(());
        }
        Err(made.front().map_or(self.per, |first| self.per.saturating_sub(now.duration_since(*first))))
    }
}

/// With more principals than this, those are forgotten that have not called for long.
const MANY: usize = 1024;

impl<S> Layer<S> for RateLimit {
    type Service = Around<S, Self>;

    fn layer(&self, inner: S) -> Self::Service {
        Around { inner, policy: self.clone() }
    }
}

impl Policy for RateLimit {
    fn call<S>(&self, inner: &mut S, request: CallRequest) -> BoxFuture<'static, CallResult>
    where
        S: Service<CallRequest, Response = CallResponse, Error = CallError>,
        S::Future: Send + 'static,
    {
        match self.count(request.principal()) {
            Ok(()) => Box::pin(inner.call(request)),
            Err(wait) => {
                let (calls, per) = (self.calls, self.per);
                let seconds = wait.as_millis().div_ceil(1000);
                let message = format!("there were {calls} calls in {per:?} already; call again in {seconds} s");
                Box::pin(std::future::ready(Err(Refusal::new(message).into())))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn each_principal_has_its_own_count() {
        let limit = RateLimit::new(2, Duration::from_secs(10));
        let ada = || Some(Principal::new("ada"));
        assert_eq!(limit.count(ada()), Ok(()));
        tokio::time::advance(Duration::from_secs(4)).await;
        assert_eq!(limit.count(ada()), Ok(()));
        assert_eq!(limit.count(ada()), Err(Duration::from_secs(6)));
        assert_eq!(limit.count(None), Ok(()));
        tokio::time::advance(Duration::from_secs(6)).await;
        assert_eq!(limit.count(ada()), Ok(()));
        assert_eq!(limit.count(ada()), Err(Duration::from_secs(4)));
    }

    #[tokio::test(start_paused = true)]
    async fn those_who_are_gone_are_forgotten() {
        let limit = RateLimit::new(1, Duration::from_secs(1));
        for number in 0..3 * MANY {
            assert_eq!(limit.count(Some(Principal::new(number.to_string()))), Ok(()));
            tokio::time::advance(Duration::from_millis(10)).await;
        }
        assert!(limit.made.lock().expect("no panic").len() <= MANY);
    }
}
