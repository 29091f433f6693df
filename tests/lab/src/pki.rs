//! Keys, certificates and kubeconfigs of a lab. They live as long as the lab does and are good for that
//! lab only, so nothing here is rotated.

use std::fs;
use std::net::Ipv4Addr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose,
};

use crate::error::{Error, Result};
use crate::plan::addresses::Addresses;
use crate::plan::names::NodeNumber;
use crate::site;

/// The folder of the keys.
#[derive(Clone, Debug)]
pub(crate) struct Pki {
    folder: PathBuf,
}

/// Whom a certificate is for.
struct Subject<'a> {
    file: &'a str,
    common_name: &'a str,
    organization: Option<&'a str>,
    names: Vec<String>,
}

impl Pki {
    pub(crate) fn new(state: &Path) -> Self {
        Self { folder: state.join("pki") }
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    pub(crate) fn certificate(&self, name: &str) -> PathBuf {
        self.file(&format!("{name}.crt"))
    }

    pub(crate) fn key(&self, name: &str) -> PathBuf {
        self.file(&format!("{name}.key"))
    }

    pub(crate) fn kubeconfig(&self, name: &str) -> PathBuf {
        self.file(&format!("{name}.kubeconfig"))
    }

    /// Makes everything for a new lab.
    pub(crate) fn create(&self, addresses: &Addresses, nodes: &[NodeNumber]) -> Result<()> {
        site::create_folder(&self.folder)?;
        let mode = fs::Permissions::from_mode(0o700);
        fs::set_permissions(&self.folder, mode).map_err(Error::file("close", &self.folder))?;
        let issuer = self.create_authority()?;
        let accounts = KeyPair::generate().map_err(certificate_error("service accounts"))?;
        site::write(&self.key("accounts"), &accounts.serialize_pem())?;
        site::write(&self.file("accounts.pub"), &accounts.public_key_pem())?;
        let near = Ipv4Addr::LOCALHOST;
        let own_names = |mut names: Vec<String>| {
            names.extend([near.to_string(), addresses.bridge().to_string()]);
            names
        };
        let api_names = own_names(vec![
            addresses.api_service().to_string(),
            "kubernetes.default.svc".to_owned(),
            "kubernetes.default".to_owned(),
            "localhost".to_owned(),
        ]);
        let masters = Some("system:masters");
        for (file, common_name, organization, names) in [
            ("apiserver", "kube-apiserver", None, api_names),
            ("admin", "admin", masters, vec![]),
            ("controller-manager", "system:kube-controller-manager", None, vec![]),
            ("scheduler", "system:kube-scheduler", None, vec![]),
            ("proxy", "system:kube-proxy", None, vec![]),
            ("coredns", "coredns", masters, vec![]),
            ("metrics-server", "metrics-server", masters, own_names(vec![])),
            ("apiserver-kubelet", "apiserver-kubelet", masters, vec![]),
            ("front-proxy", "front-proxy", None, vec![]),
        ] {
            self.create_leaf(&issuer, Subject { file, common_name, organization, names })?;
        }
        for (file, server) in [
            ("controller-manager", near),
            ("scheduler", near),
            ("coredns", near),
            ("metrics-server", near),
            ("proxy", addresses.bridge()),
        ] {
            self.create_kubeconfig(file, file, &api_url(server, 6443))?;
        }
        self.create_kubeconfig("inside", "admin", &api_url(near, 6443))?;
        nodes.iter().try_for_each(|node| self.create_node(&issuer, addresses, *node))
    }

    /// The kubeconfig for tools outside the lab, through the forward on `port`.
    pub(crate) fn create_outside_kubeconfig(&self, port: u16) -> Result<()> {
        self.create_kubeconfig("outside", "admin", &api_url(Ipv4Addr::LOCALHOST, port))
    }

    fn create_node(
        &self,
        issuer: &Issuer<'_, KeyPair>,
        addresses: &Addresses,
        node: NodeNumber,
    ) -> Result<()> {
        let file = node.to_string();
        let subject = Subject {
            file: &file,
            common_name: &format!("system:node:{node}"),
            organization: Some("system:nodes"),
            names: vec![addresses.node(node).to_string(), file.clone()],
        };
        self.create_leaf(issuer, subject)?;
        self.create_kubeconfig(&file, &file, &api_url(addresses.bridge(), 6443))
    }

    fn create_authority(&self) -> Result<Issuer<'static, KeyPair>> {
        let failed = || certificate_error("authcluster-lab-ca");
        let key = KeyPair::generate().map_err(failed())?;
        let mut params = CertificateParams::default();
        params.distinguished_name = distinguished_name("authcluster-lab-ca", None);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let certificate = params.self_signed(&key).map_err(failed())?;
        site::write(&self.certificate("ca"), &certificate.pem())?;
        site::write(&self.key("ca"), &key.serialize_pem())?;
        Ok(Issuer::new(params, key))
    }

    fn create_leaf(&self, issuer: &Issuer<'_, KeyPair>, subject: Subject<'_>) -> Result<()> {
        let Subject { file, common_name, organization, names } = subject;
        let failed = || certificate_error(common_name);
        let key = KeyPair::generate().map_err(failed())?;
        let mut params = CertificateParams::new(names).map_err(failed())?;
        params.distinguished_name = distinguished_name(common_name, organization);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ClientAuth, ExtendedKeyUsagePurpose::ServerAuth];
        let certificate = params.signed_by(&key, issuer).map_err(failed())?;
        site::write(&self.certificate(file), &certificate.pem())?;
        site::write(&self.key(file), &key.serialize_pem())
    }

    fn create_kubeconfig(&self, file: &str, user: &str, server: &str) -> Result<()> {
        let cluster = serde_json::json!({
            "server": server,
            "certificate-authority": self.certificate("ca"),
        });
        let credentials = serde_json::json!({
            "client-certificate": self.certificate(user),
            "client-key": self.key(user),
        });
        let config = serde_json::json!({
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{ "name": "lab", "cluster": cluster }],
            "users": [{ "name": user, "user": credentials }],
            "contexts": [{ "name": "lab", "context": { "cluster": "lab", "user": user } }],
            "current-context": "lab",
        });
        // JSON is YAML, so every client reads it.
        site::write(&self.kubeconfig(file), &format!("{config:#}\n"))
    }
}

fn api_url(address: Ipv4Addr, port: u16) -> String {
    format!("https://{address}:{port}")
}

fn distinguished_name(common_name: &str, organization: Option<&str>) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common_name);
    if let Some(organization) = organization {
        name.push(DnType::OrganizationName, organization);
    }
    name
}

fn certificate_error(subject: &str) -> impl FnOnce(rcgen::Error) -> Error {
    let subject = subject.to_owned();
    move |source| Error::Certificate { subject, source }
}
