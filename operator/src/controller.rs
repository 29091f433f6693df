//! Decides when to look at which `AuthCluster`: when it or one of its children changed, and after the
//! time that the last pass asked for. Runs only while this process leads.
//!
//! Each watch has its own back-off: a failing one must not hold up the others (with one for all, a
//! single watch that keeps failing has stopped whole operators). A resource that cannot be decoded
//! passes through as such instead of stopping the watch.

pub mod life;

use std::fmt::Debug;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;
use std::time::Duration;

use futures::stream::{self, BoxStream, StreamExt as _};
use k8s_openapi::api::apps::v1::{Deployment, StatefulSet};
use k8s_openapi::api::core::v1::{ConfigMap, Pod, Secret, Service, ServiceAccount};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use kube::api::{Api, PartialObjectMeta};
use kube::core::DeserializeGuard;
use kube::runtime::controller::Error as ControllerError;
use kube::runtime::reflector::{self, ObjectRef};
use kube::runtime::watcher::{self, watcher};
use kube::runtime::{Config, PredicateConfig, WatchStreamExt as _, applier};
use kube::{Resource, ResourceExt as _};
use serde::de::DeserializeOwned;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use crate::api::AuthCluster;
use crate::api::names::{LABEL_INSTANCE, LABEL_MANAGED_BY, MANAGED_BY};
use crate::context::Context;
use crate::error::chain;
use crate::reconcile::{after_failure, reconcile};
use life::{LifeSigns, WATCH_TIMEOUT_SECONDS};

/// Passes at once. Each waits for the network most of its time; this bounds memory and the load on
/// the API server after a start.
const PASSES_AT_ONCE: u16 = 16;

/// Changes come in bursts (a Deployment, its pods, its status); one pass after the burst sees them
/// all.
const DEBOUNCE: Duration = Duration::from_millis(200);

type Guarded = DeserializeGuard<AuthCluster>;
type Trigger = BoxStream<'static, Result<ObjectRef<Guarded>, watcher::Error>>;

/// Runs passes until `stop` is cancelled, and lets those that have begun end.
pub async fn run(
    context: Arc<Context>,
    namespace: Option<&str>,
    signs: &LifeSigns,
    stop: CancellationToken,
) {
    let watches = Watches { context: &context, namespace, signs };
    let (store, main) = watches.main();
    let triggers = stream::select_all([
        main,
        watches.children::<Deployment>(),
        watches.children::<StatefulSet>(),
        watches.children::<Service>(),
        watches.children::<ServiceAccount>(),
        watches.children::<ConfigMap>(),
        watches.children::<Secret>(),
        watches.children::<PodDisruptionBudget>(),
        watches.children::<NetworkPolicy>(),
        watches.children::<Pod>(),
    ]);
    let config = Config::default().debounce(DEBOUNCE).concurrency(PASSES_AT_ONCE);
    let passes = applier(
        |cluster, context| Box::pin(reconcile(cluster, context)),
        after_failure,
        Arc::clone(&context),
        store,
        triggers.take_until(stop.cancelled_owned()),
        config,
    );
    passes
        .for_each(|passed| {
            match passed {
                Ok(_) | Err(ControllerError::ReconcilerFailed(..)) => {}
                Err(ControllerError::ObjectNotFound(object)) => {
                    debug!(%object, "gone before its turn");
                }
                Err(error) => warn!(error = chain(&error), "the controller stumbled"),
            }
            std::future::ready(())
        })
        .await;
    signs.clear();
}

struct Watches<'a> {
    context: &'a Context,
    namespace: Option<&'a str>,
    signs: &'a LifeSigns,
}

impl Watches<'_> {
    /// The resources themselves. Writes of the status trigger nothing: only the generation, which
    /// follows the spec, and the marks that people leave on the metadata do.
    fn main(&self) -> (reflector::Store<Guarded>, Trigger) {
        let (store, writer) = reflector::store::<Guarded>();
        let api: Api<Guarded> = self.api();
        self.signs.expect(api.resource_url());
        let stream = watcher(api, watch_config())
            .default_backoff()
            .reflect(writer)
            .touched_objects()
            .predicate_filter(by_wish, PredicateConfig::default())
            .filter_map(|object| std::future::ready(logged("AuthCluster", object)))
            .map(|object| Ok(ObjectRef::from_obj(&object)));
        (store, stream.boxed())
    }

    /// Objects with our label, by metadata alone, on behalf of the resource that their label names.
    /// Pods have their `StatefulSet` or `ReplicaSet` as owner, so owners would not lead here.
    fn children<K>(&self) -> Trigger
    where
        K: Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope>
            + Clone
            + Debug
            + DeserializeOwned
            + Send
            + 'static,
    {
        let api: Api<PartialObjectMeta<K>> = self.api();
        self.signs.expect(api.resource_url());
        watcher(api, watch_config().labels(&format!("{LABEL_MANAGED_BY}={MANAGED_BY}")))
            .default_backoff()
            .touched_objects()
            .filter_map(|object| std::future::ready(logged(&K::kind(&()), object)))
            .filter_map(|object| std::future::ready(parent(&object)))
            .map(Ok)
            .boxed()
    }

    fn api<K>(&self) -> Api<K>
    where
        K: Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope>,
    {
        let client = self.context.client.clone();
        match self.namespace {
            Some(namespace) => Api::namespaced(client, namespace),
            None => Api::all(client),
        }
    }
}

fn watch_config() -> watcher::Config {
    watcher::Config::default().timeout(WATCH_TIMEOUT_SECONDS)
}

/// What of a resource is worth a pass.
fn by_wish(object: &Guarded) -> Option<u64> {
    let mut hasher = DefaultHasher::new();
    object.meta().generation.hash(&mut hasher);
    object.meta().deletion_timestamp.as_ref().map(|time| time.0).hash(&mut hasher);
    object.annotations().hash(&mut hasher);
    Some(hasher.finish())
}

/// The resource that a child belongs to.
fn parent<K: Resource>(child: &PartialObjectMeta<K>) -> Option<ObjectRef<Guarded>> {
    let labels = child.metadata.labels.as_ref()?;
    let namespace = child.metadata.namespace.as_ref()?;
    Some(ObjectRef::new(labels.get(LABEL_INSTANCE)?).within(namespace))
}

/// Errors of a watch end here: it begins again by itself after its back-off.
fn logged<K>(kind: &str, object: Result<K, watcher::Error>) -> Option<K> {
    object
        .inspect_err(|error| warn!(kind, error = chain(error), "a watch failed; it begins again"))
        .ok()
}

#[cfg(test)]
mod tests;
