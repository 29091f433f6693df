//! One hasher in a pod-sized control group: with TLS, one caller with a token, and its state in memory.

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use authcluster_contract::config::{HasherConfig, Tls};
use authcluster_tests::hasher::Hasher;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::{ClientConfig, RootCertStore};
use serde_json::{Value, json};

/// The memory limit that the operator gives the sample's hasher: an arena of 19 MiB, 64 MiB for the program, and
/// 64 MiB for stored hashes (`operator/src/plan/validate/hashers.rs`).
pub(crate) const POD_MIB: u64 = 19 + 64 + 64;

/// The caller's token, and its SHA-256 as the operator writes it.
const TOKEN: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
const TOKEN_SHA256: &str = "a8ae6e6ee929abea3afcfc5258c8ccd6f85273e0d4626d26c7279f3250f77c8e";

/// Where the login service connects from.
pub(crate) const LOGIN_SERVICE: Ipv4Addr = Ipv4Addr::new(127, 0, 2, 1);

/// The password of all users.
pub(crate) const PASSWORD: &str = "correct horse";

/// Longer than the deadline of a request, for a hasher that does not answer.
const GIVE_UP: Duration = Duration::from_secs(5);

/// The hasher and what its clients need to know.
pub(crate) struct Site {
    pub(crate) hasher: Hasher,
    folder: tempfile::TempDir,
}

/// The tested program: `AUTHCLUSTER_HASHER`, or the hasher that was built with the tests.
pub(crate) fn program() -> String {
    let built = env!("CARGO_BIN_EXE_hasher-under-test");
    std::env::var("AUTHCLUSTER_HASHER").unwrap_or_else(|_| built.to_owned())
}

/// The runtime of the thread that measures.
pub(crate) fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    // A second call finds the provider installed, which is as good.
    drop(rustls::crypto::ring::default_provider().install_default());
    Ok(tokio::runtime::Builder::new_current_thread().enable_all().build()?)
}

impl Site {
    /// Starts the hasher by this command, to which the program is added, and waits until it is ready.
    pub(crate) async fn start(command: &[String]) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let config = configuration(folder.path())?;
        let command = [command, &[program()]].concat();
        let hasher = Hasher::start_by(&command, "a", &config)?;
        hasher.ready(1).await?;
        Ok(Self { hasher, folder })
    }

    /// A client of the login service.
    pub(crate) fn client(&self, shape: ClientShape) -> anyhow::Result<reqwest::Client> {
        let authority = std::fs::read(self.folder.path().join("ca.crt"))?;
        let mut headers = reqwest::header::HeaderMap::new();
        headers.insert("authorization", format!("Bearer {TOKEN}").parse()?);
        let mut builder = reqwest::Client::builder()
            .tls_certs_only(reqwest::Certificate::from_pem_bundle(&authority)?)
            .local_address(IpAddr::from(LOGIN_SERVICE))
            .default_headers(headers)
            .tcp_nodelay(true)
            .no_proxy()
            .timeout(GIVE_UP);
        if !shape.keeps_connections {
            builder = builder.pool_max_idle_per_host(0);
        }
        if !shape.speaks_http2 {
            builder = builder.http1_only();
        }
        Ok(builder.build()?)
    }

    /// A stored hash of [`PASSWORD`], made by the hasher.
    pub(crate) async fn make_hash(&self) -> anyhow::Result<String> {
        let client = self.client(ClientShape { keeps_connections: true, speaks_http2: false })?;
        let answer = post(&client, &self.url("hash"), &json!({ "password": PASSWORD })).await?;
        Ok(answer["encoded"].as_str().context("no hash")?.to_owned())
    }

    pub(crate) fn url(&self, call: &str) -> String {
        format!("https://{}/v1/{call}", self.hasher.api)
    }

    /// TLS for an attacker, which offers this protocol and makes each handshake in full.
    pub(crate) fn attacker_tls(&self, protocol: &str) -> anyhow::Result<Arc<ClientConfig>> {
        use rustls::pki_types::pem::PemObject as _;
        let file = self.folder.path().join("ca.crt");
        let authority = rustls::pki_types::CertificateDer::from_pem_file(file)?;
        let mut roots = RootCertStore::empty();
        roots.add(authority)?;
        let mut config =
            ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = vec![protocol.as_bytes().to_vec()];
        config.resumption = rustls::client::Resumption::disabled();
        Ok(Arc::new(config))
    }
}

/// How a client of the login service connects.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ClientShape {
    pub(crate) keeps_connections: bool,
    pub(crate) speaks_http2: bool,
}

/// Sends one request, and reads its answer.
///
/// # Errors
/// No answer, or the status of a failure and its text.
pub(crate) async fn post(
    client: &reqwest::Client,
    url: &str,
    body: &Value,
) -> anyhow::Result<Value> {
    let request = client.post(url).header("content-type", "application/json");
    let answer = request.body(body.to_string()).send().await?;
    let (status, text) = (answer.status(), answer.text().await?);
    anyhow::ensure!(status.is_success(), "{status}: {text}");
    Ok(serde_json::from_str(&text)?)
}

/// Writes the files that the operator would mount into this folder, and returns a configuration that names them.
fn configuration(folder: &Path) -> anyhow::Result<HasherConfig> {
    let mut authority = CertificateParams::new(Vec::new())?;
    authority.distinguished_name.push(DnType::CommonName, "an authority");
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    let key = KeyPair::generate()?;
    std::fs::write(folder.join("ca.crt"), authority.self_signed(&key)?.pem())?;
    let issuer = Issuer::new(authority, key);
    let key = KeyPair::generate()?;
    let leaf = CertificateParams::new(vec!["127.0.0.1".to_owned()])?.signed_by(&key, &issuer)?;
    std::fs::write(folder.join("tls.crt"), leaf.pem())?;
    std::fs::write(folder.join("tls.key"), key.serialize_pem())?;
    let clients = format!(
        "[[clients]]\nname = \"web\"\nrealm = \"default\"\nscopes = [\"Hash\", \"Login\"]\n\
         token_sha256 = [\"{TOKEN_SHA256}\"]\n"
    );
    std::fs::write(folder.join("clients.toml"), clients)?;
    let mut config = HasherConfig {
        lanes: Some(1),
        clients_file: Some(folder.join("clients.toml")),
        tls: Some(Tls {
            certificate_file: folder.join("tls.crt"),
            private_key_file: folder.join("tls.key"),
        }),
        ..HasherConfig::default()
    };
    // Rates of users and addresses are not what is measured here.
    config.limits.rules = Vec::new();
    Ok(config)
}
