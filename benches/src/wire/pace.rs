//! Calls that begin at a fixed rate, whatever was answered. It has no clock: times are those since the first call.

use std::fmt;
use std::num::NonZeroU32;
use std::time::Duration;

use crate::Result;

/// How many calls are due in a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rate(NonZeroU32);

impl Rate {
    /// What a word such as `20000/s` says.
    ///
    /// # Errors
    ///
    /// When there stands no positive whole number before `/s`.
    pub(crate) fn from_word(word: &str) -> Result<Self> {
        word.strip_suffix("/s").and_then(|number| number.parse().ok()).map(Self).ok_or_else(|| {
            format!(
                "`{word}` is no rate: before `/s` stands how many calls begin in a second, a positive whole number \
                 of at most {}, as in `20000/s`",
                u32::MAX
            )
            .into()
        })
    }

    pub(crate) fn per_second(self) -> u32 {
        self.0.get()
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/s", self.0)
    }
}

/// When calls are due: the first at once, the others at even distances.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    rate: Rate,
    /// How many there are, and how many of them have begun.
    calls: u64,
    begun: u64,
    end: Duration,
}

impl Pace {
    /// As many calls as are due in this time.
    pub(crate) fn new(rate: Rate, time: Duration) -> Self {
        let calls = (time.as_nanos() * u128::from(rate.per_second())).div_ceil(1_000_000_000);
        let calls = u64::try_from(calls).unwrap_or(u64::MAX);
        Self { rate, calls, begun: 0, end: due_of(calls, rate) }
    }

    /// When a call would be due that follows the last one. None begins then or later.
    pub(crate) fn end(&self) -> Duration {
        self.end
    }

    /// When the next call is due, or was; `None` when there is to be no other.
    pub(crate) fn due(&self) -> Option<Duration> {
        (self.begun < self.calls).then(|| due_of(self.begun, self.rate))
    }

    /// Begins the next call, if it is due by now; says since when.
    pub(crate) fn begin(&mut self, now: Duration) -> Option<Duration> {
        if now >= self.end {
            self.calls = self.begun;
        }
        let due = self.due().filter(|due| *due <= now)?;
        self.begun += 1;
        Some(due)
    }
}

/// Counted from the first call each time, so that nothing adds up which a distance between two is rounded by.
fn due_of(call: u64, rate: Rate) -> Duration {
    let nanoseconds = u128::from(call) * 1_000_000_000 / u128::from(rate.per_second());
    Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pace(word: &str, time: Duration) -> Pace {
        Pace::new(Rate::from_word(word).unwrap(), time)
    }

    #[test]
    fn calls_are_due_at_even_distances() {
        let mut pace = pace("20000/s", Duration::from_millis(200));
        assert_eq!(pace.end(), Duration::from_millis(200));
        for call in 0..4000 {
            let due = Duration::from_micros(50 * call);
            assert_eq!(pace.due(), Some(due));
            assert_eq!(pace.begin(due), Some(due));
            assert_eq!(pace.begin(due), None, "the next one is not due yet");
        }
        assert_eq!(pace.due(), None);
    }

    #[test]
    fn roundings_do_not_add_up() {
        let mut pace = pace("3/s", Duration::from_secs(1));
        let all = std::iter::from_fn(|| pace.begin(Duration::from_millis(999)));
        assert_eq!(all.map(|due| due.as_nanos()).collect::<Vec<_>>(), [0, 333_333_333, 666_666_666]);
        assert_eq!(pace.end(), Duration::from_secs(1));
    }

    #[test]
    fn a_time_is_as_long_as_its_calls() {
        for (word, milliseconds, end) in [("1/s", 200, 1000), ("5/s", 200, 200), ("8/s", 200, 250)] {
            assert_eq!(pace(word, Duration::from_millis(milliseconds)).end(), Duration::from_millis(end), "{word}");
        }
    }

    #[test]
    fn a_call_that_waited_is_due_since_it_was() {
        let mut pace = pace("10/s", Duration::from_secs(1));
        let late = Duration::from_millis(250);
        let due = [pace.begin(late), pace.begin(late), pace.begin(late), pace.begin(late)];
        assert_eq!(due.map(|due| due.map(|due| due.as_millis())), [Some(0), Some(100), Some(200), None]);
        assert_eq!(pace.due(), Some(Duration::from_millis(300)));
        // What has waited until the end never begins.
        assert_eq!(pace.begin(pace.end()), None);
        assert_eq!(pace.due(), None);
        assert_eq!(pace.end(), Duration::from_secs(1));
    }
}
