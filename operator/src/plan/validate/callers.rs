//! Who may call the API, and where each caller's token lies.

use authcluster_contract::config::Scope;
use authcluster_contract::user::Realm;

use super::{is_label, twice};
use crate::api::spec::ClientSpec;
use crate::plan::names;

/// A caller of the API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Its name.
    pub name: String,
    /// The users it speaks of.
    pub realm: Realm,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// Work that it may ask of all hashers together.
    pub units_per_second: Option<u64>,
    /// The Secret with its token.
    pub secret: String,
    /// The key in that Secret.
    pub key: String,
    /// Whether the operator makes that Secret.
    pub generated: bool,
}

/// The callers of `clients`, or the default one; what is wrong with them goes into `refusals`.
pub(super) fn callers(
    cluster: &str,
    clients: &[ClientSpec],
    refusals: &mut Vec<String>,
) -> Vec<Caller> {
    if let Some(name) = twice(clients.iter().map(|client| client.name.as_str())) {
        refusals.push(format!("spec.clients: {name} is there twice"));
    }
    let default = [ClientSpec::default_caller()];
    let clients = if clients.is_empty() { &default } else { clients };
    clients.iter().filter_map(|client| caller(cluster, client, refusals)).collect()
}

fn caller(cluster: &str, client: &ClientSpec, refusals: &mut Vec<String>) -> Option<Caller> {
    let at = format!("spec.clients[{}]", client.name);
    if !is_label(&client.name) {
        refusals.push(format!("{at}.name: use 1 to 63 of a-z, 0-9 and '-'"));
    }
    if client.scopes.is_empty() {
        refusals.push(format!("{at}.scopes: a caller without scopes may do nothing"));
    }
    let realm = Realm::new(&client.realm)
        .map_err(|error| refusals.push(format!("{at}.realm: {error}")))
        .ok()?;
    let mut scopes = client.scopes.clone();
    scopes.sort_unstable();
    scopes.dedup();
    let (secret, key, generated) = match &client.token_secret_ref {
        Some(named) => (named.name.clone(), named.key.clone(), false),
        None => (names::token(cluster, &client.name), names::KEY_TOKEN.to_owned(), true),
    };
    let (name, units_per_second) = (client.name.clone(), client.units_per_second);
    Some(Caller { name, realm, scopes, units_per_second, secret, key, generated })
}
