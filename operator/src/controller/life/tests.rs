//! A dead watch is found, a quiet one is not, on a clock that the test moves.

use std::convert::Infallible;
use std::time::Duration;

use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use tokio::time::{Instant, advance};
use tower::{Layer as _, Service as _, service_fn};

use super::{DEAD_AFTER, LifeSigns};

const PODS: &str = "/api/v1/pods";

#[expect(clippy::disallowed_methods, reason = "the paused clock of this test")]
fn dead(signs: &LifeSigns) -> Vec<String> {
    signs.dead(Instant::now()).into_iter().map(|(path, _)| path).collect()
}

type Body = http_body_util::combinators::UnsyncBoxBody<Bytes, Infallible>;

async fn answer(signs: &LifeSigns, path_and_query: &str, status: StatusCode) -> Response<Body> {
    let inner = service_fn(move |_: Request<()>| async move {
        let mut response = Response::new(Full::new(Bytes::from_static(b"event")));
        *response.status_mut() = status;
        Ok::<_, Infallible>(response)
    });
    let uri = format!("https://host{path_and_query}");
    let request = Request::builder().uri(uri).body(()).unwrap();
    let response = signs.layer(inner).call(request).await.unwrap();
    response.map(Body::new)
}

#[tokio::test(start_paused = true)]
async fn a_resource_without_signs_of_life_is_dead() {
    let signs = LifeSigns::default();
    signs.expect(PODS);
    advance(DEAD_AFTER).await;
    assert_eq!(dead(&signs), Vec::<String>::new());
    advance(Duration::from_millis(1)).await;
    assert_eq!(dead(&signs), [PODS]);
    signs.clear();
    assert_eq!(dead(&signs), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn an_answer_and_each_frame_are_signs_of_life() {
    let signs = LifeSigns::default();
    signs.expect(PODS);
    advance(DEAD_AFTER).await;
    let response =
        answer(&signs, "/api/v1/pods?watch=true&allowWatchBookmarks=true", StatusCode::OK).await;
    advance(DEAD_AFTER).await;
    assert_eq!(dead(&signs), Vec::<String>::new());
    response.into_body().frame().await.unwrap().unwrap();
    advance(DEAD_AFTER).await;
    assert_eq!(dead(&signs), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn an_error_a_list_or_another_resource_is_no_sign_of_life() {
    let signs = LifeSigns::default();
    signs.expect(PODS);
    advance(DEAD_AFTER).await;
    drop(
        answer(&signs, "/api/v1/pods?watch=true&allowWatchBookmarks=true", StatusCode::FORBIDDEN)
            .await,
    );
    drop(answer(&signs, "/api/v1/services?watch=true", StatusCode::OK).await);
    drop(answer(&signs, "/api/v1/pods?limit=500", StatusCode::OK).await);
    advance(Duration::from_secs(1)).await;
    assert_eq!(dead(&signs), [PODS]);
}
