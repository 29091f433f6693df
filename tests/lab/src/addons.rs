//! What a cluster is expected to have: DNS, metrics, a default storage class and volumes for it.

use std::time::Duration;

use crate::clock::{self, Seen};
use crate::command::{capture, run_with_input};
use crate::error::Result;
use crate::parts::Parts;
use crate::plan::templates::fill;

/// The controllers and the aggregator need a second or two.
const USABLE_BOUND: Duration = Duration::from_secs(60);

/// Names the accounts of the default namespace.
const ACCOUNTS: &str = "get serviceaccounts --namespace=default --output=name";

/// Says whether the metrics API is served.
const METRICS: &str = "get --raw /apis/metrics.k8s.io/v1beta1";

impl Parts {
    /// Applies all of it at once.
    pub(crate) fn apply_addons(&self) -> Result<()> {
        let mut manifests = include_str!("../manifests/storage.yaml").to_owned();
        if !self.nodes().is_empty() {
            let values = [
                ("dns", self.addresses().dns_service().to_string()),
                ("bridge", self.addresses().bridge().to_string()),
            ];
            manifests.push_str("---\n");
            manifests.push_str(&fill(include_str!("../manifests/addons.yaml"), &values));
        }
        manifests.push_str(&self.make_volumes()?);
        let mut kubectl = self.kubectl();
        kubectl.args(["apply", "--server-side", "--force-conflicts", "--filename=-"]);
        run_with_input(&mut kubectl, &manifests).map(drop)
    }

    /// Waits until a first pod would be accepted, and until the metrics API is served: while an API is
    /// announced and not served, namespaces cannot be deleted and Helm cannot list what there is.
    pub(crate) fn await_usable(&self) -> Result<()> {
        clock::eventually("the default service account is there", USABLE_BOUND, || {
            let output = capture(self.kubectl().args(ACCOUNTS.split(' ')))?;
            let names = String::from_utf8_lossy(&output.stdout).into_owned();
            Ok(if names.contains("default") { Seen::Yes } else { Seen::No(names) })
        })?;
        if self.nodes().is_empty() {
            return Ok(());
        }
        clock::eventually("the metrics API is served", USABLE_BOUND, || {
            self.components.require("metrics-server")?;
            let output = capture(self.kubectl().args(METRICS.split(' ')))?;
            let errors = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            Ok(if output.status.success() { Seen::Yes } else { Seen::No(errors) })
        })
    }
}
