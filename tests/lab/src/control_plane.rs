//! etcd, the API server, the controllers, the scheduler and what runs beside them: `CoreDNS` and
//! metrics-server, as processes and not as pods, so that a fault of a node takes neither names nor
//! metrics away, and nothing has to be loaded into the nodes for them.

use std::process::Command;
use std::time::Duration;

use crate::clock::{self, Seen};
use crate::command::capture;
use crate::error::Result;
use crate::parts::Parts;
use crate::plan::templates::fill;
use crate::process::Start;
use crate::site;

/// The API server needs about 5 s on one free core; more when the machine is busy with a build.
const READY_BOUND: Duration = Duration::from_secs(120);

/// A node is given up when it was not heard of for this long: the shortest that bears a busy machine, so
/// that tests of node faults need not wait the usual 50 s.
const NODE_GRACE: &str = "20s";

impl Parts {
    /// Starts what the API needs, without waiting for it.
    pub(crate) fn start_api(&self) -> Result<()> {
        self.start_control("etcd", self.etcd())?;
        self.start_control("apiserver", self.apiserver())
    }

    /// Waits until the API answers through the forward.
    pub(crate) fn await_api(&self) -> Result<()> {
        clock::eventually("the API server is ready", READY_BOUND, || {
            for name in ["etcd", "apiserver", "forward"] {
                self.components.require(name)?;
            }
            let output = capture(self.kubectl().args(["get", "--raw", "/readyz"]))?;
            if output.status.success() {
                return Ok(Seen::Yes);
            }
            let errors = String::from_utf8_lossy(&output.stderr);
            Ok(Seen::No(errors.lines().last().unwrap_or_default().to_owned()))
        })
    }

    /// Starts the controllers, and with nodes the names and metrics for them.
    pub(crate) fn start_controllers(&self) -> Result<()> {
        self.start_control("controller-manager", self.controller_manager())?;
        self.start_control("scheduler", self.scheduler())?;
        if self.nodes().is_empty() {
            return Ok(());
        }
        let corefile = self.state.join("Corefile");
        let values = [
            ("bridge", self.addresses().bridge().to_string()),
            ("kubeconfig", self.pki.kubeconfig("coredns").display().to_string()),
        ];
        site::write(&corefile, &fill(include_str!("../manifests/Corefile"), &values))?;
        let mut coredns = self.tools.command("coredns");
        coredns.arg("-conf").arg(&corefile);
        self.start_control("coredns", coredns)?;
        self.start_control("metrics-server", self.metrics_server())
    }

    /// kubectl as a person outside has it.
    pub(crate) fn kubectl(&self) -> Command {
        let mut command = self.tools.command("kubectl");
        self.set_environment(&mut command, "outside");
        command
    }

    /// What makes kubectl and helm speak to this lab and keep their files in it.
    pub(crate) fn set_environment(&self, command: &mut Command, kubeconfig: &str) {
        command.env("KUBECONFIG", self.pki.kubeconfig(kubeconfig));
        for (name, folder) in [
            ("KUBECACHEDIR", "kubectl"),
            ("HELM_CACHE_HOME", "helm/cache"),
            ("HELM_CONFIG_HOME", "helm/config"),
            ("HELM_DATA_HOME", "helm/data"),
        ] {
            command.env(name, self.state.join("clients").join(folder));
        }
    }

    fn start_control(&self, name: &str, command: Command) -> Result<()> {
        let cgroup_procs = self.cgroups.procs(&self.cgroups.control());
        let netns = self.id.netns();
        let start = Start { name, cgroup_procs: &cgroup_procs, netns: Some(&netns), command };
        self.components.ensure(&start)
    }

    fn etcd(&self) -> Command {
        let mut command = self.tools.command("server");
        command.arg(option("data-dir", self.state.join("etcd").display()));
        command.args([
            // A crash of the machine loses the lab anyway.
            "--unsafe-no-fsync",
            "--listen-client-urls=http://127.0.0.1:2379",
            "--advertise-client-urls=http://127.0.0.1:2379",
            "--listen-peer-urls=http://127.0.0.1:2380",
            "--log-level=error",
        ]);
        command
    }

