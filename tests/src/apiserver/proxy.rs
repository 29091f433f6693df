//! What lies between an operator and the API server: a proxy on loopback that counts every request, and
//! answers some of them as a troubled API server would. It speaks to the API server as whoever its client
//! is; the operator's own client, with its retries and time-outs, is the real one.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use futures::StreamExt as _;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, BodyStream, Full, StreamBody};
use hyper::body::{Bytes, Incoming};
use hyper_util::rt::TokioIo;
use kube::client::Body;
use kube::{Client, Config};
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

type AnyError = Box<dyn std::error::Error + Send + Sync>;
type AnyBody = UnsyncBoxBody<Bytes, AnyError>;

/// How a request is answered instead of by the API server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// With an error of this code.
    Status(u16),
    /// With 429, and the time after which to come back, in seconds.
    Throttled(u16),
    /// Not at all; the connection stays.
    Hang,
    /// The connection ends in the middle.
    Break,
    /// A watch is accepted, and says nothing ever after, bookmarks included.
    Silence,
    /// With the first answer that the same request ever got, if it was recorded.
    Stale,
}

/// One request.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Which it is, from 0.
    pub number: usize,
    /// Its method.
    pub method: Method,
    /// Its path, and its query after a question mark.
    pub target: String,
    /// When it came.
    pub at: Instant,
}

impl Asked {
    /// Whether it changes something.
    #[must_use]
    pub fn is_write(&self) -> bool {
        self.method != Method::GET
    }

    /// Whether it watches.
    #[must_use]
    pub fn is_watch(&self) -> bool {
        self.target.contains("watch=true")
    }

    /// Whether it is about leading.
    #[must_use]
    pub fn is_lease(&self) -> bool {
        self.target.contains("/leases")
    }

    /// Whether it is about this kind of objects, in the plural.
    #[must_use]
    pub fn is_of(&self, plural: &str) -> bool {
        let path = self.target.split('?').next().unwrap_or_default();
        path.split('/').any(|part| part == plural)
    }
}

type Rule = Box<dyn Fn(&Asked) -> Option<Fault> + Send>;

#[derive(Default)]
struct State {
    asked: Vec<Asked>,
    rule: Option<Rule>,
    recorded: Option<BTreeMap<String, (StatusCode, Bytes)>>,
    watches: CancellationToken,
}

struct Shared {
    upstream: Client,
    state: Mutex<State>,
}

/// The proxy; it ends when dropped.
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

