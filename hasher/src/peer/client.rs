//! The way to other pods: one connection each, shared by all requests, made when it is needed.
//!
//! Whoever needs a connection that is being made waits for that one, so a peer that does not answer
//! costs all who ask together one time-out. A request that is dropped is taken back from the peer.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use authcluster_contract::node::NodeId;
use bytes::Bytes;
use futures::FutureExt as _;
use futures::future::{BoxFuture, Shared};
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http2::{Builder, Connection, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::tls::{Caller, PeerTls};
use super::wire::{BODY_BYTES_MAX, Reply, decode_reply, encode_job};
use crate::clock;
use crate::server::refusal;
use crate::telemetry::{Tasks, chain};
use crate::work::{Job, Terms, Who};

/// Time for a connection, its TLS handshake included. Pods are milliseconds apart, so one that
/// takes longer is gone or stuck; a quarter of the usual deadline leaves time to ask another.
/// Doubled, two dead pods cost a request its deadline.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(250);

/// Time without a word from the peer after which it is asked for one, also while nothing is open: a
/// pod that vanished is then found out before a request needs it.
const SILENCE: Duration = Duration::from_millis(250);

/// Time for that word. A pod that is held at its CPU limit stands still for a tenth of a second;
/// with [`SILENCE`], a dead pod is found within the usual deadline of a second.
const WORD_TIMEOUT: Duration = Duration::from_millis(500);

/// No connection came about.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// Nobody listens there.
    #[error("the peer at {peer} cannot be reached")]
    Unreachable {
        /// Its address.
        peer: SocketAddr,
        /// Why.
        #[source]
        cause: std::io::Error,
    },
    /// It is no peer, or takes us for none.
    #[error("the peer at {peer} is not trusted: {reason}")]
    NotTrusted {
        /// Its address.
        peer: SocketAddr,
        /// What is wrong with its certificate.
        reason: String,
    },
    /// It takes too long.
    #[error("the peer at {peer} made no connection within {} ms", CONNECT_TIMEOUT.as_millis())]
    Slow {
        /// Its address.
        peer: SocketAddr,
    },
    /// It does not speak HTTP/2.
    #[error("the peer at {peer} does not speak HTTP/2")]
    Http {
        /// Its address.
        peer: SocketAddr,
        /// Why.
        #[source]
        cause: hyper::Error,
    },
    /// This pod ends.
    #[error("this pod ends")]
    Ending,
}

