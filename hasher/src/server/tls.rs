//! The API's certificate, read from files and read again when they change.

use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwap;
use authcluster_contract::config::Tls;
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

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
    files: Tls,
    current: ArcSwap<ServerConfig>,
}

impl ServerTls {
    /// Reads the files.
    ///
    /// # Errors
    /// See [`TlsError`].
    pub fn read(files: Tls) -> Result<Self, TlsError> {
        let current = ArcSwap::from(config(&files)?);
        Ok(Self { files, current })
    }

    /// What a new connection gets.
    #[must_use]
    pub fn current(&self) -> Arc<ServerConfig> {
        self.current.load_full()
    }

    /// Reads the files again; on an error the old certificate stays.
    ///
    /// # Errors
    /// See [`TlsError`].
    pub fn reload(&self) -> Result<(), TlsError> {
        self.current.store(config(&self.files)?);
        Ok(())
    }
}

fn config(files: &Tls) -> Result<Arc<ServerConfig>, TlsError> {
    let read = |path: &PathBuf| {
        let path = path.clone();
        move |cause| TlsError::Read { path, cause }
    };
    let chain: Vec<_> = CertificateDer::pem_file_iter(&files.certificate_file)
        .map_err(read(&files.certificate_file))?
        .collect::<Result<_, _>>()
        .map_err(read(&files.certificate_file))?;
    let key = PrivateKeyDer::from_pem_file(&files.private_key_file)
        .map_err(read(&files.private_key_file))?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Use)?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(TlsError::Use)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}
