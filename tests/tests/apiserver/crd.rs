//! The resource as a person meets it: what they leave out is filled in, what cannot be is refused with
//! the field's name, what must not change does not, and kubectl explains and shows it.

use std::process::Output;
use std::sync::Arc;

use authcluster_operator::api::AuthClusterSpec;
use authcluster_tests::apiserver::ApiServer;
use serde_json::{Value, json};

/// kubectl in one namespace.
struct Person {
    server: Arc<ApiServer>,
    namespace: String,
}

impl Person {
    async fn new() -> anyhow::Result<Self> {
        let server = ApiServer::get().await?;
        let namespace = server.namespace("crd").await?;
        Ok(Self { server, namespace })
    }

    async fn kubectl(&self, args: &[&str], input: &str) -> anyhow::Result<Output> {
        let args = [&["--namespace", self.namespace.as_str()], args].concat();
        self.server.kubectl(&args, input).await
    }

    /// What kubectl wrote; it has to succeed, and to warn of nothing.
    async fn ask(&self, args: &[&str], input: &str) -> anyhow::Result<String> {
        let output = self.kubectl(args, input).await?;
        let errors = String::from_utf8_lossy(&output.stderr);
        anyhow::ensure!(output.status.success() && errors.is_empty(), "{args:?}: {errors}");
        Ok(String::from_utf8(output.stdout)?)
    }

