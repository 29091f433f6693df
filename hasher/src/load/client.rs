//! Whom the load is sent to, and how one request ends.

use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use authcluster_contract::http::DEADLINE_HEADER;
use reqwest::{Certificate, Client, RequestBuilder, Url};
use serde_json::{Value, json};

use super::schedule::Call;
use crate::args::LoadArgs;

/// How a request ended, as it is counted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Answer {
    /// With this status, and the code of the problem if it was none of 2xx.
    Status(u16, Option<String>),
    /// Without an answer, for this reason.
    None(&'static str),
}

/// Where requests go, and what they say.
#[derive(Debug)]
pub(super) struct Target {
    client: Client,
    urls: Vec<Url>,
    turn: AtomicUsize,
    token: Option<String>,
    deadline_ms: Option<u32>,
    password: String,
    encoded: String,
    sessions: bool,
}

/// The targets, when load may be sent to them: this machine, or what the person says is theirs.
pub(super) fn urls(texts: &[String], owned: bool) -> anyhow::Result<Vec<Url>> {
    let mut urls = Vec::new();
    for text in texts {
        let url: Url = text.parse().with_context(|| format!("{text} is no URL"))?;
        anyhow::ensure!(
            matches!(url.scheme(), "http" | "https"),
            "{text}: a target starts with http:// or https://"
        );
        anyhow::ensure!(
            url.query().is_none() && url.fragment().is_none(),
            "{text}: a target has no query and no fragment"
        );
        anyhow::ensure!(
            owned || is_loopback(&url),
            "{text} is another machine: say --i-own-the-target if it is yours, or its owner has agreed"
        );
        urls.push(url);
    }
    Ok(urls)
}

/// The address of a call. A target may have a path, as behind a proxy that serves the API below a prefix.
pub(super) fn url_of(target: &Url, path: &str) -> Url {
    let mut url = target.clone();
    url.set_path(&format!("{}/{path}", target.path().trim_end_matches('/')));
    url
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

impl Target {
    pub(super) async fn new(args: &LoadArgs, urls: Vec<Url>) -> anyhow::Result<Self> {
        // A second call finds the provider installed, which is as good.
        drop(rustls::crypto::ring::default_provider().install_default());
        let mut builder = Client::builder()
            .http1_only()
            .tcp_nodelay(true)
            .no_proxy()
            .pool_max_idle_per_host(usize::MAX)
            .timeout(Duration::from_millis(args.give_up_ms));
        if let Some(file) = &args.ca_file {
            let pem =
                std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
            let authorities = Certificate::from_pem_bundle(&pem)
                .with_context(|| format!("{}: no certificates in PEM", file.display()))?;
            builder = builder.tls_certs_only(authorities);
        }
        let mut target = Self {
            client: builder.build()?,
            urls,
            turn: AtomicUsize::new(0),
            token: super::token(args)?,
            deadline_ms: args.deadline_ms,
            password: args.password.clone(),
            encoded: args.encoded.clone().unwrap_or_default(),
            sessions: args.sessions,
        };
        if args.encoded.is_none() && (args.login > 0 || args.verify > 0) {
            target.encoded = target.make_hash().await.context("no hash to verify against")?;
        }
        Ok(target)
    }

    async fn make_hash(&self) -> anyhow::Result<String> {
        let request = self.post("v1/hash", &json!({ "password": self.password }))?;
        let response = request.send().await?;
        let (status, body) = (response.status(), response.text().await?);
        anyhow::ensure!(status.is_success(), "/v1/hash answered {status}: {body}");
        let body: Value = serde_json::from_str(&body)?;
        let encoded = body.get("encoded").and_then(Value::as_str);
        Ok(encoded.context("/v1/hash answered without a hash")?.to_owned())
    }

    fn post(&self, path: &str, body: &Value) -> anyhow::Result<RequestBuilder> {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let url = turn.checked_rem(self.urls.len()).and_then(|place| self.urls.get(place));
        let url = url_of(url.context("no target")?, path);
        let mut request =
            self.client.post(url).header("content-type", "application/json").body(body.to_string());
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        if let Some(deadline_ms) = self.deadline_ms {
            request = request.header(DEADLINE_HEADER, deadline_ms.to_string());
        }
        Ok(request)
    }

    /// One request, to its end.
    pub(super) async fn call(&self, call: Call, user: u32) -> Answer {
        let username = format!("user-{user}");
        let (path, mut body) = match call {
            Call::Hash => ("v1/hash", json!({})),
            Call::Verify => ("v1/verify", json!({ "encoded": self.encoded })),
            Call::Login if self.sessions => {
                ("v1/login", json!({ "encoded": self.encoded, "session": {} }))
            }
            Call::Login => ("v1/login", json!({ "encoded": self.encoded })),
        };
        if let Some(fields) = body.as_object_mut() {
            fields.insert("username".to_owned(), json!(username));
            fields.insert("password".to_owned(), json!(self.password));
        }
        let Ok(request) = self.post(path, &body) else { return Answer::None("not sent") };
        match request.send().await {
            Err(error) => Answer::None(reason(&error)),
            Ok(response) => {
                let status = response.status();
                match response.bytes().await {
                    Err(error) => Answer::None(reason(&error)),
                    Ok(_) if status.is_success() => Answer::Status(status.as_u16(), None),
                    Ok(body) => Answer::Status(status.as_u16(), code(&body)),
                }
            }
        }
    }
}

fn reason(error: &reqwest::Error) -> &'static str {
    if error.is_timeout() {
        "gave up"
    } else if error.is_connect() {
        "no connection"
    } else {
        "broke off"
    }
}

fn code(body: &[u8]) -> Option<String> {
    let problem: Value = serde_json::from_slice(body).ok()?;
    Some(problem.get("code")?.as_str()?.to_owned())
}
