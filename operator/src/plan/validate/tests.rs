//! From what a person writes to what is carried out, or to what is wrong with it, in exactly these words.

use authcluster_contract::config::Scope;
use expect_test::{Expect, expect};

use super::super::sample::{cluster, settings, validated, wanted};
use super::*;

/// Everything that is wrong, one a line.
#[track_caller]
#[expect(clippy::needless_pass_by_value, reason = "so that a row reads expect![...]")]
fn refused(spec: &str, expect: Expect) {
    expect.assert_eq(&validated(spec).unwrap_err().refusals.join("\n"));
}

/// The pools that follow: name, pods, lanes, CPU and memory.
#[track_caller]
fn sized(spec: &str, expect: &[&str]) {
    let pool = |pool: &Pool| {
        let ProgramResources { cpu_request, cpu_limit, memory_request, memory_limit } =
            &pool.resources;
        let cpu_limit = cpu_limit.as_deref().unwrap_or("-");
        let (label, replicas, lanes) = (pool.label(), pool.replicas, pool.lanes);
        format!(
            "{label} {replicas}x{lanes} {cpu_request}/{cpu_limit} {memory_request}/{memory_limit}"
        )
    };
    let said: Vec<String> = wanted(spec).pools.iter().map(pool).collect();
    assert_eq!(said, expect, "{spec}");
}

fn resources(amounts: &str) -> String {
    format!("{{hasher: {{resources: {amounts}}}}}")
}

#[test]
fn an_empty_spec_is_complete() {
    let wanted = wanted("");
    assert_eq!((wanted.name.as_str(), wanted.namespace.as_str()), ("login", "shop"));
    assert_eq!((wanted.uid.as_str(), wanted.generation), ("u-1", 7));
    assert_eq!((wanted.redis.shards, wanted.redis.pods_per_shard()), (3, 2));
    assert_eq!(wanted.redis.image, "valkey:1");
    assert_eq!(wanted.hasher_image, "hasher:1");
    assert_eq!(wanted.pending, Vec::<String>::new());
    let [caller] = wanted.callers.as_slice() else { panic!("one caller") };
    assert_eq!((caller.name.as_str(), caller.secret.as_str()), ("default", "login-token-default"));
    assert_eq!((caller.key.as_str(), caller.generated), ("token", true));
    assert_eq!(caller.scopes, Scope::DEFAULT);
    assert_eq!(wanted.listen_ip.to_string(), "0.0.0.0");
    let ipv6 = Settings { ipv6: true, ..settings() };
    assert_eq!(validate(&cluster(""), &ipv6).unwrap().listen_ip.to_string(), "::");
}

#[test]
fn threads_and_memory_follow_from_what_is_asked_for() {
    // 19 MiB a thread, 64 for the program, 64 for one old hash.
    sized("", &["default 3x1 1/- 147Mi/147Mi"]);
    sized(&resources("{requests: {cpu: 4}}"), &["default 3x4 4/- 204Mi/204Mi"]);
    sized(&resources("{requests: {cpu: 3900m}}"), &["default 3x3 3900m/- 185Mi/185Mi"]);
    sized(&resources("{requests: {cpu: 100m}}"), &["default 3x1 100m/- 147Mi/147Mi"]);
    let given = "{requests: {cpu: 2, memory: 200Mi}, limits: {cpu: \"2.25\", memory: 1Gi}}";
    sized(&resources(given), &["default 3x2 2/2.25 200Mi/1Gi"]);
    sized(&resources("{limits: {memory: 83Mi}}"), &["default 3x1 1/- 83Mi/83Mi"]);
    sized(&resources("{requests: {memory: 90Mi}}"), &["default 3x1 1/- 90Mi/90Mi"]);
    sized(&resources("{limits: {cpu: 1500m}}"), &["default 3x1 1500m/1500m 147Mi/147Mi"]);
    sized(
        "{password: {argon2id: {memoryMiB: 100}, legacy: {bounds: {memoryMaxMiB: 200}}}}",
        &["default 3x1 1/- 364Mi/364Mi"],
    );
    sized(
        "{hasher: {replicas: 9, resources: {requests: {cpu: 2}}, pools: [{name: a, replicas: 2}, \
         {name: b, resources: {requests: {cpu: 1}}}]}}",
        &["a 2x2 2/- 166Mi/166Mi", "b 1x1 1/- 147Mi/147Mi"],
    );
    sized(
        "{hasher: {replicas: 9, autoscaling: {maxReplicas: 4}}}",
        &["default 4x1 1/- 147Mi/147Mi"],
    );
    sized(
        "{hasher: {replicas: 0, autoscaling: {minReplicas: 3, maxReplicas: 4}}}",
        &["default 3x1 1/- 147Mi/147Mi"],
    );
}

