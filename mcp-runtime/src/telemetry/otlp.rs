//! Sends what is traced and measured to a collector.

use std::fmt;
use std::sync::Arc;

use opentelemetry::metrics::{Meter, MeterProvider as _};
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::{MetricExporter, SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::Subscriber;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::registry::LookupSpan;

use crate::error::{Error, ErrorKind};

/// Sends traces and measurements to an OpenTelemetry collector, as OTLP in protobuf over HTTP.
///
/// Where to, and how often, is said by the environment variables of the OpenTelemetry specification:
/// `OTEL_EXPORTER_OTLP_ENDPOINT` (`http://localhost:4318` by default), `OTEL_EXPORTER_OTLP_HEADERS`,
/// `OTEL_EXPORTER_OTLP_TIMEOUT`, `OTEL_TRACES_SAMPLER`, `OTEL_BSP_SCHEDULE_DELAY`,
/// `OTEL_METRIC_EXPORT_INTERVAL`, `OTEL_SERVICE_NAME`, `OTEL_RESOURCE_ATTRIBUTES` and others. An
/// `https` endpoint needs the feature `otlp-tls`. What cannot be sent is dropped; calls do not wait for it.
///
/// ```no_run
/// use mcp_runtime::Otlp;
/// use mcp_runtime::prelude::*;
/// use tracing_subscriber::prelude::*;
///
/// #[tokio::main]
/// async fn main() -> Result<()> {
///     let otlp = Otlp::start("product-catalog")?;
///     tracing_subscriber::registry()
///         .with(tracing_subscriber::fmt::layer().with_writer(std::io::stderr))
///         .with(otlp.layer())
///         .init();
///     Server::new("product-catalog").meter(&otlp.meter()).run().await?;
///     otlp.shutdown()?;
///     Ok(())
/// }
/// ```
///
/// Clones are the same one. When the last one is dropped, what was not sent yet may be lost; call
/// [`Otlp::shutdown`].
#[derive(Clone)]
pub struct Otlp {
    providers: Arc<Providers>,
}

struct Providers {
    traces: SdkTracerProvider,
    meters: SdkMeterProvider,
}

/// Who made the spans and measurements.
const SCOPE: &str = "mcp-runtime";

impl Otlp {
    /// Begins to send, in the name of a service. `OTEL_SERVICE_NAME` says another name.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`] when the environment says something that cannot be.
    pub fn start(service: impl Into<String>) -> Result<Self, Error> {
        Self::begin(service.into(), None)
    }

    /// The same for a collector whose endpoint is not in the environment: `http://collector:4318`.
    ///
    /// # Errors
    ///
    /// As [`Otlp::start`], and when the endpoint is not a URL.
    pub fn start_at(service: impl Into<String>, endpoint: &str) -> Result<Self, Error> {
        Self::begin(service.into(), Some(endpoint.trim_end_matches('/')))
    }

    fn begin(service: String, endpoint: Option<&str>) -> Result<Self, Error> {
        let mut resource = Resource::builder();
        if std::env::var_os("OTEL_SERVICE_NAME").is_none() {
            resource = resource.with_service_name(service);
        }
        let resource = resource.build();
        let wrong = |error| Error::new(ErrorKind::Configuration, "traces cannot be sent").with_source(error);
        let mut spans = SpanExporter::builder().with_http();
        let mut metrics = MetricExporter::builder().with_http();
        if let Some(endpoint) = endpoint {
            spans = spans.with_endpoint(format!("{endpoint}/v1/traces"));
            metrics = metrics.with_endpoint(format!("{endpoint}/v1/metrics"));
        }
        let (spans, metrics) = (spans.build().map_err(wrong)?, metrics.build().map_err(wrong)?);
        let traces = SdkTracerProvider::builder().with_resource(resource.clone()).with_batch_exporter(spans).build();
        let meters = SdkMeterProvider::builder().with_resource(resource).with_periodic_exporter(metrics).build();
        Ok(Self { providers: Arc::new(Providers { traces, meters }) })
    }

    /// Sends spans and events from `info` on, as a layer for a subscriber.
    pub fn layer<S: Subscriber + for<'a> LookupSpan<'a>>(&self) -> impl Layer<S> + use<S> {
        let tracer = self.providers.traces.tracer(SCOPE);
        // What sends traces itself, and must not do so without end.
        tracing_opentelemetry::layer().with_tracer(tracer).with_filter(LevelFilter::INFO)
    }

    /// Where measurements are taken, for [`Server::meter`](crate::Server::meter) and
    #[cfg_attr(feature = "client", doc = "[`ClientBuilder::meter`](crate::client::ClientBuilder::meter),")]
    #[cfg_attr(not(feature = "client"), doc = "clients,")]
    /// and for measurements of the program's own.
    #[must_use]
    pub fn meter(&self) -> Meter {
        self.providers.meters.meter(SCOPE)
    }

    /// The provider of traces, for what is not in a [layer](Otlp::layer).
    #[must_use]
    pub fn tracer_provider(&self) -> &SdkTracerProvider {
        &self.providers.traces
    }

    /// Sends what there still is, and ends. It blocks its thread for as long as that takes, a few seconds
    /// at most where the collector does not answer.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Io`] when it could not all be sent.
    pub fn shutdown(&self) -> Result<(), Error> {
        let lost =
            |error| Error::new(ErrorKind::Io, "not everything could be sent to the collector").with_source(error);
        let Providers { traces, meters } = &*self.providers;
        // Whether it has arrived is said only when it is flushed.
        let sent = traces.force_flush().and(meters.force_flush());
        let ended = traces.shutdown().and(meters.shutdown());
        sent.and(ended).map_err(lost)
    }
}

impl fmt::Debug for Otlp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Otlp").finish_non_exhaustive()
    }
}