/// A job that came to no answer at a peer. Names no content.
#[derive(Debug, thiserror::Error)]
pub enum PeerError {
    /// No connection came about.
    #[error(transparent)]
    Connect(Arc<ConnectError>),
    /// The connection broke.
    #[error("the peer broke off")]
    Broke(#[source] hyper::Error),
    /// The answer did not arrive whole, or is too long.
    #[error("the peer's answer did not arrive")]
    Body(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// It answered with what this version does not read.
    #[error("the peer's answer is not understood, status {0}")]
    NotUnderstood(StatusCode),
    /// The deadline has passed.
    #[error("the peer did not answer before the deadline")]
    Late,
    /// The request could not be made.
    #[error("the request to the peer could not be written")]
    Request(#[source] Box<dyn std::error::Error + Send + Sync>),
}

type Sender = SendRequest<Full<Bytes>>;
type Link = Shared<BoxFuture<'static, Result<Sender, Arc<ConnectError>>>>;
type Driver = Connection<TokioIo<TlsStream<TcpStream>>, Full<Bytes>, TokioExecutor>;

/// Hands jobs to peers. Cheap to clone; clones share their connections.
#[derive(Clone)]
pub struct Client {
    tls: PeerTls,
    tasks: Tasks,
    links: Arc<Mutex<BTreeMap<SocketAddr, Link>>>,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Client(..)")
    }
}

impl Client {
    /// Without connections yet. Those that it makes end with the tasks.
    #[must_use]
    pub fn new(tls: PeerTls, tasks: Tasks) -> Self {
        Self { tls, tasks, links: Arc::default() }
    }

    /// Hands a job to a peer and waits for what comes of it, at most until its deadline. Dropped,
    /// it takes the job back.
    ///
    /// # Errors
    /// See [`PeerError`]; a refusal is none.
    pub async fn compute(
        &self,
        peer: SocketAddr,
        from: &NodeId,
        (who, job): (Option<&Who>, &Job),
        terms: Terms,
    ) -> Result<Reply, PeerError> {
        let left = terms.deadline.saturating_duration_since(clock::now());
        let exchange = self.exchange(peer, from, (who, job), &terms);
        let replied = tokio::time::timeout(left, exchange).await.unwrap_or(Err(PeerError::Late));
        if replied.as_ref().is_ok_and(|reply| reply.answer.is_refusal()) {
            terms.started.not_begun_at_peer();
        }
        terms.started.ended_at_peer();
        replied
    }

    async fn exchange(
        &self,
        peer: SocketAddr,
        from: &NodeId,
        (who, job): (Option<&Who>, &Job),
        terms: &Terms,
    ) -> Result<Reply, PeerError> {
        let mut fresh = false;
        loop {
            let mut sender = self.link(peer).await.map_err(PeerError::Connect)?;
            // Written now, because making the connection took time from the deadline.
            let request = request(peer, from, (who, job), terms)?;
            terms.started.sent_to_peer();
            match sender.try_send_request(request).await {
                Ok(response) => {
                    let status = response.status();
                    let body = Limited::new(response.into_body(), BODY_BYTES_MAX);
                    let body = body.collect().await.map_err(PeerError::Body)?.to_bytes();
                    return decode_reply(&body).ok_or(PeerError::NotUnderstood(status));
                }
                Err(mut error) => {
                    let unsent = error.take_message().is_some();
                    if unsent {
                        terms.started.not_begun_at_peer();
                    }
                    if fresh || !unsent {
                        return Err(PeerError::Broke(error.into_error()));
                    }
                    // The peer has closed a connection that lay idle, and has seen nothing of the
                    // request: not a failure of the peer yet.
                    fresh = true;
                }
            }
        }
    }

    /// The connection to a peer: the one that is there or being made, or else a new one.
    fn link(&self, peer: SocketAddr) -> Link {
        let mut links = self.links.lock().unwrap_or_else(PoisonError::into_inner);
        let last = links.get(&peer).map(|link| (link.clone(), link.peek().cloned()));
        let failed_before = match last {
            Some((link, None)) => return link,
            Some((link, Some(Ok(sender)))) if !sender.is_closed() => return link,
            Some((_, Some(made))) => made.is_err(),
            None => {
                // A pod that is new here takes the place of those that have gone.
                links.retain(|_, link| match link.peek() {
                    None => true,
                    Some(made) => made.as_ref().is_ok_and(|sender| !sender.is_closed()),
                });
                false
            }
        };
        let (sender, made) = oneshot::channel();
        let made = async { made.await.unwrap_or_else(|_| Err(Arc::new(ConnectError::Ending))) };
        let link = made.boxed().shared();
        links.insert(peer, link.clone());
        let (caller, tasks) = (self.tls.client(), self.tasks.clone());
        self.tasks.spawn("peer", async move {
            let connection = connection(peer, &caller, failed_before, sender);
            tokio::select! {
                () = connection => {}
                () = tasks.stopping().cancelled_owned() => {}
            }
        });
        link
    }
}

fn request(
    peer: SocketAddr,
    from: &NodeId,
    (who, job): (Option<&Who>, &Job),
    terms: &Terms,
) -> Result<Request<Full<Bytes>>, PeerError> {
    let body = encode_job(from, (who, job), terms, clock::now())
        .map_err(|error| PeerError::Request(error.into()))?;
    // Wiped when the last of the connection's handles on it is gone.
    let body = Full::new(Bytes::from_owner(body));
    Request::post(format!("https://{peer}/v1/compute"))
        .body(body)
        .map_err(|error| PeerError::Request(error.into()))
}

/// Makes a connection, hands it out, and drives it to its end.
async fn connection(
    peer: SocketAddr,
    caller: &Caller,
    failed_before: bool,
    made: oneshot::Sender<Result<Sender, Arc<ConnectError>>>,
) {
    let connecting = tokio::time::timeout(CONNECT_TIMEOUT, connect(peer, caller));
    match connecting.await.unwrap_or(Err(ConnectError::Slow { peer })) {
        Ok((sender, driver)) => {
            drop(made.send(Ok(sender)));
            if let Err(error) = driver.await {
                tracing::debug!(%peer, error = chain(&error), "a connection to a peer ended badly");
            }
        }
        Err(error) => {
            // Once in a row: requests go on to try until the table is without the pod.
            if failed_before {
                tracing::debug!(error = chain(&error), "still no connection to a peer");
            } else {
                tracing::warn!(error = chain(&error), "no connection to a peer");
            }
            drop(made.send(Err(Arc::new(error))));
        }
    }
}

async fn connect(peer: SocketAddr, caller: &Caller) -> Result<(Sender, Driver), ConnectError> {
    let stream = TcpStream::connect(peer)
        .await
        .map_err(|cause| ConnectError::Unreachable { peer, cause })?;
    // A request is small: waiting to fill a packet only costs time.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(error = %error, "no TCP_NODELAY");
    }
    let stream = TlsConnector::from(Arc::clone(&caller.config))
        .connect(caller.name.clone(), stream)
        .await
        .map_err(|cause| ConnectError::NotTrusted { peer, reason: refusal(&cause) })?;
    Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .keep_alive_interval(SILENCE)
        .keep_alive_timeout(WORD_TIMEOUT)
        .keep_alive_while_idle(true)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(|cause| ConnectError::Http { peer, cause })
}