#[test]
fn what_does_not_fit_is_refused_with_the_sum() {
    refused(
        &resources("{limits: {memory: 82Mi}}"),
        expect![[
            "spec.hasher.resources.limits.memory is 82Mi: 1 hashing threads (one for each whole CPU requested) x 19 MiB (spec.password.argon2id.memoryMiB) + 64 MiB = 83 MiB are needed"
        ]],
    );
    refused(
        &resources("{requests: {cpu: 8, memory: 200Mi}}"),
        expect![[
            "spec.hasher.resources.requests.memory is 200Mi: 8 hashing threads (one for each whole CPU requested) x 19 MiB (spec.password.argon2id.memoryMiB) + 64 MiB = 216 MiB are needed"
        ]],
    );
    refused(
        &resources("{requests: {cpu: 2}, limits: {cpu: 2}}"),
        expect![[
            "spec.hasher.resources.limits.cpu is 2: 2 hashing threads (one for each whole CPU requested) and 0.25 CPU beside them need 2250m; raise it, or leave it out"
        ]],
    );
    refused(
        &resources("{limits: {cpu: 1}}"),
        expect![[
            "spec.hasher.resources.limits.cpu is 1: 1 hashing threads (one for each whole CPU requested) and 0.25 CPU beside them need 1250m; raise it, or leave it out"
        ]],
    );
    refused(
        &resources("{requests: {cpu: 300}}"),
        expect![[
            "spec.hasher.resources.requests.cpu is 300: at most 256 hashing threads fit one pod"
        ]],
    );
    refused(
        &resources("{requests: {memory: 200Mi}, limits: {memory: 100Mi}}"),
        expect![["spec.hasher.resources: requests.memory is 200Mi, above limits.memory, 100Mi"]],
    );
    refused(
        &resources("{requests: {cpu: two}}"),
        expect![[
            r#"spec.hasher.resources.requests.cpu: "two" is no amount: write a number such as 2, 500m or 512Mi"#
        ]],
    );
    refused(
        &resources("{limits: {memory: \"1e9\"}}"),
        expect![[
            r#"spec.hasher.resources.limits.memory: "1e9" is no amount: write a number such as 2, 500m or 512Mi"#
        ]],
    );
    refused(
        "{hasher: {pools: [{name: a, resources: {limits: {memory: 64Mi}}}]}}",
        expect![
            "spec.hasher.pools[a].resources.limits.memory is 64Mi: 1 hashing threads (one for each whole CPU requested) x 19 MiB (spec.password.argon2id.memoryMiB) + 64 MiB = 83 MiB are needed"
        ],
    );
    refused(
        "{redis: {resources: {limits: {memory: 63Mi}}}}",
        expect!["spec.redis.resources.limits.memory is 63Mi, and must be at least 64Mi"],
    );
    refused(
        "{redis: {resources: {requests: {memory: 2Gi}, limits: {memory: 1Gi}}}}",
        expect!["spec.redis.resources: requests.memory is above limits.memory, 1Gi"],
    );
    refused(
        "{redis: {resources: {requests: {cpu: 2}, limits: {cpu: 1}}}}",
        expect!["spec.redis.resources: requests.cpu is above limits.cpu, 1"],
    );
}

/// A pool that says nothing has what all have, and a policy that grows outgrows what was given.
#[test]
fn a_pool_is_refused_for_what_it_has_from_all() {
    refused(
        "{hasher: {resources: {requests: {cpu: 4, memory: 256Mi}}, pools: [{name: a}]}, \
         password: {argon2id: {memoryMiB: 64}}}",
        expect![
            "spec.hasher.resources.requests.memory is 256Mi: 4 hashing threads (one for each whole CPU requested) x 64 MiB (spec.password.argon2id.memoryMiB) + 64 MiB = 320 MiB are needed"
        ],
    );
}

