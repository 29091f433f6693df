//! The hashers' objects: read by the code that the hasher reads them with, and sized so that it starts.

use std::net::IpAddr;

use authcluster_contract::config::{
    Backoff, Clients, HasherConfig, Migration, MixShare, RateRule, RateScope, RoutingStrategy,
    Scope,
};
use authcluster_contract::cost::Argon2idPolicy;
use authcluster_contract::formats::{Family, Legacy};
use k8s_openapi::api::core::v1::{Container, PodSpec};

use super::super::sample::{digest, digests, secrets, settings, wanted};
use super::super::validate::{Settings, validate};
use super::*;
use crate::api::names::ANNOTATION_CONFIG;

fn toml(wanted: &Validated) -> HasherConfig {
    let data = config_map(wanted, &digests(wanted)).unwrap().data.unwrap();
    HasherConfig::from_toml(&data[KEY_HASHER_CONFIG]).unwrap()
}

fn pod(spec: &str) -> PodSpec {
    let wanted = wanted(spec);
    let deployment = deployment(&wanted, &wanted.pools[0], &digests(&wanted)).unwrap();
    deployment.spec.unwrap().template.spec.unwrap()
}

fn hasher_of(pod: &PodSpec) -> &Container {
    pod.containers.first().unwrap()
}

#[test]
fn the_file_says_what_the_resource_says() {
    let said = toml(&wanted(
        "{password: {argon2id: {memoryMiB: 32, iterations: 3, parallelism: 2}}, \
         users: {case: Sensitive}, sessions: {idleTimeoutSeconds: 60}, \
         migration: {lockSeconds: 20, mix: [{example: '$1$a$b', sharePercent: 70}]}, \
         routing: {strategy: WeightedRoundRobin, refuseAfterMs: 40, deadlineMs: 900}, \
         circuitBreaker: {failures: 7}, trustedHops: 2, \
         loginBackoff: {freeFailures: 3, knownPairDays: 7}, \
         rateLimits: [{scope: UserAndAddress, attempts: 5, periodSeconds: 60}]}",
    ));
    let policy = Argon2idPolicy { memory_mib: 32, iterations: 3, parallelism: 2 };
    assert_eq!(said.password.argon2id, policy);
    assert_eq!(format!("{:?}", said.users.case), "Sensitive");
    assert_eq!(said.sessions.idle_timeout_seconds, 60);
    assert_eq!((said.routing.refuse_after_ms, said.routing.deadline_ms), (40, 900));
    assert_eq!(said.routing.strategy, RoutingStrategy::WeightedRoundRobin);
    assert_eq!((said.breaker.failures, said.breaker.recovery_seconds), (7, 60));
    let share = MixShare { example: "$1$a$b".to_owned(), share_percent: 70 };
    let migration = Migration { lock_seconds: 20, mix: vec![share], ..Migration::default() };
    assert_eq!(said.migration, migration);
    let limits = &said.limits;
    assert_eq!((limits.trusted_hops, limits.known_pair_days), (2, 7));
    let backoff = Backoff { free_failures: 3, ..Backoff::default() };
    assert_eq!(limits.backoff, backoff);
    let rule = RateRule { scope: RateScope::UserAndAddress, attempts: 5, period_seconds: 60 };
    assert_eq!(limits.rules, [rule]);
    assert_eq!(said.lanes, None, "each pool says it in its pods' environment");
    assert_eq!(said.listen.api.to_string(), "0.0.0.0:8443");
    assert_eq!(said.listen.admin.to_string(), "0.0.0.0:9090");
    let peers = said.peers.unwrap();
    assert_eq!(peers.listen.to_string(), "0.0.0.0:8444");
    assert_eq!(peers.name, "hasher.login.shop.authcluster.dev");
    assert_eq!(said.redis.unwrap().username.as_deref(), Some("hasher"));
    let ipv6 = Settings { ipv6: true, ..settings() };
    let ipv6 = validate(&super::super::sample::cluster(""), &ipv6).unwrap();
    assert_eq!(toml(&ipv6).listen.api.ip(), "::".parse::<IpAddr>().unwrap());
}

