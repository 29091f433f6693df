//! The lab on this machine, as a person uses it: the `lab` program, real processes, real leftovers looked
//! for by their names. Needs root, what `lab doctor` names and a finished `lab build`.
//!
//! Each test has a lab of its own, so they may run side by side.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panic; clippy's own exception covers test functions, not their helpers"
)]

use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};
use std::{fs, thread};

use authcluster_lab::args::Environment;
use authcluster_lab::site::Site;

/// A lab that is gone when the test ends, however it ends.
struct Lab(&'static str);

impl Lab {
    fn new(name: &'static str) -> Self {
        let lab = Self(name);
        lab.ok(&["down"]);
        lab
    }

    fn run(&self, args: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lab"));
        command.args(["--name", self.0]).args(args).output().unwrap()
    }

    fn ok(&self, args: &[&str]) -> String {
        let output = self.run(args);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "lab {args:?}: {errors}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    fn kubectl(&self, args: &[&str]) -> String {
        self.ok(&[&["kubectl", "--"], args].concat())
    }

    /// Process numbers by component.
    fn processes(&self) -> Vec<(String, String)> {
        let status = self.run(&["status"]);
        let text = String::from_utf8_lossy(&status.stdout).into_owned();
        let words = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
        words
            .filter(|words| words.get(1) == Some(&"process"))
            .map(|words| (words[0].to_owned(), words[2].to_owned()))
            .collect()
    }

    fn state(&self) -> std::path::PathBuf {
        Site::new(&Environment::read().cache).state(&self.0.parse().unwrap())
    }

    /// What is on the machine of this lab, found without the lab's own code.
    fn left(&self) -> Vec<String> {
        let state = self.state();
        let id = authcluster_lab::plan::names::LabId::of_state(&state).unwrap();
        let mut left = Vec::new();
        let mounts = fs::read_to_string("/proc/mounts").unwrap();
        let in_state = format!("{}/", state.display());
        left.extend(mounts.lines().filter(|line| line.contains(&in_state)).map(str::to_owned));
        let namespaces = stdout("ip", &["netns", "list"]);
        left.extend(namespaces.lines().filter(|n| n.contains(&id.netns())).map(str::to_owned));
        let groups = stdout("find", &["/sys/fs/cgroup", "-maxdepth", "2", "-name", &id.cgroup()]);
        left.extend(groups.lines().map(str::to_owned));
        let processes = stdout("ps", &["-eo", "args"]);
        left.extend(processes.lines().filter(|line| line.contains(&in_state)).map(str::to_owned));
        let results = stdout("grep", &["-rl", &in_state, "/var/lib/cni"]);
        left.extend(results.lines().map(str::to_owned));
        left.extend([state, id.run_dir()].iter().filter(|p| p.exists()).map(|p| format!("{p:?}")));
        left
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        let output = self.run(&["down"]);
        if !output.status.success() && !thread::panicking() {
            panic!("down: {}", String::from_utf8_lossy(&output.stderr));
        }
    }
}

fn stdout(program: &str, args: &[&str]) -> String {
    let output = Command::new(program).args(args).output().unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Looks until `check` holds.
#[expect(clippy::disallowed_methods, reason = "a wait for the machine, with a bound")]
fn eventually(what: &str, bound_s: u64, mut check: impl FnMut() -> bool) {
    let start = Instant::now();
    while !check() {
        assert!(start.elapsed() < Duration::from_secs(bound_s), "not in {bound_s} s: {what}");
        thread::sleep(Duration::from_millis(200));
    }
}

const POD: &str = r#"{
  "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "redis"},
  "spec": {"containers": [{"name": "redis", "image": "redis:7.0", "args": ["--protected-mode", "no"],
    "volumeMounts": [{"name": "data", "mountPath": "/data"}]}],
    "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]}
}"#;

const CLAIM: &str = r#"{
  "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "data"},
  "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
}"#;

fn apply(lab: &Lab, manifest: &str) {
    let path = std::env::temp_dir().join(format!("lab-machine-{}.json", std::process::id()));
    fs::write(&path, manifest).unwrap();
    lab.kubectl(&["apply", "-f", path.to_str().unwrap()]);
}

#[test]
fn nodes_have_their_size_pods_run_and_nothing_is_left() {
    let lab = Lab::new("self-sizes");
    let up = ["up", "--node", "cpu=500m,memory=512Mi", "--node", "cpu=1,memory=1Gi"];
    lab.ok(&up);
    let column =
        "jsonpath={range .items[*]}{.status.allocatable.cpu} {.status.allocatable.memory}\n{end}";
    assert_eq!(lab.kubectl(&["get", "nodes", "-o", column]), "500m 512Mi\n1 1Gi\n");

    let before = lab.processes();
    assert_eq!(before.len(), 13);
    lab.ok(&up);
    assert_eq!(lab.processes(), before, "a second up starts nothing");
    let other_shape = lab.run(&["up", "--nodes", "1"]);
    assert!(!other_shape.status.success());

    lab.ok(&["load", "redis:7.0"]);
    apply(&lab, CLAIM);
    apply(&lab, POD);
    lab.kubectl(&["wait", "--for=condition=Ready", "pod/redis", "--timeout=60s"]);
    let service =
        ["exec", "redis", "--", "redis-cli", "-h", "kubernetes.default.svc.cluster.local"];
    let ping = lab.run(&[&["kubectl", "--"], &service[..], &["-p", "443", "ping"]].concat());
    let errors = String::from_utf8_lossy(&ping.stderr).into_owned();
    assert!(!errors.contains("Name or service not known"), "{errors}");
    eventually("metrics of the nodes", 60, || {
        lab.run(&["kubectl", "--", "top", "nodes"]).status.success()
    });

    lab.kubectl(&["delete", "pod/redis", "pvc/data", "--now"]);
    lab.ok(&up);
    let phases = lab.kubectl(&["get", "pv", "-o", "jsonpath={.items[*].status.phase}"]);
    assert!(!phases.contains("Released"), "up offers the volume again: {phases}");

    apply(&lab, CLAIM);
    apply(&lab, POD);
    lab.kubectl(&["wait", "--for=condition=Ready", "pod/redis", "--timeout=60s"]);
    lab.ok(&["down"]);
    assert_eq!(lab.left(), Vec::<String>::new());
}

#[test]
fn half_of_the_processes_killed_is_mended() {
    let lab = Lab::new("self-mend");
    lab.ok(&["up", "--nodes", "2"]);
    let port = fs::read_to_string(lab.state().join("forward.port")).unwrap();
    for (_, pid) in lab.processes().iter().step_by(2) {
        assert!(Command::new("kill").args(["-9", pid]).status().unwrap().success());
    }
    assert!(!lab.run(&["status"]).status.success());
    lab.ok(&["up", "--nodes", "2"]);
    assert!(lab.run(&["status"]).status.success());
    assert_eq!(fs::read_to_string(lab.state().join("forward.port")).unwrap(), port);

    lab.ok(&["fault", "kill", "node2"]);
    assert!(!lab.run(&["status"]).status.success());
    lab.ok(&["fault", "heal", "node2"]);
    assert!(lab.run(&["status"]).status.success());
    lab.kubectl(&["wait", "--for=condition=Ready", "node", "--all", "--timeout=60s"]);
}

#[test]
fn the_wreck_of_a_run_is_cleared_away_by_the_next() {
    let lab = Lab::new("self-wreck");
    lab.ok(&["up", "--nodes", "1"]);
    fs::remove_file(lab.state().join("lab.json")).unwrap();
    lab.ok(&["up", "--control-plane-only"]);
    let nodes = lab.kubectl(&["get", "nodes", "-o", "name"]);
    assert_eq!(nodes, "", "the control plane alone has no nodes");
    let admitted = lab.kubectl(&["create", "configmap", "works"]);
    assert!(admitted.contains("created"), "{admitted}");
    lab.ok(&["down"]);
    assert_eq!(lab.left(), Vec::<String>::new());
    lab.ok(&["down"]);
}

#[test]
fn two_labs_do_not_meet() {
    let (one, two) = (Lab::new("self-one"), Lab::new("self-two"));
    one.ok(&["up", "--nodes", "1"]);
    two.ok(&["up", "--nodes", "1"]);
    let address = |lab: &Lab| {
        lab.kubectl(&["get", "nodes", "-o", "jsonpath={.items[*].status.addresses[0].address}"])
    };
    assert_ne!(address(&one), address(&two));
    one.kubectl(&["create", "namespace", "only-in-one"]);
    assert!(!two.kubectl(&["get", "namespaces"]).contains("only-in-one"));
    one.ok(&["down"]);
    assert_eq!(one.left(), Vec::<String>::new());
    assert!(two.run(&["status"]).status.success(), "the other lab does not notice");
}

#[test]
fn a_node_can_be_cut_off_and_comes_back() {
    let lab = Lab::new("self-cut");
    lab.ok(&["up", "--nodes", "2"]);
    let ready = |status: &str| {
        let path = "jsonpath={.status.conditions[?(@.type=='Ready')].status}";
        lab.kubectl(&["get", "node/node2", "-o", path]) == status
    };
    for (fault, undo) in [("cut", "heal"), ("stop", "continue")] {
        lab.ok(&["fault", fault, "node2"]);
        eventually("the node is given up", 60, || ready("Unknown"));
        lab.ok(&["fault", undo, "node2"]);
        eventually("the node is back", 60, || ready("True"));
    }
    assert!(!lab.run(&["fault", "cut", "node9"]).status.success());
}

#[test]
fn a_node_larger_than_the_machine_is_refused_before_anything_starts() {
    let lab = Lab::new("self-large");
    let output = lab.run(&["up", "--node", "cpu=1000"]);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(errors.contains("this machine has"), "{errors}");
    assert!(!Path::new(&lab.state()).exists());
}
