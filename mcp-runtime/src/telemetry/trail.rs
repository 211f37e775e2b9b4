//! The spans that a call goes through.

use tracing::Span;

use super::is_on;

/// The spans that a call goes through: that of the request which drives it at the moment, one after
/// the other. Between requests there is none, so that none stays open.
#[derive(Debug)]
pub(crate) struct Trail {
    span: Span,
    /// Where the call began, as other processes know it.
    #[cfg(feature = "otel")]
    begun: Option<opentelemetry::trace::SpanContext>,
}

impl Trail {
    /// Begins with the span of this thread, which is that of the request that is being served.
    pub(crate) fn begin() -> Self {
        let span = current();
        Self {
            #[cfg(feature = "otel")]
            begun: super::otel::span_context(&span),
            span,
        }
    }

    /// Goes on with the span that another one has begun with. What comes back is settled where no lock
    /// is held, since whoever looks at spans runs then.
    pub(crate) fn go_on(&mut self, next: Self) -> Left {
        let span = std::mem::replace(&mut self.span, next.span);
        Left {
            #[cfg(feature = "otel")]
            link: self.begun.clone().map(|begun| (self.span.clone(), begun)),
            _span: span,
        }
    }

    /// Goes on with this span; the other one is dropped where no lock is held.
    #[must_use]
    pub(crate) fn change(&mut self, span: Span) -> Span {
        std::mem::replace(&mut self.span, span)
    }

    pub(crate) fn span(&self) -> Span {
        self.span.clone()
    }
}

/// What is left to do when a call has gone on.
#[must_use]
pub(crate) struct Left {
    _span: Span,
    #[cfg(feature = "otel")]
    link: Option<(Span, opentelemetry::trace::SpanContext)>,
}

impl Left {
    /// Links the new span to where the call began, unless its client says that they are of one trace.
    pub(crate) fn settle(self) {
        #[cfg(feature = "otel")]
        if let Some((span, begun)) = self.link {
            super::otel::link(&span, begun);
        }
    }
}

/// The span of this thread, if anybody looks at spans.
pub(crate) fn current() -> Span {
    if is_on() { Span::current() } else { Span::none() }
}