#[test]
fn every_file_that_it_names_is_mounted() {
    let pod = pod("");
    let folder = &hasher_of(&pod).volume_mounts.as_ref().unwrap()[0].mount_path;
    let volumes = pod.volumes.clone().unwrap();
    let mut mounted = Vec::new();
    for source in volumes[0].projected.as_ref().unwrap().sources.as_ref().unwrap() {
        let of_map = source.config_map.as_ref().and_then(|it| it.items.clone());
        let of_secret = source.secret.as_ref().and_then(|it| it.items.clone());
        let items = of_map.or(of_secret).unwrap();
        mounted.extend(items.iter().map(|item| format!("{folder}/{}", item.path)));
    }
    let said = toml(&wanted(""));
    let (tls, peers, redis) = (said.tls.unwrap(), said.peers.unwrap(), said.redis.unwrap());
    let named = [
        said.clients_file.unwrap(),
        said.users.key_file.unwrap(),
        redis.password_file.unwrap(),
        tls.certificate_file,
        tls.private_key_file,
        peers.tls.certificate_file,
        peers.tls.private_key_file,
        peers.ca_file,
    ];
    for file in named.iter().map(|file| file.display().to_string()) {
        assert!(mounted.contains(&file), "{file} of {mounted:?}");
    }
    let config = hasher_of(&pod).args.as_ref().unwrap().last().unwrap();
    assert!(mounted.contains(config), "{config}");
    assert_eq!(mounted.len(), named.len() + 1);
}

#[test]
fn callers_are_known_by_digests() {
    let wanted = wanted(
        "{clients: [{name: web, realm: shop, scopes: [Login, Hash, Login], unitsPerSecond: 500}, \
         {name: app, tokenSecretRef: {name: theirs, key: bearer}}]}",
    );
    let secret = clients_secret(&wanted, &digests(&wanted)).unwrap();
    let text = String::from_utf8(secret.data.unwrap()[KEY_CLIENTS].0.clone()).unwrap();
    let read: Clients = toml::from_str(&text).unwrap();
    let [web, app] = read.clients.as_slice() else { panic!("two callers") };
    assert_eq!((web.name.as_str(), web.realm.as_str()), ("web", "shop"));
    assert_eq!(web.scopes, [Scope::Hash, Scope::Login]);
    assert_eq!((web.units_per_second, app.units_per_second), (Some(500), None));
    assert_eq!(web.token_sha256, [digest("login-token-web/token")]);
    assert_eq!((app.realm.as_str(), app.scopes.as_slice()), ("default", &Scope::DEFAULT[..]));
    assert_eq!(app.token_sha256, [digest("theirs/bearer")]);
}

#[test]
fn what_hashers_take_over_while_they_run_rolls_no_pod() {
    let checksum = |spec: &str| {
        let wanted = wanted(spec);
        let digests = digests(&wanted);
        let deployment = deployment(&wanted, &wanted.pools[0], &digests).unwrap();
        let template = deployment.spec.unwrap().template.metadata.unwrap();
        let checksum = template.annotations.unwrap()[ANNOTATION_CONFIG].clone();
        (checksum, live_version(&wanted, &digests).unwrap())
    };
    let (at_start, live) = checksum("");
    for spec in [
        "{routing: {deadlineMs: 900}}",
        "{circuitBreaker: {failures: 4}}",
        "{rateLimits: [{scope: User, attempts: 5, periodSeconds: 60}]}",
        "{clients: [{name: web, realm: other, scopes: [Login]}]}",
    ] {
        let (same, changed) = checksum(spec);
        assert_eq!(same, at_start, "{spec}");
        assert_ne!(changed, live, "{spec}");
    }
    let (same, changed) = checksum("{rateLimits: []}");
    assert_eq!(same, at_start);
    assert_ne!(changed, live, "an empty list is not a missing one");
    let (changed, same) = checksum("{password: {argon2id: {iterations: 3}}}");
    assert_ne!(changed, at_start);
    assert_eq!(same, live);
}

#[test]
fn rates_are_limited_unless_the_list_is_empty() {
    let rules = |spec: &str| toml(&wanted(spec)).limits.rules;
    let rule = |scope, attempts| RateRule { scope, attempts, period_seconds: 60 };
    let default = [rule(RateScope::User, 10), rule(RateScope::Address, 100)];
    assert_eq!(rules(""), default);
    assert_eq!(rules("{trustedHops: 1}"), default);
    assert_eq!(rules("{rateLimits: []}"), []);
}

