//! Who is a peer: whoever shows a certificate that the cluster's authority has signed, for the name
//! that all peers share. Holds for both sides of a connection.

use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwap;
use authcluster_contract::config::Peers;
use rustls::client::{Resumption, verify_server_name};
use rustls::pki_types::{CertificateDer, InvalidDnsNameError, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{ParsedCertificate, VerifierBuilderError, WebPkiClientVerifier};
use rustls::version::TLS13;
use rustls::{
    ClientConfig, DigitallySignedStruct, DistinguishedName, Error, RootCertStore, ServerConfig,
    SignatureScheme,
};

use crate::server::{ServerTls, TlsError, provider, read_certificates, read_pair};

/// What peers cannot be met with.
#[derive(Debug, thiserror::Error)]
pub enum PeerTlsError {
    /// A file that cannot be read, or a pair that cannot be used.
    #[error(transparent)]
    Files(#[from] TlsError),
    /// The name is none.
    #[error("peers.name: {name:?} is no DNS name")]
    Name {
        /// The name.
        name: String,
        /// Why.
        #[source]
        cause: InvalidDnsNameError,
    },
    /// A certificate in the authority's file is none of an authority.
    #[error("peers.ca_file: {} holds a certificate that is no authority's", path.display())]
    Authority {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        cause: Error,
    },
    /// There is no authority, so there can be no peer.
    #[error("peers.ca_file: {} holds no certificate", path.display())]
    NoAuthority {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        cause: VerifierBuilderError,
    },
}

/// This pod's certificate for peers, and whom it takes for one. Cheap to clone; all clones see a
/// newer certificate at once.
#[derive(Clone, Debug)]
pub struct PeerTls(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    files: Peers,
    server: Arc<ServerTls>,
    client: ArcSwap<Caller>,
}

/// What a new connection to a peer starts with.
#[derive(Debug)]
pub(super) struct Caller {
    pub(super) config: Arc<ClientConfig>,
    pub(super) name: ServerName<'static>,
}

impl PeerTls {
    /// Reads the files.
    ///
    /// # Errors
    /// See [`PeerTlsError`].
    pub fn read(files: Peers) -> Result<Self, PeerTlsError> {
        let (server, client) = configs(&files)?;
        let (server, client) = (Arc::new(ServerTls::mutual(server)), ArcSwap::from_pointee(client));
        Ok(Self(Arc::new(Inner { files, server, client })))
    }

    /// Reads the files again, the authority's too; on an error everything stays as it was. Open
    /// connections go on.
    ///
    /// # Errors
    /// See [`PeerTlsError`].
    pub fn reload(&self) -> Result<(), PeerTlsError> {
        let (server, client) = configs(&self.0.files)?;
        self.0.server.replace(server);
        self.0.client.store(Arc::new(client));
        Ok(())
    }

    /// For the listener.
    #[must_use]
    pub fn server(&self) -> &Arc<ServerTls> {
        &self.0.server
    }

    pub(super) fn client(&self) -> Arc<Caller> {
        self.0.client.load_full()
    }
}

/// Both sides from one look at the files.
fn configs(files: &Peers) -> Result<(Arc<ServerConfig>, Caller), PeerTlsError> {
    let name = ServerName::try_from(files.name.clone())
        .map_err(|cause| PeerTlsError::Name { name: files.name.clone(), cause })?;
    let mut roots = RootCertStore::empty();
    for certificate in read_certificates(&files.ca_file)? {
        roots
            .add(certificate)
            .map_err(|cause| PeerTlsError::Authority { path: files.ca_file.clone(), cause })?;
    }
    let roots = Arc::new(roots);
    let signed = WebPkiClientVerifier::builder_with_provider(Arc::clone(&roots), provider())
        .build()
        .map_err(|cause| PeerTlsError::NoAuthority { path: files.ca_file.clone(), cause })?;
    let (chain, key) = read_pair(&files.tls)?;

    let mut server = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])
        .map_err(TlsError::Use)?
        .with_client_cert_verifier(Arc::new(NamedPeer { signed, name: name.clone() }))
        .with_single_cert(chain.clone(), key.clone_key())
        .map_err(TlsError::Use)?;
    server.alpn_protocols = vec![b"h2".to_vec()];
    // Connections live long: each one looks at the certificate anew.
    server.send_tls13_tickets = 0;

    let mut client = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])
        .map_err(TlsError::Use)?
        .with_root_certificates(roots)
        .with_client_auth_cert(chain, key)
        .map_err(TlsError::Use)?;
    client.alpn_protocols = vec![b"h2".to_vec()];
    client.resumption = Resumption::disabled();
    Ok((Arc::new(server), Caller { config: Arc::new(client), name }))
}

/// Signed by the authority, as the library checks it, and for the peers' name.
#[derive(Debug)]
struct NamedPeer {
    signed: Arc<dyn ClientCertVerifier>,
    name: ServerName<'static>,
}

impl ClientCertVerifier for NamedPeer {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.signed.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let verified = self.signed.verify_client_cert(end_entity, intermediates, now)?;
        verify_server_name(&ParsedCertificate::try_from(end_entity)?, &self.name)?;
        Ok(verified)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, Error> {
        self.signed.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, Error> {
        self.signed.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.signed.supported_verify_schemes()
    }
}