#[test]
fn contradictions_of_policies_are_refused() {
    refused(
        "{password: {argon2id: {memoryMiB: 6}}}",
        expect![["spec.password.argon2id.memoryMiB is 6, and must be between 7 and 2048"]],
    );
    refused(
        "{password: {argon2id: {iterations: 0}}}",
        expect![["spec.password.argon2id.iterations is 0, and must be between 1 and 64"]],
    );
    refused(
        "{password: {argon2id: {parallelism: 17}}}",
        expect![["spec.password.argon2id.parallelism is 17, and must be between 1 and 16"]],
    );
    refused(
        "{routing: {refuseAfterMs: 0}}",
        expect![["spec.routing: 0 < refuseAfterMs <= deadlineMs must hold"]],
    );
    refused(
        "{routing: {refuseAfterMs: 2000}}",
        expect![["spec.routing: 0 < refuseAfterMs <= deadlineMs must hold"]],
    );
    refused(
        "{routing: {deadlineMs: 20000}}",
        expect![["spec.routing.deadlineMs is 20000, and must be at most 15000"]],
    );
    refused(
        "{sessions: {idleTimeoutSeconds: 90000}}",
        expect![["spec.sessions: 0 < idleTimeoutSeconds <= absoluteTimeoutSeconds must hold"]],
    );
    refused(
        "{sessions: {rotationGraceSeconds: 301, perUserMax: 0}}",
        expect![[r#"
            spec.sessions.rotationGraceSeconds is 301, and must be at most 300
            spec.sessions.perUserMax is 0, and must be between 1 and 1000"#]],
    );
}

#[test]
fn contradictions_of_hashers_are_refused() {
    refused(
        "{hasher: {autoscaling: {minReplicas: 5, maxReplicas: 4}}}",
        expect![["spec.hasher.autoscaling: minReplicas is 5, above maxReplicas, 4"]],
    );
    refused(
        "{hasher: {autoscaling: {maxReplicas: 4}, pools: [{name: a}]}}",
        expect![["spec.hasher.autoscaling: belongs to the pools when there are pools"]],
    );
    refused(
        "{hasher: {pools: [{name: a}, {name: a}]}}",
        expect![["spec.hasher.pools: a is there twice"]],
    );
    refused(
        "{hasher: {pools: [{name: twenty-characters-ab}]}}",
        expect![[
            "spec.hasher.pools[twenty-characters-ab].name: use at most 19 of a-z, 0-9 and '-'"
        ]],
    );
    refused(
        "{hasher: {pools: [{name: a, capacityPercent: 0}]}}",
        expect![[
            "spec.hasher.pools: capacityPercent is 0 in every pool, so no pod would get work"
        ]],
    );
    refused(
        "{hasher: {pools: [{name: a, capacityPercent: 101}]}}",
        expect![["spec.hasher.pools[a].capacityPercent is 101, and must be at most 100"]],
    );
    refused(
        "{hasher: {pools: [{name: a, tolerations: [{value: x}]}]}}",
        expect![["spec.hasher.pools[a].tolerations[0]: without key it needs operator Exists"]],
    );
    refused(
        "{hasher: {pools: [{name: a, tolerations: [{key: k, operator: Exists, value: x}]}]}}",
        expect![["spec.hasher.pools[a].tolerations[0]: with a value it needs operator Equal"]],
    );
}

#[test]
fn contradictions_of_callers_and_redis_are_refused() {
    refused("{clients: [{name: a}, {name: a}]}", expect![["spec.clients: a is there twice"]]);
    refused(
        "{clients: [{name: A}]}",
        expect![["spec.clients[A].name: use 1 to 63 of a-z, 0-9 and '-'"]],
    );
    refused(
        "{clients: [{name: a, scopes: []}]}",
        expect![["spec.clients[a].scopes: a caller without scopes may do nothing"]],
    );
    refused(
        "{clients: [{name: a, realm: \"x y\"}]}",
        expect![[r#"spec.clients[a].realm: "x y" is not a name: use 1 to 63 of a-z, 0-9 and '-'"#]],
    );
    refused(
        "{redis: {shards: 2}}",
        expect![[
            "spec.redis.shards is 2, and must be 1, or 3 to 100: two shards have no majority when one is lost"
        ]],
    );
    refused(
        "{redis: {shards: 0}}",
        expect![[
            "spec.redis.shards is 0, and must be 1, or 3 to 100: two shards have no majority when one is lost"
        ]],
    );
    refused(
        "{redis: {shards: 101}}",
        expect![[
            "spec.redis.shards is 101, and must be 1, or 3 to 100: two shards have no majority when one is lost"
        ]],
    );
    refused(
        "{redis: {replicasPerShard: 5}}",
        expect![["spec.redis.replicasPerShard must be at most 4"]],
    );
    refused(
        "{redis: {storage: {sizeGiB: 0}}}",
        expect![["spec.redis.storage.sizeGiB must be at least 1"]],
    );
    refused(
        "{redis: {config: {hz: \"it's\"}}}",
        expect![[r#"spec.redis.config.hz is "it's", and must be a whole number from 1 to 500"#]],
    );
    refused(
        "{redis: {config: {hz: \"10\\nrequirepass x\"}}}",
        expect![[
            r#"spec.redis.config.hz is "10\nrequirepass x", and must be a whole number from 1 to 500"#
        ]],
    );
    refused(
        "{redis: {config: {save: \"3600\\n1\"}}}",
        expect![[
            r#"spec.redis.config.save is "3600\n1", and must be empty, or seconds and a number of changes, such as 3600 1"#
        ]],
    );
    refused(
        "{redis: {config: {requirepass: x}}}",
        expect![[
            "spec.redis.config: requirepass cannot be set; it may be one of appendfsync, appendonly, auto-aof-rewrite-min-size, auto-aof-rewrite-percentage, client-output-buffer-limit, hz, io-threads, latency-monitor-threshold, lazyfree-lazy-expire, loglevel, maxclients, no-appendfsync-on-rewrite, repl-backlog-size, repl-diskless-sync, repl-diskless-sync-delay, repl-timeout, save, slowlog-log-slower-than, slowlog-max-len, tcp-backlog, tcp-keepalive, timeout"
        ]],
    );
}

#[test]
fn everything_that_is_wrong_is_said_at_once() {
    refused(
        "{password: {argon2id: {iterations: 65}}, routing: {deadlineMs: 5}, redis: {shards: 2}, \
         clients: [{name: a, scopes: []}], hasher: {resources: {limits: {memory: 1Mi}}}}",
        expect![[r#"
            spec.password.argon2id.iterations is 65, and must be between 1 and 64
            spec.routing: 0 < refuseAfterMs <= deadlineMs must hold
            spec.hasher.resources.limits.memory is 1Mi: 1 hashing threads (one for each whole CPU requested) x 19 MiB (spec.password.argon2id.memoryMiB) + 64 MiB = 83 MiB are needed
            spec.clients[a].scopes: a caller without scopes may do nothing
            spec.redis.shards is 2, and must be 1, or 3 to 100: two shards have no majority when one is lost"#]],
    );
    let mut nameless = cluster("{redis: {shards: 2}}");
    nameless.metadata.name = Some("7up".to_owned());
    let invalid = validate(&nameless, &settings()).unwrap_err();
    expect![[r#"metadata.name is "7up": use at most 36 of a-z, 0-9 and '-', starting with a letter and ending with a letter or digit, because other names are made from it; spec.redis.shards is 2, and must be 1, or 3 to 100: two shards have no majority when one is lost"#]].assert_eq(&invalid.to_string());
}

#[test]
fn names_have_room_for_what_is_made_from_them() {
    let check = |name: &str, fits: bool| {
        let mut cluster = cluster("");
        cluster.metadata.name = Some(name.to_owned());
        assert_eq!(validate(&cluster, &settings()).is_ok(), fits, "{name}");
    };
    check(&"a".repeat(36), true);
    check(&"a".repeat(37), false);
    check("a-1", true);
    for name in ["", "1a", "a-", "-a", "a.b", "A", "a_b", "\u{e4}"] {
        check(name, false);
    }
}

#[test]
fn limits_make_sense() {
    refused("{trustedHops: 17}", expect![["spec.trustedHops is 17, and must be between 0 and 16"]]);
    refused(
        "{loginBackoff: {freeFailures: 20, failuresMax: 10}}",
        expect![["spec.loginBackoff.freeFailures is 20, and must be between 0 and 10"]],
    );
    refused(
        "{loginBackoff: {knownPairDays: 0}}",
        expect![["spec.loginBackoff.knownPairDays is 0, and must be between 1 and 730"]],
    );
    refused(
        "{rateLimits: [{scope: User, attempts: 1, periodSeconds: 0}]}",
        expect![["spec.rateLimits[0].periodSeconds is 0, and must be between 1 and 86400"]],
    );
    refused(
        "{password: {pepperSecretRef: {name: a, currentKey: of-last-year}}}",
        expect![[
            "spec.password.pepperSecretRef.currentKey: a pepper's key id is 1 to 8 of A-Z, a-z, 0-9, '.', '_' and '-', and does not begin with a '.'"
        ]],
    );
    let rule = |attempts| format!("{{scope: User, attempts: {attempts}, periodSeconds: 60}}");
    refused(
        &format!("{{rateLimits: [{}, {}]}}", rule(1), rule(2)),
        expect![["spec.rateLimits[1] has the scope and period of an earlier one"]],
    );
}

#[test]
fn fields_without_behaviour_are_named() {
    let check = |spec: &str, expect: &[&str]| assert_eq!(wanted(spec).pending, expect, "{spec}");
    check("{hasher: {autoscaling: {maxReplicas: 5}}}", &[]);
    check("{password: {legacy: {}}}", &[]);
    check("{password: {pepperSecretRef: {name: a, currentKey: b}}}", &[]);
    check("{routing: {strategy: LeastLoaded}, circuitBreaker: {}}", &[]);
    check("{rateLimits: [{scope: User, attempts: 1, periodSeconds: 1}]}", &[]);
    check("{migration: {}}", &[]);
    check("{tls: {apiSecretRef: {name: a}}}", &["spec.tls"]);
}

#[test]
fn migration_makes_sense() {
    assert_eq!(wanted("").migration, Migration::default());
    assert_eq!(wanted("{migration: {}}").migration, Migration::default());
    refused(
        "{migration: {lockSeconds: 700}}",
        expect![["spec.migration.lockSeconds is 700, and must be between 5 and 600"]],
    );
    refused(
        "{migration: {lockSeconds: 60, statusSeconds: 30}}",
        expect![["spec.migration.statusSeconds is 30, and must be between 60 and 2592000"]],
    );
    refused(
        "{migration: {mix: [{example: a, sharePercent: 60}, {example: b, sharePercent: 60}]}}",
        expect![["spec.migration.mix: 120 percent are more than there are"]],
    );
}

#[test]
fn only_the_word_true_accepts_a_loss() {
    let check = |value: &str, expect: bool| {
        let mut cluster = cluster("");
        let annotation = (ANNOTATION_ACCEPT_DATA_LOSS.to_owned(), value.to_owned());
        cluster.metadata.annotations = Some([annotation].into());
        let wanted = validate(&cluster, &settings()).unwrap();
        assert_eq!(wanted.data_loss_accepted, expect, "{value}");
    };
    check("true", true);
    check("yes", false);
    check("", false);
    assert!(!wanted("").data_loss_accepted);
}

#[test]
fn redis_uses_three_fifths_of_its_limit() {
    let check = |spec: &str, mib: u64, request: &str, limit: &str| {
        let redis = wanted(spec).redis;
        assert_eq!(redis.maxmemory_bytes / (1024 * 1024), mib, "{spec}");
        let ProgramResources { memory_request, memory_limit, .. } = redis.resources;
        assert_eq!((memory_request.as_str(), memory_limit.as_str()), (request, limit), "{spec}");
    };
    check("", 153, "256Mi", "256Mi");
    check("{redis: {resources: {limits: {memory: 1Gi}}}}", 614, "1Gi", "1Gi");
    check("{redis: {resources: {requests: {memory: 1Gi}}}}", 614, "1Gi", "1Gi");
    let both = "{redis: {resources: {requests: {memory: 64Mi}, limits: {memory: 100Mi}}}}";
    check(both, 60, "64Mi", "100Mi");
}