#[test]
fn a_pod_knows_its_name_its_address_and_its_threads() {
    let pod = pod("{hasher: {resources: {requests: {cpu: 6}}}}");
    let container = hasher_of(&pod);
    let env = container.env.clone().unwrap();
    let field = |name: &str| {
        let variable = env.iter().find(|it| it.name == name).unwrap();
        let source = variable.value_from.clone().and_then(|from| from.field_ref);
        variable.value.clone().or(source.map(|field| field.field_path)).unwrap()
    };
    assert_eq!(field("HASHER_NODE_NAME"), "metadata.name");
    assert_eq!(field("HASHER_POD_IP"), "status.podIP");
    assert_eq!(field("HASHER_LANES"), "6");
    assert_eq!(container.name, "hasher");
}

#[test]
fn a_pod_has_time_to_start_and_to_end() {
    let pod = pod("");
    let container = hasher_of(&pod);
    let path = |probe: &Option<k8s_openapi::api::core::v1::Probe>| {
        probe.clone().unwrap().http_get.unwrap().path.unwrap()
    };
    assert_eq!(path(&container.startup_probe), "/livez");
    assert_eq!(path(&container.liveness_probe), "/livez");
    assert_eq!(path(&container.readiness_probe), "/readyz");
    let startup = container.startup_probe.clone().unwrap();
    let seconds = startup.period_seconds.unwrap() * startup.failure_threshold.unwrap();
    assert_eq!(seconds, 60, "calibration and the first look at Redis");
    let drain = container.lifecycle.clone().unwrap().pre_stop.unwrap().sleep.unwrap().seconds;
    // The hasher's own grace for open requests is 20 s.
    assert!(pod.termination_grace_period_seconds.unwrap() > drain + 20);
}

#[test]
fn pods_spread_and_a_roll_out_takes_none_before_its_successor_has_its_share() {
    let wanted = wanted("{hasher: {pools: [{name: a, replicas: 3}, {name: b}]}}");
    let of = |index: usize| {
        deployment(&wanted, &wanted.pools[index], &digests(&wanted)).unwrap().spec.unwrap()
    };
    for index in 0..2 {
        let rolling = of(index).strategy.unwrap().rolling_update.unwrap();
        assert_eq!(rolling.max_unavailable, Some(IntOrString::Int(0)));
        assert_eq!(rolling.max_surge, Some(IntOrString::String("25%".to_owned())));
        assert_eq!(of(index).min_ready_seconds, Some(10), "the hashers' ramp");
        let spread = of(index).template.spec.unwrap().topology_spread_constraints.unwrap();
        let keys: Vec<&str> = spread.iter().map(|it| it.topology_key.as_str()).collect();
        assert_eq!(keys, ["kubernetes.io/hostname", "topology.kubernetes.io/zone"]);
        for rule in spread {
            assert_eq!(rule.when_unsatisfiable, "ScheduleAnyway");
            assert_eq!(rule.label_selector, Some(of(index).selector));
        }
    }
    assert_eq!(of(0).replicas, Some(3));
}

#[test]
fn ways_in_lead_to_ready_pods_and_peers_also_to_others() {
    let [api, peers] = services(&wanted("")).map(|service| service.spec.unwrap());
    assert_eq!(api.publish_not_ready_addresses, None);
    assert_eq!(api.cluster_ip, None);
    assert_eq!(peers.publish_not_ready_addresses, Some(true));
    assert_eq!(peers.cluster_ip.as_deref(), Some("None"));
    let container = pod("").containers[0].clone();
    let named: Vec<_> = container.ports.unwrap().into_iter().map(|it| it.name.unwrap()).collect();
    for port in api.ports.into_iter().chain(peers.ports).flatten() {
        let Some(IntOrString::String(target)) = port.target_port else { panic!("by name") };
        assert!(named.contains(&target), "{target}");
    }
}

#[test]
fn old_hashes_are_those_that_the_resource_names() {
    let said = toml(&wanted(
        "{password: {legacy: {accept: [Bcrypt, Nt], bounds: {bcryptCostMax: 13, roundsMax: 7}}}}",
    ));
    let legacy = Legacy {
        accept: vec![Family::Bcrypt, Family::Nt],
        memory_max_mib: 64,
        bcrypt_cost_max: 13,
        rounds_max: 7,
    };
    assert_eq!(said.password.legacy, Some(legacy));
    assert_eq!(toml(&wanted("")).password.legacy, None);
}

