//! Generates Secrets: keys, passwords, tokens, authorities and certificates. A Secret that is there is
//! never overwritten, except a certificate that is due, and that only in the version that was seen.
//! Nothing made here is ever logged or part of an error.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt as _;
use kube::api::{Api, PostParams};
use tracing::info;
use zeroize::{Zeroize as _, Zeroizing};

use super::{Error, guarded};
use crate::api::names::FIELD_MANAGER;
use crate::certificates::{self, Life, Pair, Purpose};
use crate::clock::Clock;
use crate::context::{ClusterKey, Context};
use crate::observe::kubernetes::live::Live;
use crate::plan::binding::{self, Binding, Repeated};
use crate::plan::names::{
    KEY_CA, KEY_CERTIFICATE, KEY_PRIVATE_KEY, KEY_TOKEN, KEY_USER_KEY, REDIS_USERS,
};
use crate::plan::secrets::{MissingReason, MissingSecret, SecretKind};
use crate::plan::seen::{ObjectKind, ObjectRef};

/// Bytes of every key, password and token: as many as the strongest hash that uses them gives.
const RANDOM_BYTES: usize = 32;

/// Why a Secret could not be generated.
#[derive(Debug, thiserror::Error)]
pub enum GenerateError {
    /// No randomness.
    #[error(transparent)]
    Random(#[from] crate::clock::RandomError),
    /// No certificate.
    #[error(transparent)]
    Certificate(#[from] certificates::Error),
    /// The Secret with the authority is not there, or is none. It is made in the same pass, or in
    /// the next.
    #[error("the authority in Secret {0} cannot be used yet")]
    AuthorityMissing(String),
    /// A Secret that another one repeats went between planning and now.
    #[error("Secret {0} is not there any more")]
    SourceMissing(String),
}

/// Authorities that were made in this pass, by the name of their Secret.
type Authorities = BTreeMap<String, Pair>;

/// Makes what is missing or due, authorities before what they sign.
pub(super) async fn apply_secrets(
    context: &Context,
    key: &ClusterKey,
    mut missing: Vec<MissingSecret>,
    live: &Live,
) -> Result<(), Error> {
    missing.sort_by_key(|secret| !matches!(secret.kind, SecretKind::Ca { .. }));
    let mut authorities = Authorities::new();
    let mut first = Ok(());
    for secret in missing {
        let made = apply_secret(context, key, secret, (live, &mut authorities)).await;
        first = first.and(made);
    }
    first
}

async fn apply_secret(
    context: &Context,
    key: &ClusterKey,
    missing: MissingSecret,
    (live, authorities): (&Live, &mut Authorities),
) -> Result<(), Error> {
    let MissingSecret { metadata, kind, reason } = missing;
    let name = metadata.name.clone().unwrap_or_default();
    let failed = |cause| Error::Generate { name: name.clone(), cause };
    let made = make(context.clock, &kind, live, authorities).map_err(failed)?;
    let Made { data, pair } = made;
    let object = ObjectRef { kind: ObjectKind::Secret, name: name.clone() };
    let type_ = match kind {
        SecretKind::Ca { .. } | SecretKind::Leaf { .. } => "kubernetes.io/tls",
        SecretKind::RedisUsers
        | SecretKind::UserKey
        | SecretKind::ClientToken
        | SecretKind::Peppers(_) => "Opaque",
        SecretKind::Binding(_) => binding::SECRET_TYPE,
    };
    let mut secret =
        Secret { metadata, data: Some(data), type_: Some(type_.to_owned()), ..Secret::default() };
    let api: Api<Secret> = Api::namespaced(context.client.clone(), &key.namespace);
    let parameters =
        PostParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PostParams::default() };
    let written = match reason {
        MissingReason::Missing => guarded(context, api.create(&parameters, &secret)).await?,
        MissingReason::Due => {
            let seen = live.get(&object);
            secret.metadata.resource_version =
                seen.and_then(|it| it.metadata.resource_version.clone());
            guarded(context, api.replace(&secret.name_any(), &parameters, &secret)).await?
        }
    };
    wipe(secret);
    match written {
        Ok(written) => {
            wipe(written);
            context.metrics.wrote("Secret");
            info!(secret = name, ?reason, "generated");
            if let (SecretKind::Ca { .. }, Some(pair)) = (&kind, pair) {
                authorities.insert(name, pair);
            }
            Ok(())
        }
        // Someone else was faster, and theirs counts.
        Err(kube::Error::Api(status)) if status.code == 409 => Ok(()),
        Err(cause) => Err(Error::Apply { object, cause }),
    }
}

struct Made {
    data: BTreeMap<String, ByteString>,
    /// The certificate in it, if it is one.
    pair: Option<Pair>,
}

fn make(
    clock: Clock,
    kind: &SecretKind,
    live: &Live,
    authorities: &Authorities,
) -> Result<Made, GenerateError> {
    let random = |keys: &[&str]| -> Result<Made, GenerateError> {
        let value = |key: &&str| Ok(((*key).to_owned(), ByteString(random_text(clock)?)));
        let data = keys.iter().map(value).collect::<Result<_, GenerateError>>()?;
        Ok(Made { data, pair: None })
    };
    match kind {
        SecretKind::RedisUsers => random(REDIS_USERS),
        SecretKind::UserKey => random(&[KEY_USER_KEY]),
        SecretKind::ClientToken => random(&[KEY_TOKEN]),
        SecretKind::Ca { common_name, valid_days } => {
            let life = Life { from: clock.now(), days: *valid_days };
            Ok(tls(certificates::new_authority(common_name, life)?, None))
        }
        SecretKind::Leaf { ca_secret, dns_names, client, valid_days } => {
            let authority = authorities.get(ca_secret).cloned();
            let authority = authority
                .or_else(|| stored_authority(live, ca_secret))
                .ok_or_else(|| GenerateError::AuthorityMissing(ca_secret.clone()))?;
            let purpose = if *client { Purpose::Peer } else { Purpose::Server };
            let life = Life { from: clock.now(), days: *valid_days };
            let leaf = certificates::new_leaf(&authority, dns_names, purpose, life)?;
            Ok(tls(leaf, Some(&authority)))
        }
        SecretKind::Binding(binding) => bind(binding, live),
        SecretKind::Peppers(peppers) => {
            Ok(Made { data: repeat(peppers, live).collect::<Result<_, _>>()?, pair: None })
        }
    }
}

/// What the binding says itself, and what it repeats of other Secrets.
fn bind(binding: &Binding, live: &Live) -> Result<Made, GenerateError> {
    let said = binding.said.iter().map(|(key, text)| (key.clone(), text.clone().into_bytes()));
    let mut data: BTreeMap<_, _> = said.map(|(key, text)| (key, ByteString(text))).collect();
    for value in repeat(&binding.repeated, live) {
        let (key, mut value) = value?;
        if key == KEY_TOKEN {
            // A line feed at the end is no part of a token, and ends a certificate.
            value.0.truncate(value.0.trim_ascii_end().len());
        }
        data.insert(key, value);
    }
    Ok(Made { data, pair: None })
}

/// Values of other Secrets.
fn repeat(
    values: &BTreeMap<String, Repeated>,
    live: &Live,
) -> impl Iterator<Item = Result<(String, ByteString), GenerateError>> {
    values.iter().map(|(key, from)| {
        let value = live.secret_value(&from.secret, &from.key);
        let value = value.ok_or_else(|| GenerateError::SourceMissing(from.secret.clone()))?;
        Ok((key.clone(), ByteString(value.to_vec())))
    })
}

/// Printable, so that it can be a password in a file, an argument or a header.
fn random_text(clock: Clock) -> Result<Vec<u8>, GenerateError> {
    let bytes = clock.random::<RANDOM_BYTES>()?;
    Ok(URL_SAFE_NO_PAD.encode(bytes.as_slice()).into_bytes())
}

fn tls(pair: Pair, authority: Option<&Pair>) -> Made {
    let bytes = |text: &str| ByteString(text.as_bytes().to_vec());
    let mut data = BTreeMap::from([
        (KEY_CERTIFICATE.to_owned(), bytes(&pair.certificate_pem)),
        (KEY_PRIVATE_KEY.to_owned(), bytes(&pair.key_pem)),
    ]);
    if let Some(authority) = authority {
        data.insert(KEY_CA.to_owned(), bytes(&authority.certificate_pem));
    }
    Made { data, pair: Some(pair) }
}

fn stored_authority(live: &Live, secret: &str) -> Option<Pair> {
    let text = |key| Some(String::from_utf8_lossy(live.secret_value(secret, key)?).into_owned());
    Some(Pair {
        certificate_pem: text(KEY_CERTIFICATE)?,
        key_pem: Zeroizing::new(text(KEY_PRIVATE_KEY)?),
    })
}

/// Does not leave the contents in freed memory.
fn wipe(secret: Secret) {
    for (_, mut value) in secret.data.into_iter().flatten() {
        value.0.zeroize();
    }
}
