//! What a person sees who tries the product: a Kubernetes of three nodes on this machine, the operator
//! installed by its chart, the sample applied, a password hashed, a user logged in. Every step says
//! what it does; a step that fails says what it saw. A second run finds everything and is quick.

mod diagnosis;
mod progress;
mod tour;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use authcluster_lab::args::Environment;
use authcluster_lab::lab::Lab;
use authcluster_lab::plan::next::Shape;
use authcluster_lab::plan::sizes::NodeSize;
use authcluster_lab::report::{Report, answer};
use authcluster_lab::site::Site;

/// Name of the sample's `AuthCluster`.
const NAME: &str = "login";
/// Its namespace.
const NAMESPACE: &str = "default";
/// Where the operator runs.
const OPERATOR_NAMESPACE: &str = "authcluster-system";
/// The images that the demo's pods come from.
const IMAGES: [&str; 3] =
    ["authcluster-operator:dev", "authcluster-hasher:dev", "valkey/valkey:9.1"];

/// Longest time for the operator's pod to start; it takes a few seconds.
const OPERATOR_WITHIN: &str = "120s";
/// Longest time from `apply` to Ready. Half a minute on two cores is usual.
const READY_WITHIN: Duration = Duration::from_secs(300);

/// Selects what the operator has made.
const OURS: &str = "app.kubernetes.io/managed-by=authcluster-operator";

const MEBI_KIB: u64 = 1024;

/// Does it all in the lab called `name`.
///
/// # Errors
/// The step that failed, with what can be known about why.
pub async fn run(name: &str, report: Report) -> anyhow::Result<()> {
    // Fails only when it is installed already.
    drop(rustls::crypto::ring::default_provider().install_default());
    let lab = up(name, report)?;
    let news = load(&lab, report)?;
    install(&lab, news, report).inspect_err(|_| diagnosis::print(&lab))?;
    progress::until_ready(&lab, READY_WITHIN, report)
        .await
        .inspect_err(|_| diagnosis::print(&lab))?;
    tour::take(&lab, report).await.inspect_err(|_| diagnosis::print(&lab))?;
    farewell(&lab);
    Ok(())
}

/// Three nodes of different sizes: all of the machine, three quarters, half.
fn shape() -> Shape {
    let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get() as u64);
    let part = |quarters: u64, memory_mib| {
        NodeSize::new(cores * 1000 * quarters / 4, memory_mib * MEBI_KIB)
    };
    Shape { nodes: vec![NodeSize::DEFAULT, part(3, 3072), part(2, 2048)] }
}

fn up(name: &str, report: Report) -> anyhow::Result<Lab> {
    let site = Site::new(&Environment::read().cache);
    report.line(&format!("a Kubernetes of three nodes, as lab {name}"));
    Ok(Lab::ensure(&site, &name.parse()?, &shape(), report)?)
}

/// Loads the images. Says whether a node had another image of ours under the same name, so that what
/// runs from it has to be started again.
fn load(lab: &Lab, report: Report) -> anyhow::Result<bool> {
    let mut news = false;
    for image in IMAGES {
        let nodes = lab.load_image(&image.parse()?).context("`make images` makes it")?;
        if nodes > 0 {
            report.line(&format!("{image}: loaded into {nodes} nodes"));
        }
        news |= nodes > 0;
    }
    Ok(news)
}

fn install(lab: &Lab, news: bool, report: Report) -> anyhow::Result<()> {
    let namespace = ["--namespace", OPERATOR_NAMESPACE];
    let was_there = lab.helm(&[&["status", "authcluster"], &namespace[..]].concat()).is_ok();
    report.line("helm upgrade --install authcluster charts/authcluster");
    let crds = path("charts/authcluster/crds");
    // Helm installs definitions, and leaves those that are there as they are.
    let apply = ["apply", "--server-side", "--force-conflicts", "--filename", text(&crds)?];
    lab.kubectl(&apply)?;
    let chart = path("charts/authcluster");
    let install = ["upgrade", "--install", "authcluster", text(&chart)?, "--create-namespace"];
    let wait = ["--skip-crds", "--wait", "--timeout", OPERATOR_WITHIN];
    lab.helm(&[&install[..], &namespace, &wait].concat())?;
    if was_there && news {
        report.line("the images are new: restarting what runs from the old ones");
        let operator = ["rollout", "restart", "deployment/authcluster"];
        lab.kubectl(&[&operator[..], &namespace].concat())?;
        let hashers = ["deployment", "--namespace", NAMESPACE, "--selector", OURS];
        lab.kubectl(&[&["rollout", "restart"], &hashers[..]].concat())?;
        let status = ["rollout", "status", "--timeout", OPERATOR_WITHIN];
        lab.kubectl(&[&status[..], &["deployment/authcluster"], &namespace].concat())?;
        lab.kubectl(&[&status[..], &hashers].concat())?;
    }
    let sample = path("charts/samples/authcluster.yaml");
    report.line("kubectl apply -f charts/samples/authcluster.yaml");
    lab.kubectl(&["apply", "--namespace", NAMESPACE, "--filename", text(&sample)?])?;
    Ok(())
}

/// A path of the checkout.
fn path(below: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(below)
}

fn text(path: &Path) -> anyhow::Result<&str> {
    path.to_str().context("a path that is no text")
}

/// What to do next. Every line was tried.
fn farewell(lab: &Lab) {
    let path = lab.tools_folder();
    answer(&format!(
        r#"
It runs. To go on:

  export KUBECONFIG={kubeconfig} PATH="{path}:$PATH"
  kubectl get ac
  kubectl describe ac {NAME}
  kubectl scale ac {NAME} --replicas=4

  kubectl port-forward service/{NAME}-hasher 8443 > port-forward.log &
  kubectl get secret {NAME}-ca -o go-template='{{{{index .data "tls.crt" | base64decode}}}}' > ca.crt
  TOKEN=$(kubectl get secret {NAME}-token-default -o go-template='{{{{.data.token | base64decode}}}}')
  curl --cacert ca.crt -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' \
    -d '{{"password": "correct horse"}}' https://localhost:8443/v1/hash

To stop it and leave nothing behind:

  make demo-down"#,
        kubeconfig = lab.kubeconfig().display(),
        path = path.display(),
    ));
}
