//! What goes on, counted.

use tokio::sync::watch;

/// Counts what goes on, and waits until nothing does.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tally(watch::Sender<()>);

/// One that is counted, until it is dropped.
#[derive(Debug)]
pub(crate) struct Counted(#[expect(dead_code, reason = "it is there to be dropped")] watch::Receiver<()>);

impl Tally {
    /// One more, for as long as this is kept.
    pub(crate) fn count(&self) -> Counted {
        Counted(self.0.subscribe())
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.0.receiver_count()
    }

    /// Waits until there are none.
    pub(crate) async fn none(&self) {
        self.0.closed().await;
    }
}
