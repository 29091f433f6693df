//! A listener's certificate, read from files and read again when they change, and words for a
//! handshake that failed.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use authcluster_contract::config::Tls;
use rustls::crypto::{CryptoProvider, ring};
use rustls::{CertificateError, ServerConfig};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use crate::telemetry::chain;

/// A certificate that cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file is not there, or holds no PEM.
    #[error("cannot read {} as PEM", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        cause: rustls_pki_types::pem::Error,
    },
    /// The chain and the key do not make a server.
    #[error("the certificate and its key cannot be used")]
    Use(#[source] rustls::Error),
}

/// The certificate that new connections get.
#[derive(Debug)]
pub struct ServerTls {
    source: Source,
    current: ArcSwap<ServerConfig>,
}

/// Where a newer certificate comes from.
#[derive(Debug)]
enum Source {
    /// From these files, for callers that show no certificate.
    Files(Tls),
    /// From the peers' files, which [`crate::peer::PeerTls`] reads; both sides show one.
    Peers,
}

impl ServerTls {
    /// Reads the files.
    ///
    /// # Errors
    /// See [`TlsError`].
    pub fn read(files: Tls) -> Result<Self, TlsError> {
        let current = ArcSwap::from(config(&files)?);
        Ok(Self { source: Source::Files(files), current })
    }

    /// For peers only; whoever made it replaces it.
    pub(crate) fn mutual(current: Arc<ServerConfig>) -> Self {
        Self { source: Source::Peers, current: ArcSwap::from(current) }
    }

    /// What a new connection gets.
    #[must_use]
    pub fn current(&self) -> Arc<ServerConfig> {
        self.current.load_full()
    }

    /// Whether only peers may connect.
    pub(crate) fn is_mutual(&self) -> bool {
        matches!(self.source, Source::Peers)
    }

    pub(crate) fn replace(&self, newer: Arc<ServerConfig>) {
        self.current.store(newer);
    }

    /// Reads the files again; on an error the old certificate stays.
    ///
    /// # Errors
    /// See [`TlsError`].
    pub fn reload(&self) -> Result<(), TlsError> {
        match &self.source {
            Source::Files(files) => self.replace(config(files)?),
            Source::Peers => {}
        }
        Ok(())
    }
}

fn config(files: &Tls) -> Result<Arc<ServerConfig>, TlsError> {
    let (chain, key) = read_pair(files)?;
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Use)?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(TlsError::Use)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// The cryptography of every connection.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

/// A chain and its key.
pub(crate) fn read_pair(
    files: &Tls,
) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), TlsError> {
    let chain = read_certificates(&files.certificate_file)?;
    let key = PrivateKeyDer::from_pem_file(&files.private_key_file)
        .map_err(unreadable(&files.private_key_file))?;
    Ok((chain, key))
}

/// All certificates of a file.
pub(crate) fn read_certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    CertificateDer::pem_file_iter(path)
        .map_err(unreadable(path))?
        .collect::<Result<_, _>>()
        .map_err(unreadable(path))
}

fn unreadable(path: &Path) -> impl FnOnce(rustls_pki_types::pem::Error) -> TlsError {
    let path = path.to_owned();
    move |cause| TlsError::Read { path, cause }
}

/// Why a handshake failed, in words about the other side that say what to mend. They hold no more
/// than the names in its certificate.
pub(crate) fn refusal(error: &std::io::Error) -> String {
    let cause = error.get_ref().and_then(|cause| cause.downcast_ref::<rustls::Error>());
    match cause {
        Some(rustls::Error::InvalidCertificate(CertificateError::NotValidForNameContext {
            expected,
            presented,
        })) => {
            let names: Vec<&str> = presented.iter().map(|name| bare(name)).collect();
            let names = if names.is_empty() { "no name".to_owned() } else { names.join(", ") };
            format!("its certificate is for {names}, not {}", expected.to_str())
        }
        // Two authorities of the same name differ in the signature alone.
        Some(rustls::Error::InvalidCertificate(
            CertificateError::UnknownIssuer | CertificateError::BadSignature,
        )) => "its certificate is signed by another authority".to_owned(),
        Some(rustls::Error::NoCertificatesPresented) => "it shows no certificate".to_owned(),
        Some(rustls::Error::InvalidMessage(_)) => "it does not speak TLS".to_owned(),
        Some(_) | None => chain(error),
    }
}

/// `DnsName("a")` without its wrapping.
fn bare(name: &str) -> &str {
    let inner = name.strip_prefix("DnsName(\"").and_then(|name| name.strip_suffix("\")"));
    inner.unwrap_or(name)
}
