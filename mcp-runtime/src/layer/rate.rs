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
    made: Arc<Mutex<Made>>,
}

/// When each principal has called.
#[derive(Debug)]
struct Made {
    calls: HashMap<Option<Principal>, VecDeque<Instant>>,
    /// After so many calls, those are forgotten that have not called for long. As many as there are to look through,
    /// so that it costs each call little.
    until_sweep: usize,
}

impl Default for Made {
    fn default() -> Self {
        Self { calls: HashMap::default(), until_sweep: FEW }
    }
}

impl RateLimit {
    /// Lets `calls` through in any period of this length.
    #[must_use]
    pub fn new(calls: usize, per: Duration) -> Self {
        Self { calls, per, made: Arc::default() }
    }

    /// Counts a call, or says why it is refused.
    pub(crate) fn admit(&self, principal: Option<Principal>) -> Result<(), String> {
        self.count(principal).map_err(|wait| {
            let Self { calls, per, .. } = self;
            let seconds = wait.as_millis().div_ceil(1000);
            format!("there were {calls} calls in {per:?} already; call again in {seconds} s")
        })
    }

    /// Counts a call, or says how long to wait.
    fn count(&self, principal: Option<Principal>) -> Result<(), Duration> {
        let now = Instant::now();
        let is_over = |made: &Instant| now.duration_since(*made) >= self.per;
        let mut all = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        all.until_sweep -= 1;
        if all.until_sweep == 0 {
            all.calls.retain(|_, made| made.back().is_some_and(|last| !is_over(last)));
            all.until_sweep = all.calls.len().max(FEW);
        }
        let made = all.calls.entry(principal).or_default();
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

/// So many calls, at least, are between two looks for those who have not called for long.
const FEW: usize = 1024;

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
        match self.admit(request.principal()) {
            Ok(()) => Box::pin(inner.call(request)),
            Err(message) => Box::pin(std::future::ready(Err(Refusal::new(message).into()))),
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
        for number in 0..3 * FEW {
            assert_eq!(limit.count(Some(Principal::new(number.to_string()))), Ok(()));
            tokio::time::advance(Duration::from_millis(10)).await;
        }
        assert!(limit.made.lock().expect("no panic").calls.len() <= 2 * FEW);
    }

    /// Looking for those who are gone must not cost each call of those who are not.
    #[tokio::test(start_paused = true)]
    async fn those_who_are_there_are_seldom_looked_through() {
        let limit = RateLimit::new(2, Duration::from_secs(1));
        let until_sweep = || limit.made.lock().expect("no panic").until_sweep;
        let (mut sweeps, mut last) = (0, until_sweep());
        for number in (0..16 * FEW).chain(0..16 * FEW) {
            assert_eq!(limit.count(Some(Principal::new(number.to_string()))), Ok(()));
            sweeps += usize::from(std::mem::replace(&mut last, until_sweep()) < last);
        }
        assert_eq!(sweeps, 6);
    }
}
