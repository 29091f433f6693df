//! The Redis pods: apart from each other, started by the agent, and never lost for a change.

use k8s_openapi::api::apps::v1::StatefulSetSpec;
use k8s_openapi::api::core::v1::{Container, PodSpec};

use super::super::objects::{HOSTNAME, ZONE};
use super::super::sample::{digests, wanted};
use super::*;

fn set(spec: &str, shard: u16) -> StatefulSetSpec {
    let wanted = wanted(spec);
    stateful_set(&wanted, shard, &digests(&wanted)).unwrap().spec.unwrap()
}

fn pod(spec: &str) -> PodSpec {
    set(spec, 0).template.spec.unwrap()
}

fn redis_of(pod: &PodSpec) -> &Container {
    pod.containers.first().unwrap()
}

fn conf(spec: &str) -> String {
    config_map(&wanted(spec)).data.unwrap()[KEY_REDIS_CONFIG].clone()
}

#[test]
fn pods_start_together_and_are_replaced_by_the_operator_alone() {
    let set = set("{redis: {replicasPerShard: 2}}", 1);
    assert_eq!(set.replicas, Some(3));
    assert_eq!(set.pod_management_policy.as_deref(), Some("Parallel"));
    assert_eq!(set.update_strategy.unwrap().type_.as_deref(), Some("OnDelete"));
    assert_eq!(set.service_name.as_deref(), Some("login-redis"));
}

#[test]
fn a_copy_is_never_on_its_primarys_node() {
    let set = set("", 2);
    let spec = set.template.spec.unwrap();
    let rules = spec.affinity.unwrap().pod_anti_affinity.unwrap();
    let apart = rules.required_during_scheduling_ignored_during_execution.unwrap();
    assert_eq!(apart[0].topology_key, "kubernetes.io/hostname");
    assert_eq!(apart[0].label_selector, Some(set.selector.clone()), "of this shard alone");
    let spread = spec.topology_spread_constraints.unwrap();
    let [nodes, zones] = spread.as_slice() else { panic!("{spread:?}") };
    assert_eq!((nodes.topology_key.as_str(), zones.topology_key.as_str()), (HOSTNAME, ZONE));
    assert!(spread.iter().all(|rule| rule.when_unsatisfiable == "ScheduleAnyway"));
    let of_all = nodes.label_selector.clone().unwrap().match_labels.unwrap();
    assert!(!of_all.contains_key(LABEL_SHARD), "primaries of all shards spread");
    assert_eq!(zones.label_selector, Some(set.selector), "a zone takes no whole shard");
}

#[test]
fn the_agent_comes_from_the_operators_image_and_is_told_the_address() {
    let pod = pod("{redis: {image: \"redis:8\"}}");
    let agent = &pod.init_containers.as_ref().unwrap()[0];
    assert_eq!(agent.image.as_deref(), Some("operator:1"));
    assert_eq!(agent.args.clone().unwrap(), ["install", "/agent/redis-agent"]);
    let redis = redis_of(&pod);
    assert_eq!((redis.name.as_str(), redis.image.as_deref()), ("redis", Some("redis:8")));
    assert_eq!(redis.command.clone().unwrap(), ["/agent/redis-agent"]);
    let env = &redis.env.as_ref().unwrap()[0];
    let source = env.value_from.clone().unwrap().field_ref.unwrap();
    assert_eq!(
        (env.name.as_str(), source.field_path.as_str()),
        ("REDIS_AGENT_POD_IP", "status.podIP")
    );
}

#[test]
fn nothing_kills_a_server_that_waits_for_its_successor() {
    let pod = pod("");
    let redis = redis_of(&pod);
    // The agent may hold the start for 60 s, with nothing that answers.
    assert_eq!((&redis.liveness_probe, &redis.startup_probe), (&None, &None));
    let probe = redis.readiness_probe.clone().unwrap().exec.unwrap().command.unwrap();
    assert_eq!(probe, ["/agent/redis-agent", "ready"]);
    let stop = redis.lifecycle.clone().unwrap().pre_stop.unwrap().exec.unwrap().command.unwrap();
    assert_eq!(stop, ["/agent/redis-agent", "prestop"]);
    // The agent's hand-over takes up to 15 s.
    assert!(pod.termination_grace_period_seconds.unwrap() >= 30);
}

