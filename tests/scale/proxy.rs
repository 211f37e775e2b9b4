//! A reverse proxy that gives each request to the next replica, whoever it comes from, and tries nothing twice.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A proxy that runs until it is dropped.
#[derive(Debug)]
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    farm: Arc<Farm>,
    serving: JoinHandle<()>,
}

#[derive(Debug)]
struct Farm {
    backends: Vec<Backend>,
    /// Every so many answers, one does not arrive.
    loses: Option<usize>,
    requests: AtomicUsize,
    lost: AtomicUsize,
}

#[derive(Debug)]
struct Backend {
    address: SocketAddr,
    is_used: AtomicBool,
    /// Requests that no answer has begun to come to.
    unanswered: watch::Sender<usize>,
    /// Answers that have begun to come and go on.
    unfinished: Arc<AtomicUsize>,
}

impl Proxy {
    /// Stands before these; of every so many answers, one gets lost.
    pub(crate) async fn start(replicas: impl IntoIterator<Item = SocketAddr>, loses: Option<usize>) -> Self {
        let backends = replicas.into_iter().map(|address| Backend {
            address,
            is_used: AtomicBool::new(true),
            unanswered: watch::Sender::new(0),
            unfinished: Arc::default(),
        });
        let (requests, lost) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let farm = Arc::new(Farm { backends: backends.collect(), loses, requests, lost });
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("there is a port");
        let address = listener.local_addr().expect("it has an address");
        let served = farm.clone();
        let serving = tokio::spawn(async move {
            loop {
                let Ok((stream, _)) = listener.accept().await else { continue };
                let farm = served.clone();
                let service = service_fn(move |request| farm.clone().answer(request));
                tokio::spawn(
                    hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service),
                );
            }
        });
        Self { address, farm, serving }
    }

    /// How many answers got lost on purpose.
    pub(crate) fn lost(&self) -> usize {
        self.farm.lost.load(Ordering::SeqCst)
    }

    /// Gives a replica no more requests, and waits until it has begun to answer those that it was given.
    /// Says how many of those answers go on.
    pub(crate) async fn take_out(&self, replica: SocketAddr) -> usize {
        let backend = self.backend(replica);
        backend.is_used.store(false, Ordering::SeqCst);
        let mut unanswered = backend.unanswered.subscribe();
        unanswered.wait_for(|unanswered| *unanswered == 0).await.expect("the proxy runs");
        backend.unfinished.load(Ordering::SeqCst)
    }

    /// Gives it requests again.
    pub(crate) fn put_in(&self, replica: SocketAddr) {
        self.backend(replica).is_used.store(true, Ordering::SeqCst);
    }

    fn backend(&self, replica: SocketAddr) -> &Backend {
        self.farm.backends.iter().find(|backend| backend.address == replica).expect("one of its own")
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Farm {
    async fn answer(
        self: Arc<Self>,
        request: Request<Incoming>,
    ) -> Result<Response<BoxBody<Bytes, BoxError>>, BoxError> {
        let number = self.requests.fetch_add(1, Ordering::SeqCst);
        let mut used = self.backends.iter().cycle().skip(number % self.backends.len()).take(self.backends.len());
        let taken = used.find_map(|backend| {
            // Counted first: who takes it out of use sees one or the other.
            let unanswered = Unanswered::begin(backend);
            backend.is_used.load(Ordering::SeqCst).then_some((backend, unanswered))
        });
        let (backend, unanswered) = taken.expect("one is in use");
        let Ok(response) = forward(backend.address, request).await else {
            let mut response = Response::new(Empty::new().map_err(infallible).boxed());
            *response.status_mut() = StatusCode::BAD_GATEWAY;
            return Ok(response);
        };
        let unfinished = Unfinished::begin(backend);
        drop(unanswered);
        if self.loses.is_some_and(|every| number % every == every - 1) {
            // It was given, to nobody.
            _ = response.into_body().collect().await;
            self.lost.fetch_add(1, Ordering::SeqCst);
            return Err("an answer got lost".into());
        }
        Ok(response.map(|body| {
            let body = body.map_frame(move |frame| {
                let _open = &unfinished;
                frame
            });
            body.map_err(BoxError::from).boxed()
        }))
    }
}

async fn forward(address: SocketAddr, request: Request<Incoming>) -> Result<Response<Incoming>, BoxError> {
    let stream = TcpStream::connect(address).await?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    // It ends with the answer.
    tokio::spawn(connection);
    Ok(sender.send_request(request).await?)
}

fn infallible(never: Infallible) -> BoxError {
    match never {}
}

struct Unanswered<'b>(&'b Backend);

impl<'b> Unanswered<'b> {
    fn begin(backend: &'b Backend) -> Self {
        backend.unanswered.send_modify(|unanswered| *unanswered += 1);
        Self(backend)
    }
}

impl Drop for Unanswered<'_> {
    fn drop(&mut self) {
        self.0.unanswered.send_modify(|unanswered| *unanswered -= 1);
    }
}

struct Unfinished(Arc<AtomicUsize>);

impl Unfinished {
    fn begin(backend: &Backend) -> Self {
        backend.unfinished.fetch_add(1, Ordering::SeqCst);
        Self(backend.unfinished.clone())
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}
