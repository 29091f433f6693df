//! Whether the watches live. A watch that died in silence is an operator that never acts again while
//! all its endpoints answer, so the proof has to come from the wire: each watch that the server accepts
//! (a new one at least every [`WATCH_TIMEOUT_SECONDS`]) and each frame of it, bookmarks included, is a
//! sign of life of its resource. Lists are not: other parts of the operator list the same paths.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use futures::future::BoxFuture;
use http::{Request, Response};
use http_body_util::BodyExt as _;
use http_body_util::combinators::MapFrame;
use hyper::body::{Body, Bytes, Frame};
use tokio::time::Instant;
use tower::{Layer, Service};

use crate::clock::Clock;

/// The server ends a watch after so long, and the client begins the next. Below the 240 seconds
/// after which cloud load balancers drop idle connections without a word.
pub const WATCH_TIMEOUT_SECONDS: u32 = 200;

/// A resource without a sign of life for so long is dead: the longest quiet time of a healthy watch
/// (its timeout and 5 s of the client's own margin), the longest back-off (30 s, with jitter up to
/// twice that), and room for one slow list.
pub const DEAD_AFTER: Duration = Duration::from_secs(300);

/// When each watched resource last gave a sign of life.
#[derive(Clone, Debug, Default)]
pub struct LifeSigns {
    seen: Arc<Mutex<BTreeMap<String, Instant>>>,
    clock: Clock,
}

impl LifeSigns {
    /// Expects signs of life of the resource with this URL path from now on.
    pub fn expect(&self, path: &str) {
        self.lock().insert(path.to_owned(), self.clock.instant());
    }

    /// Expects nothing any more.
    pub fn clear(&self) {
        self.lock().clear();
    }

    /// The resources without a sign of life for [`DEAD_AFTER`] at `now`, with the time since.
    #[must_use]
    pub fn dead(&self, now: Instant) -> Vec<(String, Duration)> {
        let quiet = |since: &Instant| now.saturating_duration_since(*since);
        let seen = self.lock();
        seen.iter()
            .map(|(path, since)| (path.clone(), quiet(since)))
            .filter(|(_, quiet)| *quiet > DEAD_AFTER)
            .collect()
    }

    /// A sign of life of `path`, if signs are expected of it.
    fn sign(&self, path: &str) {
        let now = self.clock.instant();
        if let Some(seen) = self.lock().get_mut(path) {
            *seen = now;
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Instant>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S> Layer<S> for LifeSigns {
    type Service = Watched<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Watched { inner, signs: self.clone() }
    }
}

/// A client that reports signs of life.
#[derive(Clone, Debug)]
pub struct Watched<S> {
    inner: S,
    signs: LifeSigns,
}

type OnFrame = Box<dyn FnMut(Frame<Bytes>) -> Frame<Bytes> + Send>;

impl<S, Q, B> Service<Request<Q>> for Watched<S>
where
    S: Service<Request<Q>, Response = Response<B>>,
    S::Future: Send + 'static,
    B: Body<Data = Bytes> + Send + 'static,
{
    type Response = Response<MapFrame<B, OnFrame>>;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<Self::Response, S::Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Q>) -> Self::Future {
        let uri = request.uri();
        let is_watch =
            uri.query().is_some_and(|query| query.split('&').any(|it| it == "watch=true"));
        // A path that nobody expects signs of is not worth recording.
        let path = if is_watch { uri.path().to_owned() } else { String::new() };
        let signs = self.signs.clone();
        let answer = self.inner.call(request);
        Box::pin(async move {
            let answer = answer.await?;
            if answer.status().is_success() {
                signs.sign(&path);
            }
            let on_frame: OnFrame = Box::new(move |frame| {
                signs.sign(&path);
                frame
            });
            Ok(answer.map(|body| body.map_frame(on_frame)))
        })
    }
}

#[cfg(test)]
mod tests;