#[test]
fn passwords_are_never_on_a_disk() {
    let pod = pod("");
    let volume = |name: &str| {
        pod.volumes.iter().flatten().find(|volume| volume.name == name).cloned().unwrap()
    };
    let run = volume("run").empty_dir.unwrap();
    assert_eq!(run.medium.as_deref(), Some("Memory"));
    assert_eq!(volume("users").secret.unwrap().default_mode, Some(0o440));
    let mounts = redis_of(&pod).volume_mounts.clone().unwrap();
    assert!(mounts.iter().any(|it| it.name == "run" && it.mount_path == "/run/redis"));
    let users = mounts.iter().find(|it| it.name == "users").unwrap();
    assert_eq!(users.mount_path, "/etc/authcluster/redis-users");
}

#[test]
fn data_lies_where_the_resource_says() {
    let spec = set("{redis: {storage: {sizeGiB: 4, storageClassName: fast}}}", 0);
    let claim = spec.volume_claim_templates.unwrap()[0].clone().spec.unwrap();
    assert_eq!(claim.storage_class_name.as_deref(), Some("fast"));
    assert_eq!(claim.resources.unwrap().requests.unwrap()["storage"].0, "4Gi");
    let policy = spec.persistent_volume_claim_retention_policy.unwrap();
    assert_eq!(policy.when_scaled.as_deref(), Some("Retain"));
    assert_eq!(policy.when_deleted.as_deref(), Some("Delete"));
    let spec = set("{redis: {storage: {kind: Ephemeral, sizeGiB: 2}}}", 0);
    assert_eq!(spec.volume_claim_templates, None);
    let volumes = spec.template.spec.unwrap().volumes.unwrap();
    let data = volumes.iter().find(|it| it.name == "data").unwrap().empty_dir.clone().unwrap();
    assert_eq!(data.size_limit.unwrap().0, "2Gi");
}

#[test]
fn a_person_may_set_directives_but_each_stands_once() {
    let value = |text: &str, name: &str| {
        let lines = text.lines().filter_map(|line| line.split_once(' '));
        let found: Vec<&str> = lines.filter(|(key, _)| *key == name).map(|it| it.1).collect();
        let [value] = found.as_slice() else { panic!("{name}: {found:?}") };
        (*value).to_owned()
    };
    let text = conf("");
    assert_eq!(value(&text, "appendfsync"), "everysec");
    assert_eq!(value(&text, "appendonly"), "yes");
    assert_eq!(value(&text, "save"), "\"\"");
    assert_eq!(value(&text, "maxmemory-policy"), "noeviction");
    assert_eq!(value(&text, "maxmemory"), (256 * 1024 * 1024_u64 / 5 * 3).to_string());
    assert_eq!(value(&text, "cluster-allow-replica-migration"), "no");
    let text = conf("{redis: {config: {save: \"\", appendfsync: always, hz: \"20\"}}}");
    assert_eq!(value(&text, "appendfsync"), "always");
    assert_eq!(value(&text, "save"), "\"\"");
    assert_eq!(value(&text, "hz"), "20");
}

#[test]
fn a_drain_takes_one_pod_of_a_shard_at_a_time() {
    for shard in 0..3 {
        let budget = disruption_budget(&wanted(""), shard).spec.unwrap();
        assert_eq!(budget.max_unavailable, Some(IntOrString::Int(1)));
        assert_eq!(budget.selector, Some(set("", shard).selector));
    }
}

#[test]
fn names_are_published_before_pods_are_ready() {
    let service = service(&wanted("")).spec.unwrap();
    assert_eq!(service.publish_not_ready_addresses, Some(true));
    assert_eq!(service.cluster_ip.as_deref(), Some("None"));
}