    /// Why kubectl was refused; it has to be.
    async fn refusal(&self, args: &[&str], input: &str) -> anyhow::Result<String> {
        let output = self.kubectl(args, input).await?;
        anyhow::ensure!(!output.status.success(), "accepted: {input}");
        Ok(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

fn cluster(name: &str, spec: &Value) -> String {
    json!({
        "apiVersion": "authcluster.dev/v1alpha1",
        "kind": "AuthCluster",
        "metadata": {"name": name},
        "spec": spec,
    })
    .to_string()
}

/// A spec that nobody can carry out, and what the refusal has to name.
type Malformed = (Value, &'static [&'static str]);

fn malformed_hashers() -> Vec<Malformed> {
    let pool = |more: &str| -> Value {
        let text = format!("{{\"hasher\": {{\"pools\": [{{\"name\": \"a\", {more}}}]}}}}");
        serde_json::from_str(&text).unwrap_or_default()
    };
    vec![
        (json!({"hasher": {"replica": 3}}), &["unknown field \"spec.hasher.replica\""]),
        (json!({"hasher": {"replicas": 1001}}), &["spec.hasher.replicas", "1000"]),
        (
            json!({"hasher": {"replicas": "3"}}),
            &["spec.hasher.replicas", "must be of type integer"],
        ),
        (
            json!({"hasher": {"replicas": -1}}),
            &["spec.hasher.replicas", "greater than or equal to 0"],
        ),
        (
            json!({"hasher": {"autoscaling": {"minReplicas": 5, "maxReplicas": 4}}}),
            &["spec.hasher.autoscaling", "minReplicas must not be above maxReplicas"],
        ),
        (
            json!({"hasher": {"autoscaling": {"minReplicas": 5}}}),
            &["spec.hasher.autoscaling.maxReplicas", "Required"],
        ),
        (
            json!({"hasher": {"autoscaling": {"maxReplicas": 4}, "pools": [{"name": "a"}]}}),
            &["spec.hasher", "autoscaling belongs to the pools"],
        ),
        (json!({"hasher": {"pools": [{"name": "A"}]}}), &["spec.hasher.pools[0].name"]),
        (
            json!({"hasher": {"pools": [{"name": "a"}, {"name": "a"}]}}),
            &["spec.hasher.pools[1]", "Duplicate value"],
        ),
        (pool("\"capacityPercent\": 101"), &["spec.hasher.pools[0].capacityPercent", "100"]),
        (
            pool("\"tolerations\": [{\"value\": \"x\"}]"),
            &["tolerations[0].operator", "without key needs operator Exists"],
        ),
        (
            pool("\"tolerations\": [{\"key\": \"k\", \"operator\": \"Exists\", \"value\": \"x\"}]"),
            &["tolerations[0].operator", "with a value needs operator Equal"],
        ),
        (
            pool("\"tolerations\": [{\"key\": \"k\", \"effect\": \"NoSuch\"}]"),
            &["tolerations[0].effect"],
        ),
        (
            json!({"hasher": {"resources": {"limits": {"memory": "512MB"}}}}),
            &["spec.hasher.resources.limits.memory"],
        ),
    ]
}

fn malformed_policies() -> Vec<Malformed> {
    vec![
        (
            json!({"password": {"argon2id": {"iterations": 0}}}),
            &["spec.password.argon2id.iterations", "greater than or equal to 1"],
        ),
        (
            json!({"password": {"argon2id": {"memoryMiB": 6}}}),
            &["spec.password.argon2id.memoryMiB", "greater than or equal to 7"],
        ),
        (
            json!({"password": {"legacy": {"accept": ["Rot13"]}}}),
            &["spec.password.legacy.accept[0]", "Bcrypt"],
        ),
        (
            json!({"routing": {"refuseAfterMs": 2000}}),
            &["spec.routing", "refuseAfterMs must not be above deadlineMs"],
        ),
        (json!({"routing": {"deadlineMs": 15001}}), &["spec.routing.deadlineMs", "15000"]),
        (json!({"routing": {"strategy": "affinity"}}), &["spec.routing.strategy", "\"Affinity\""]),
        (
            json!({"sessions": {"idleTimeoutSeconds": 50000}}),
            &["spec.sessions", "idleTimeoutSeconds must not be above absoluteTimeoutSeconds"],
        ),
        (
            json!({"rateLimits": [{"scope": "User", "attempts": 0, "periodSeconds": 1}]}),
            &["spec.rateLimits[0].attempts"],
        ),
        (
            json!({"rateLimits": [
                {"scope": "User", "attempts": 1, "periodSeconds": 60},
                {"scope": "User", "attempts": 2, "periodSeconds": 60},
            ]}),
            &["spec.rateLimits[1]", "Duplicate value"],
        ),
        (
            json!({"loginBackoff": {"freeFailures": 200}}),
            &["spec.loginBackoff", "freeFailures must not be above failuresMax"],
        ),
        (json!({"trustedHops": 17}), &["spec.trustedHops"]),
        (json!({"clients": [{"name": "shop", "scopes": []}]}), &["spec.clients[0].scopes"]),
        (json!({"clients": [{"name": "shop", "realm": "A b"}]}), &["spec.clients[0].realm"]),
        (json!({"tls": {}}), &["spec.tls.apiSecretRef", "Required"]),
    ]
}

fn malformed_redis() -> Vec<Malformed> {
    vec![
        (json!({"redis": {"shards": 2}}), &["spec.redis.shards", "1, or at least 3"]),
        (json!({"redis": {"shards": 0}}), &["spec.redis.shards", "greater than or equal to 1"]),
        (json!({"redis": {"replicasPerShard": 5}}), &["spec.redis.replicasPerShard", "4"]),
        (
            json!({"redis": {"config": {"maxmemory-policy": "allkeys-lru"}}}),
            &["spec.redis.config", "only these directives can be set: appendfsync"],
        ),
        (json!({"redis": {"config": {"save": "it's"}}}), &["spec.redis.config.save"]),
        (json!({"redis": {"config": {"hz": "10\nrequirepass x"}}}), &["spec.redis.config.hz"]),
        (
            json!({"redis": {"storage": {"kind": "Ephemeral", "storageClassName": "fast"}}}),
            &["spec.redis.storage.storageClassName", "needs kind Persistent"],
        ),
    ]
}

#[tokio::test]
async fn what_cannot_be_is_refused_with_the_fields_name() -> anyhow::Result<()> {
    let person = Person::new().await?;
    let args = ["create", "--dry-run=server", "--filename=-"];
    let mut wrong = Vec::new();
    let rows = [malformed_hashers(), malformed_policies(), malformed_redis()].concat();
    for (spec, names) in rows {
        let refusal = person.refusal(&args, &cluster("login", &spec)).await?;
        if !names.iter().all(|name| refusal.contains(name)) {
            wrong.push(format!("{spec}\n  expected {names:?}\n  got {refusal}"));
        }
    }
    anyhow::ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    for name in ["a".repeat(37).as_str(), "7up", "a.b", "a-"] {
        let refusal = person.refusal(&args, &cluster(name, &json!({}))).await?;
        assert!(refusal.contains("metadata.name"), "{name}: {refusal}");
    }
    let nothing = json!({"apiVersion": "authcluster.dev/v1alpha1", "kind": "AuthCluster",
        "metadata": {"name": "login"}});
    let refusal = person.refusal(&args, &nothing.to_string()).await?;
    assert!(refusal.contains("spec: Required value"), "{refusal}");
    Ok(())
}

#[tokio::test]
async fn what_is_left_out_is_filled_in_and_shown() -> anyhow::Result<()> {
    let person = Person::new().await?;
    person.ask(&["create", "--filename=-"], &cluster("login", &json!({}))).await?;
    let stored: Value =
        serde_json::from_str(&person.ask(&["get", "ac", "login", "--output=json"], "").await?)?;
    assert_eq!(stored["spec"], serde_json::to_value(AuthClusterSpec::default())?);
    let table = person.ask(&["get", "authclusters"], "").await?;
    let head: Vec<&str> = table.lines().next().unwrap_or_default().split_whitespace().collect();
    assert_eq!(head, ["NAME", "READY", "HASHERS", "SHARDS", "CAPACITY", "PLAN", "AGE"]);
    let manual = ["explain", "authcluster.spec.password.argon2id.memoryMiB"];
    let manual = person.ask(&manual, "").await?;
    assert!(manual.contains("Memory of one hash, in MiB. Default: 19."), "{manual}");
    person.ask(&["scale", "authcluster/login", "--replicas=5"], "").await?;
    let replicas = ["get", "ac", "login", "--output=jsonpath={.spec.hasher.replicas}"];
    assert_eq!(person.ask(&replicas, "").await?, "5");
    Ok(())
}

#[tokio::test]
async fn what_must_not_change_does_not() -> anyhow::Result<()> {
    let person = Person::new().await?;
    let apply = ["apply", "--filename=-"];
    let spec = json!({"redis": {"storage": {"sizeGiB": 2}}});
    person.ask(&apply, &cluster("login", &spec)).await?;
    for (redis, message) in [
        (json!({"shards": 5, "storage": {"sizeGiB": 2}}), "shards cannot be changed yet"),
        (json!({"storage": {"sizeGiB": 3}}), "storage cannot be changed"),
        (json!({"storage": {"sizeGiB": 2, "kind": "Ephemeral"}}), "storage cannot be changed"),
        (json!({"storage": {"sizeGiB": 2, "storageClassName": "a"}}), "storage cannot be changed"),
        (json!({}), "storage cannot be changed"),
    ] {
        let refusal = person.refusal(&apply, &cluster("login", &json!({"redis": redis}))).await?;
        assert!(refusal.contains(message) && refusal.contains("spec.redis."), "{redis}: {refusal}");
    }
    let other = json!({"redis": {"storage": {"sizeGiB": 2}, "replicasPerShard": 2}});
    person.ask(&apply, &cluster("login", &other)).await?;
    Ok(())
}

#[tokio::test]
async fn all_that_can_be_said_is_accepted() -> anyhow::Result<()> {
    let person = Person::new().await?;
    let sample = include_str!("../../../operator/tests/samples/everything.yaml");
    let version = ["get", "ac", "login", "--output=jsonpath={.metadata.resourceVersion}"];
    person.ask(&["apply", "--filename=-"], sample).await?;
    let first = person.ask(&version, "").await?;
    person.ask(&["apply", "--filename=-"], sample).await?;
    assert_eq!(first, person.ask(&version, "").await?, "the same resource, and it was written");
    Ok(())
}

#[tokio::test]
async fn the_file_in_the_tree_installs_without_a_warning() -> anyhow::Result<()> {
    let person = Person::new().await?;
    let file = include_str!("../../../crds/authclusters.yaml");
    let args = ["apply", "--server-side", "--force-conflicts", "--dry-run=server", "--filename=-"];
    person.ask(&args, file).await?;
    Ok(())
}