    fn apiserver(&self) -> Command {
        let (addresses, pki) = (self.addresses(), &self.pki);
        let mut command = self.tools.command("kube-apiserver");
        command.args([
            "--etcd-servers=http://127.0.0.1:2379",
            "--bind-address=0.0.0.0",
            "--secure-port=6443",
            "--service-account-issuer=https://kubernetes.default.svc",
            "--authorization-mode=Node,RBAC",
            "--enable-admission-plugins=NodeRestriction,OwnerReferencesPermissionEnforcement",
            // `kubectl exec` and `logs`: nodes' names are in no DNS.
            "--kubelet-preferred-address-types=InternalIP",
            // No kube-proxy beside the API server: it goes to the pods of a service itself.
            "--enable-aggregator-routing=true",
            "--requestheader-allowed-names=front-proxy",
            "--requestheader-username-headers=X-Remote-User",
            "--requestheader-group-headers=X-Remote-Group",
            "--requestheader-extra-headers-prefix=X-Remote-Extra-",
            "--allow-privileged=true",
            "--profiling=false",
        ]);
        command.arg(option("advertise-address", addresses.bridge()));
        command.arg(option("service-cluster-ip-range", addresses.services()));
        for (name, path) in [
            ("tls-cert-file", pki.certificate("apiserver")),
            ("tls-private-key-file", pki.key("apiserver")),
            ("client-ca-file", pki.certificate("ca")),
            ("service-account-key-file", pki.file("accounts.pub")),
            ("service-account-signing-key-file", pki.key("accounts")),
            ("kubelet-client-certificate", pki.certificate("apiserver-kubelet")),
            ("kubelet-client-key", pki.key("apiserver-kubelet")),
            ("kubelet-certificate-authority", pki.certificate("ca")),
            ("requestheader-client-ca-file", pki.certificate("ca")),
            ("proxy-client-cert-file", pki.certificate("front-proxy")),
            ("proxy-client-key-file", pki.key("front-proxy")),
        ] {
            command.arg(option(name, path.display()));
        }
        command
    }

    fn controller_manager(&self) -> Command {
        let pki = &self.pki;
        let mut command = self.client("kube-controller-manager", "controller-manager");
        command.args(["--use-service-account-credentials", "--leader-elect=false"]);
        command.arg(option("node-monitor-grace-period", NODE_GRACE));
        command.args(["--node-monitor-period=2s", "--profiling=false"]);
        for (name, path) in [
            ("root-ca-file", pki.certificate("ca")),
            ("service-account-private-key-file", pki.key("accounts")),
            ("cluster-signing-cert-file", pki.certificate("ca")),
            ("cluster-signing-key-file", pki.key("ca")),
        ] {
            command.arg(option(name, path.display()));
        }
        command
    }

    fn scheduler(&self) -> Command {
        let mut command = self.client("kube-scheduler", "scheduler");
        command.args(["--leader-elect=false", "--profiling=false"]);
        command
    }

    fn metrics_server(&self) -> Command {
        let mut command = self.client("metrics-server", "metrics-server");
        command.args([
            "--kubelet-preferred-address-types=InternalIP",
            "--metric-resolution=15s",
            "--secure-port=4443",
        ]);
        for (name, path) in [
            ("kubelet-certificate-authority", self.pki.certificate("ca")),
            ("tls-cert-file", self.pki.certificate("metrics-server")),
            ("tls-private-key-file", self.pki.key("metrics-server")),
        ] {
            command.arg(option(name, path.display()));
        }
        command
    }

    /// A program that asks the API who its own callers are.
    fn client(&self, program: &str, user: &str) -> Command {
        let mut command = self.tools.command(program);
        let kubeconfig = self.pki.kubeconfig(user);
        for name in ["kubeconfig", "authentication-kubeconfig", "authorization-kubeconfig"] {
            command.arg(option(name, kubeconfig.display()));
        }
        command
    }
}

/// `--name=value`.
pub(crate) fn option(name: &str, value: impl std::fmt::Display) -> String {
    format!("--{name}={value}")
}
