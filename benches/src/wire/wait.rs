//! Waits until a server has said something, or until a call is due.

use std::os::fd::{AsRawFd as _, OwnedFd};
use std::time::{Duration, Instant};

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Registry, Token};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
};

use crate::Result;

/// Who takes longer than this does not answer.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

const TIMER: Token = Token(usize::MAX);

pub(crate) struct Wait {
    poll: Poll,
    events: Events,
    timer: Option<Timer>,
}

impl Wait {
    /// For so many events at a time.
    pub(crate) fn new(events: usize) -> Result<Self> {
        Ok(Self { poll: Poll::new()?, events: Events::with_capacity(events), timer: None })
    }

    pub(crate) fn registry(&self) -> &Registry {
        self.poll.registry()
    }

    /// Waits until something is ready, at most until then.
    ///
    /// # Errors
    ///
    /// When that takes too long.
    pub(crate) fn wait(&mut self, until: Option<Instant>) -> Result<()> {
        let mut patience = PATIENCE;
        if let Some(until) = until {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                patience = left;
            } else {
                self.timer()?.set(until, left)?;
            }
        }
        self.poll.poll(&mut self.events, Some(patience))?;
        if self.events.is_empty() && !patience.is_zero() {
            return Err(format!("no answer for {PATIENCE:?}").into());
        }
        Ok(())
    }

    /// What is ready. That it is time is not among it.
    pub(crate) fn ready(&self) -> impl Iterator<Item = Token> {
        self.events.iter().map(|event| event.token()).filter(|token| *token != TIMER)
    }

    fn timer(&mut self) -> Result<&mut Timer> {
        let timer = match self.timer.take() {
            Some(timer) => timer,
            None => Timer::new(self.poll.registry())?,
        };
        Ok(self.timer.insert(timer))
    }
}

/// The time that a poll may take is told in milliseconds, which is too coarse.
struct Timer {
    file: OwnedFd,
    set: Option<Instant>,
}

impl Timer {
    fn new(registry: &Registry) -> Result<Self> {
        let file = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC)?;
        registry.register(&mut SourceFd(&file.as_raw_fd()), TIMER, Interest::READABLE)?;
        Ok(Self { file, set: None })
    }

    /// It need not be read: that it is set again makes it new.
    fn set(&mut self, until: Instant, left: Duration) -> Result<()> {
        if self.set != Some(until) {
            let it_interval = Timespec { tv_sec: 0, tv_nsec: 0 };
            let it_value = Timespec { tv_sec: left.as_secs().try_into()?, tv_nsec: left.subsec_nanos().into() };
            timerfd_settime(&self.file, TimerfdTimerFlags::empty(), &Itimerspec { it_interval, it_value })?;
            self.set = Some(until);
        }
        Ok(())
    }
}
