//! What is traced in a call goes to its client.

use std::sync::Arc;

use super::Call;

impl Call {
    /// Lets what is traced in its span go to its client, if there is a [`ClientLog`](crate::ClientLog).
    #[cfg(feature = "client-log")]
    pub(super) fn is_heard(self: &Arc<Self>) {
        use crate::telemetry::{Audience, hand_to, is_on};
        if !is_on() {
            return;
        }
        hand_to(&self.span(), || {
            let audience: Arc<dyn Audience> = self.clone();
            Arc::downgrade(&audience)
        });
    }

    #[cfg(not(feature = "client-log"))]
    pub(super) fn is_heard(self: &Arc<Self>) {}
}

#[cfg(feature = "client-log")]
mod heard {
    use super::Call;
    use crate::protocol::{LoggingLevel, LoggingMessageNotificationParams, ServerNotification};
    use crate::telemetry::Audience;

    impl Audience for Call {
        fn wants(&self, level: LoggingLevel) -> bool {
            let state = self.lock();
            state.outlet.is_some() && state.round.log_level.is_some_and(|least| level >= least)
        }

        fn tell(&self, message: LoggingMessageNotificationParams) -> bool {
            let Some(outlet) = self.outlet() else { return true };
            if !self.is_news(|| serde_json::to_vec(&message).unwrap_or_default()) {
                return true;
            }
            outlet.notify_at_once(ServerNotification::Message(message))
        }
    }
}
