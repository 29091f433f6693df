//! Who calls: decided from the head of a request, before any byte of its body is read.

use authcluster_contract::http::Code;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use super::Api;
use super::body::Unread;
use crate::auth::Caller;
use crate::error::ApiError;
use crate::server::Connection;

/// Hosts that a hasher without callers is reached by. A page of another host, which a browser was led to by a
/// name that resolves to 127.0.0.1 (DNS rebinding), sends its own name.
const LOCAL_HOSTS: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

/// Puts the caller into the request's extensions, or answers 401 and drops the body.
pub(super) async fn authenticate(
    State(api): State<Api>,
    mut request: Request,
    next: Next,
) -> Response {
    match admit(&api, &request) {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(error) => {
            Unread::of(request, api.service.tasks.clone()).discard();
            error.into_response()
        }
    }
}

fn admit(api: &Api, request: &Request) -> Result<Caller, ApiError> {
    if api.auth.is_open() {
        check_host(request.uri(), request.headers())?;
    }
    let caller = api.auth.authenticate(request.headers())?;
    if let Some(connection) = request.extensions().get::<Connection>() {
        connection.prove(&caller.name).map_err(|error| ApiError::no_room(error.to_string()))?;
    }
    Ok(caller)
}

/// The host of a request to a hasher without callers must be a local one.
fn check_host(uri: &Uri, headers: &HeaderMap) -> Result<(), ApiError> {
    // RFC 9112, section 3.2.2: the host of a whole URL counts, not the header.
    let host = match uri.host() {
        Some(host) => host,
        None => {
            let value = headers.get(header::HOST).and_then(|value| value.to_str().ok());
            let value = value.ok_or_else(|| {
                ApiError::new(Code::MalformedRequest, "the request has no `Host`")
            })?;
            without_port(value)
        }
    };
    if LOCAL_HOSTS.iter().any(|local| host.eq_ignore_ascii_case(local)) {
        return Ok(());
    }
    let detail = "a hasher without callers is reached as localhost, 127.0.0.1 or [::1] only; \
                  name callers in `clients_file` to serve other hosts";
    Err(ApiError::new(Code::Forbidden, detail))
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        Some(_) | None => host,
    }
}

#[cfg(test)]
mod tests {
    //! Hosts of requests to a hasher without callers.

    use super::*;

    #[test]
    fn only_local_hosts_are_served_without_callers() {
        let check = |uri: &str, host: Option<&str>, expect: Result<(), Code>| {
            let mut headers = HeaderMap::new();
            if let Some(host) = host {
                headers.insert(header::HOST, host.parse().unwrap());
            }
            let answer = check_host(&uri.parse().unwrap(), &headers);
            assert_eq!(answer.map_err(|error| error.code()), expect, "{uri} {host:?}");
        };
        for local in
            ["localhost", "LOCALHOST:8080", "127.0.0.1", "127.0.0.1:80", "[::1]:8080", "[::1]"]
        {
            check("/v1/hash", Some(local), Ok(()));
        }
        for other in [
            "rebind.example",
            "rebind.example:8080",
            "localhost.example",
            "127.0.0.1.example",
            "[::2]",
            "",
            ":80",
            "10.0.0.1",
        ] {
            check("/v1/hash", Some(other), Err(Code::Forbidden));
        }
        check("/v1/hash", None, Err(Code::MalformedRequest));
        check("http://localhost:8080/v1/hash", Some("other.example"), Ok(()));
        check("http://rebind.example/v1/hash", Some("localhost"), Err(Code::Forbidden));
        check("https://[::1]:8443/v1/hash", None, Ok(()));
    }
}