#[test]
fn keys_of_sessions_are_mounted_whole_and_waited_for() {
    let spec = "{sessions: {rotationGraceSeconds: 0, perUserMax: 5, \
                encryptionSecretRef: {name: session-keys, currentKey: \"2026\"}}}";
    let said = toml(&wanted(spec)).sessions;
    assert_eq!((said.rotation_grace_seconds, said.per_user_max), (0, 5));
    let encryption = said.encryption.unwrap();
    assert_eq!(encryption.current_key, "2026");
    let pod_of = |spec| pod(spec);
    let pod = pod_of(spec);
    let mounts = hasher_of(&pod).volume_mounts.clone().unwrap();
    let folder = encryption.keys_folder.display().to_string();
    let mount = mounts.iter().find(|mount| mount.mount_path == folder).unwrap();
    assert_eq!(mount.read_only, Some(true));
    let volumes = pod.volumes.unwrap();
    let volume = volumes.iter().find(|volume| volume.name == mount.name).unwrap();
    let secret = volume.secret.as_ref().unwrap();
    assert_eq!(secret.secret_name.as_deref(), Some("session-keys"));
    assert_eq!(secret.items, None, "a key that is added later appears in running pods");
    let without = wanted(spec);
    let mut none = Digests::default();
    for (name, key) in [("other", "2026"), ("session-keys", "2025")] {
        none.insert(name, key, &digest("x"));
    }
    assert!(deployment(&without, &without.pools[0], &none).is_err());
    assert!(config_map(&without, &none).is_err());
    assert_eq!(pod_of("").volumes.unwrap().len(), 2);
}

#[test]
fn peppers_are_mounted_whole_and_each_of_them_must_be_one() {
    let spec = "{password: {pepperSecretRef: {name: peppers, currentKey: \"2026\"}}}";
    let said = toml(&wanted(spec)).password.pepper.unwrap();
    assert_eq!(said.current.unwrap().as_str(), "2026");
    let pod = pod(spec);
    let folder = said.folder.display().to_string();
    let mounts = hasher_of(&pod).volume_mounts.clone().unwrap();
    let mount = mounts.iter().find(|mount| mount.mount_path == folder).unwrap();
    assert_eq!(mount.read_only, Some(true));
    let volumes = pod.volumes.unwrap();
    let volume = volumes.iter().find(|volume| volume.name == mount.name).unwrap();
    let secret = volume.secret.as_ref().unwrap();
    assert_eq!(
        (secret.secret_name.as_deref(), &secret.items),
        (Some("login-hasher-peppers"), &None)
    );

    let wanted = wanted(spec);
    let checksum = |keys: &[(&str, &str)], peppers: &[&str]| {
        let mut seen = secrets(&wanted);
        let secret = seen.get_mut("peppers").unwrap();
        let value = |(key, value): &(&str, &str)| ((*key).to_owned(), digest(value));
        secret.sha256 = keys.iter().map(value).collect();
        secret.peppers = peppers.iter().map(|key| (*key).to_owned()).collect();
        let copy = secret.clone();
        seen.insert("login-hasher-peppers".to_owned(), copy);
        let digests = Digests::of_seen(&seen);
        let made = deployment(&wanted, &wanted.pools[0], &digests);
        assert_eq!(config_map(&wanted, &digests).is_ok(), made.is_ok());
        let annotations =
            |made: Deployment| made.spec.unwrap().template.metadata.unwrap().annotations.unwrap();
        made.map(annotations).map_err(|error| error.to_string())
    };
    let one = checksum(&[("2026", "a")], &["2026"]).unwrap();
    // Another key and another value roll the pods.
    assert_ne!(checksum(&[("2026", "b")], &["2026"]).unwrap(), one);
    let both = [("2026", "a"), ("2027", "b")];
    assert_ne!(checksum(&both, &["2026", "2027"]).unwrap(), one);
    let missing = checksum(&[("2025", "a")], &["2025"]).unwrap_err();
    assert_eq!(missing, "Secret peppers is not there, or has no key 2026");
    let broken = checksum(&both, &["2026"]).unwrap_err();
    assert!(broken.starts_with("Secret peppers holds 2027, which is no pepper"), "{broken}");

    // With none named, any that is there will do, and there must be one.
    let spec = "{password: {pepperSecretRef: {name: peppers}}}";
    let wanted = super::super::sample::wanted(spec);
    assert_eq!(toml(&wanted).password.pepper.unwrap().current, None);
    assert!(deployment(&wanted, &wanted.pools[0], &digests(&wanted)).is_ok());
    let error = deployment(&wanted, &wanted.pools[0], &Digests::default()).unwrap_err();
    assert!(config_map(&wanted, &Digests::default()).is_err(), "{error}");
}