impl Proxy {
    /// A proxy that speaks with `upstream`, whose client must not repeat requests by itself.
    ///
    /// # Errors
    /// No port.
    pub async fn start(mut upstream: Config) -> anyhow::Result<Self> {
        upstream.default_retry = false;
        let upstream = Client::try_from(upstream)?;
        let shared = Arc::new(Shared { upstream, state: Mutex::new(State::default()) });
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let accepting = Arc::clone(&shared);
        let task = tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                // Each ends with its connection, or with the test's runtime.
                drop(tokio::spawn(serve(connection, Arc::clone(&accepting))));
            }
        });
        Ok(Self { address, shared, task })
    }

    /// How to reach the API server through it.
    ///
    /// # Errors
    /// Never: the address is one.
    pub fn config(&self) -> anyhow::Result<Config> {
        Ok(Config::new(format!("http://{}", self.address).parse()?))
    }

    /// From now on answers requests as `rule` says.
    pub fn inject(&self, rule: impl Fn(&Asked) -> Option<Fault> + Send + 'static) {
        self.shared.state().rule = Some(Box::new(rule));
    }

    /// From now on passes everything on.
    pub fn heal(&self) {
        self.shared.state().rule = None;
    }

    /// From now on remembers the first answer to each read, for [`Fault::Stale`]: also that something was not
    /// there.
    pub fn record(&self) {
        self.shared.state().recorded = Some(BTreeMap::new());
    }

    /// Breaks every watch that is under way.
    pub fn break_watches(&self) {
        let old = std::mem::take(&mut self.shared.state().watches);
        old.cancel();
    }

    /// Every request since the start, or since they were last forgotten.
    #[must_use]
    pub fn asked(&self) -> Vec<Asked> {
        self.shared.state().asked.clone()
    }

    /// Forgets the requests so far.
    pub fn forget(&self) {
        self.shared.state().asked.clear();
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn serve(connection: TcpStream, shared: Arc<Shared>) {
    let service = hyper::service::service_fn(move |request| answer(request, Arc::clone(&shared)));
    // The end of a connection is nobody's fault here.
    drop(
        hyper::server::conn::http1::Builder::new()
            .serve_connection(TokioIo::new(connection), service)
            .await,
    );
}

async fn answer(
    request: Request<Incoming>,
    shared: Arc<Shared>,
) -> Result<Response<AnyBody>, AnyError> {
    let target = request.uri().path_and_query().map(ToString::to_string).unwrap_or_default();
    let (asked, fault, broken) = {
        let mut state = shared.state();
        let (number, method) = (state.asked.len(), request.method().clone());
        let asked = Asked { number, method, target, at: Instant::now() };
        state.asked.push(asked.clone());
        let fault = state.rule.as_ref().and_then(|rule| rule(&asked));
        (asked, fault, state.watches.clone())
    };
    match fault {
        Some(Fault::Status(code)) => refusal(code, None),
        Some(Fault::Throttled(seconds)) => refusal(429, Some(seconds)),
        Some(Fault::Hang) => std::future::pending().await,
        Some(Fault::Break) => Err("broken on purpose".into()),
        Some(Fault::Silence) => Ok(Response::new(silence())),
        Some(Fault::Stale) => {
            let recorded =
                shared.state().recorded.as_ref().and_then(|it| it.get(&asked.target).cloned());
            match recorded {
                Some((status, bytes)) => Ok(json_response(status, bytes)?),
                None => forward(request, &shared, &asked, broken).await,
            }
        }
        None => forward(request, &shared, &asked, broken).await,
    }
}

async fn forward(
    request: Request<Incoming>,
    shared: &Shared,
    asked: &Asked,
    broken: CancellationToken,
) -> Result<Response<AnyBody>, AnyError> {
    let (mut parts, body) = request.into_parts();
    parts.uri = asked.target.parse()?;
    parts.headers.remove(header::HOST);
    let body = Body::from(body.collect().await?.to_bytes());
    let answer = shared.upstream.send(Request::from_parts(parts, body)).await?;
    if asked.is_watch() {
        let broken = broken.cancelled_owned();
        return Ok(answer.map(|body| {
            let end = futures::stream::once(async { Err(AnyError::from("broken on purpose")) });
            let frames = BodyStream::new(body).map(|frame| frame.map_err(AnyError::from));
            StreamBody::new(frames.take_until(broken).chain(end)).boxed_unsync()
        }));
    }
    let (parts, body) = answer.into_parts();
    let bytes = body.collect_bytes().await?;
    let is_answer = parts.status.is_success() || parts.status == StatusCode::NOT_FOUND;
    if asked.method == Method::GET && is_answer {
        let mut state = shared.state();
        if let Some(recorded) = &mut state.recorded {
            recorded.entry(asked.target.clone()).or_insert_with(|| (parts.status, bytes.clone()));
        }
    }
    Ok(Response::from_parts(parts, full(bytes)))
}

/// An error as the API server words it.
fn refusal(code: u16, retry_after_seconds: Option<u16>) -> Result<Response<AnyBody>, AnyError> {
    let reason = match code {
        409 => "Conflict",
        429 => "TooManyRequests",
        503 => "ServiceUnavailable",
        504 => "Timeout",
        _ => "InternalError",
    };
    let status = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": "injected by a test", "reason": reason, "code": code,
    });
    let mut response = json_response(StatusCode::from_u16(code)?, status.to_string().into())?;
    if let Some(seconds) = retry_after_seconds {
        response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    }
    Ok(response)
}

fn json_response(status: StatusCode, body: Bytes) -> Result<Response<AnyBody>, http::Error> {
    Response::builder()
        .status(status)
        .header(header::CONTENT_TYPE, "application/json")
        .body(full(body))
}

fn full(bytes: Bytes) -> AnyBody {
    Full::new(bytes).map_err(|never: Infallible| match never {}).boxed_unsync()
}

fn silence() -> AnyBody {
    StreamBody::new(futures::stream::pending()).boxed_unsync()
}
