//! TLS to Redis: spoken to every node, believed under the configured authority alone, and for the
//! name or address that was asked for.

use std::path::{Path, PathBuf};

use authcluster_contract::config::RedisTls;
use authcluster_contract::keys::SessionDigest;
use authcluster_hasher::store::SessionStore as _;
use authcluster_tests::redis::{Options, RedisServers};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};

use crate::shared::{Access, Connected, PASSWORD, options, realm, session};
use crate::store_faults::never_reached;

/// An authority, and a certificate under it for each of `names`.
fn certificates(folder: &Path, names: &[&str]) -> anyhow::Result<()> {
    let mut authority = CertificateParams::new(Vec::new())?;
    // OpenSSL takes a certificate whose issuer has its own name for one that signs itself.
    authority.distinguished_name.push(DnType::CommonName, "an authority");
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    let key = KeyPair::generate()?;
    std::fs::write(folder.join("ca.crt"), authority.self_signed(&key)?.pem())?;
    let issuer = Issuer::new(authority, key);
    let names: Vec<String> = names.iter().copied().map(str::to_owned).collect();
    let key = KeyPair::generate()?;
    let leaf = CertificateParams::new(names)?.signed_by(&key, &issuer)?;
    std::fs::write(folder.join("tls.crt"), leaf.pem())?;
    std::fs::write(folder.join("tls.key"), key.serialize_pem())?;
    Ok(())
}

/// A cluster that speaks TLS with a certificate for `names`, and where it does.
async fn cluster(folder: &Path, names: &[&str]) -> anyhow::Result<(RedisServers, Vec<String>)> {
    certificates(folder, names)?;
    let options = Options { tls: Some(folder.to_owned()), ..options(3, 0) };
    let servers = RedisServers::cluster(&options).await?;
    let ports = servers.servers().iter().filter_map(|server| server.tls_address());
    let seeds = ports.map(|address| format!("localhost:{}", address.port())).collect();
    Ok((servers, seeds))
}

fn access(seeds: &[String], ca_file: PathBuf) -> anyhow::Result<Access> {
    let mut access = Access::to(seeds.to_vec(), PASSWORD)?;
    access.config.tls = Some(RedisTls { ca_file });
    Ok(access)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_node_is_reached_with_tls_and_under_its_authority_alone() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    // Seeds are names; what nodes say of one another are addresses.
    let (servers, seeds) = cluster(folder.path(), &["localhost", "127.0.0.1"]).await?;
    let right = access(&seeds, folder.path().join("ca.crt"))?;
    let connected = Connected::start(&right)?.reached().await?;
    for name in ["a", "b", "c", "d", "e", "f"] {
        let digest = SessionDigest::of(name);
        connected.store.create_session(&digest, &session()).await?;
        assert!(connected.store.introspect_session(&digest, &realm()).await?.is_some());
    }
    let other = tempfile::tempdir()?;
    certificates(other.path(), &["localhost"])?;
    never_reached(&access(&seeds, other.path().join("ca.crt"))?, "invalid peer certificate")
        .await?;
    // Nobody speaks plainly to a port that wants TLS.
    never_reached(&Access::to(seeds, PASSWORD)?, "").await?;
    servers.sweep().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_for_another_name_is_refused() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let (_servers, seeds) = cluster(folder.path(), &["redis.example"]).await?;
    let access = access(&seeds, folder.path().join("ca.crt"))?;
    never_reached(&access, "not valid for name").await
}
