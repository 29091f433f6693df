//! Certificates that the operator makes: an authority for each `AuthCluster`, and leaves for the API
//! and for peers. P-256 keys, which every TLS library speaks. How long they live and when they are
//! due is decided in `plan`; time is an argument, and only the keys are random.

use std::time::Duration;

use k8s_openapi::jiff::Timestamp;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, date_time_ymd,
};
use x509_parser::pem::parse_x509_pem;
use zeroize::Zeroizing;

/// Certificates are valid from a little before they were made: clocks of nodes differ.
const BACKDATE: Duration = Duration::from_secs(3_600);

const DAY_SECONDS: u64 = 24 * 3_600;

/// A certificate and its key, both PEM.
#[derive(Clone)]
pub struct Pair {
    /// The certificate.
    pub certificate_pem: String,
    /// The key. Wiped on drop.
    pub key_pem: Zeroizing<String>,
}

impl std::fmt::Debug for Pair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Pair(..)")
    }
}

/// How long a certificate is valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Life {
    /// When it is made.
    pub from: Timestamp,
    /// Days from then.
    pub days: u32,
}

/// What a leaf is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A server's.
    Server,
    /// One that is shown by both sides of a connection.
    Peer,
}

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Making or signing failed.
    #[error("cannot make the certificate of {subject}")]
    Make {
        /// Whose certificate.
        subject: String,
        /// What the library said.
        #[source]
        cause: rcgen::Error,
    },
    /// What is stored is no certificate.
    #[error("not a PEM certificate: {0}")]
    Parse(String),
    /// A time beyond what certificates can say.
    #[error("the clock is before 1970")]
    Clock,
}

/// A new authority called `subject`.
///
/// # Errors
/// See [`Error::Make`].
pub fn new_authority(subject: &str, life: Life) -> Result<Pair, Error> {
    let make = || {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::new(Vec::new())?;
        params.distinguished_name = named(subject);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        Ok((key, params))
    };
    let (key, params) = make().map_err(failed(subject))?;
    let params = dated(params, life)?;
    let certificate = params.self_signed(&key).map_err(failed(subject))?;
    Ok(pair(&certificate, &key))
}

/// A new leaf for `names`, signed by `authority`. The first name is its subject.
///
/// # Errors
/// See [`Error`].
pub fn new_leaf(
    authority: &Pair,
    names: &[String],
    purpose: Purpose,
    life: Life,
) -> Result<Pair, Error> {
    let subject = names.first().map_or("", String::as_str);
    let make = || {
        let issuer_key = KeyPair::from_pem(&authority.key_pem)?;
        let issuer = Issuer::from_ca_cert_pem(&authority.certificate_pem, issuer_key)?;
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::new(names.to_vec())?;
        params.distinguished_name = named(subject);
        params.is_ca = IsCa::ExplicitNoCa;
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = match purpose {
            Purpose::Server => vec![ExtendedKeyUsagePurpose::ServerAuth],
            Purpose::Peer => {
                vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth]
            }
        };
        Ok((issuer, key, params))
    };
    let (issuer, key, params) = make().map_err(failed(subject))?;
    let params = dated(params, life)?;
    let certificate = params.signed_by(&key, &issuer).map_err(failed(subject))?;
    Ok(pair(&certificate, &key))
}

/// When a certificate ends.
///
/// # Errors
/// When it is none.
pub fn not_after(certificate_pem: &[u8]) -> Result<Timestamp, Error> {
    let (_, pem) =
        parse_x509_pem(certificate_pem).map_err(|error| Error::Parse(error.to_string()))?;
    let certificate = pem.parse_x509().map_err(|error| Error::Parse(error.to_string()))?;
    Timestamp::from_second(certificate.validity().not_after.timestamp())
        .map_err(|error| Error::Parse(error.to_string()))
}

fn named(subject: &str) -> DistinguishedName {
    // X.520 allows 64 characters in a common name; the full name is in the alternative names.
    let cut: String = subject.chars().take(64).collect();
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, cut);
    name
}

fn dated(mut params: CertificateParams, life: Life) -> Result<CertificateParams, Error> {
    let since_1970 = u64::try_from(life.from.as_second()).map_err(|_| Error::Clock)?;
    let now = date_time_ymd(1970, 1, 1) + Duration::from_secs(since_1970);
    params.not_before = now - BACKDATE;
    params.not_after = now + Duration::from_secs(u64::from(life.days) * DAY_SECONDS);
    Ok(params)
}

fn pair(certificate: &rcgen::Certificate, key: &KeyPair) -> Pair {
    Pair { certificate_pem: certificate.pem(), key_pem: Zeroizing::new(key.serialize_pem()) }
}

fn failed(subject: &str) -> impl Fn(rcgen::Error) -> Error {
    move |cause| Error::Make { subject: subject.to_owned(), cause }
}

#[cfg(test)]
mod tests;
