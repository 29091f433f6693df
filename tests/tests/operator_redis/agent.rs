//! The agent on real servers: what it starts, and what each user may do there.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use authcluster_redis_agent::users::User;
use authcluster_tests::redis::pods::{PodOptions, RedisPod, USERS, password};
use redis::Value;
use redis::aio::MultiplexedConnection;

use crate::cluster::{AGENT, Cluster};

/// Sends words as a command; what it came to is the answer or the error's words.
async fn say(connection: &mut MultiplexedConnection, words: &str) -> Result<Value, String> {
    let mut command = redis::Cmd::new();
    for word in words.split(' ') {
        command.arg(word);
    }
    command.query_async(connection).await.map_err(|error| error.to_string())
}

/// Refused by a rule for the user; `DEBUG` by one for all.
fn is_forbidden(answer: &Result<Value, String>) -> bool {
    let rules = ["permissions", "NOPERM", "DEBUG command not allowed"];
    answer.as_ref().is_err_and(|words| rules.iter().any(|rule| words.contains(rule)))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_is_as_the_agent_says_and_its_secrets_are_private() -> anyhow::Result<()> {
    let mut pod = RedisPod::new(&PodOptions::of(Path::new(AGENT)))?;
    pod.started().await?;
    for file in ["redis.conf", "users.acl"] {
        let mode = fs::metadata(pod.written().join(file))?.permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
    let acl = fs::read_to_string(pod.written().join("users.acl"))?;
    assert!(!acl.contains("password of"), "{acl}");
    assert!(!pod.log().contains("password of"), "{}", pod.log());
    let mut connection = pod.connect("operator").await?;
    let nodes: String = redis::cmd("CLUSTER").arg("NODES").query_async(&mut connection).await?;
    assert!(nodes.contains(&format!(" {}:6379@16379", pod.ip())), "{nodes}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_three_users_come_in() -> anyhow::Result<()> {
    let mut pod = RedisPod::new(&PodOptions::of(Path::new(AGENT)))?;
    pod.started().await?;
    let mut nobody = pod.login(None).await?;
    for words in ["PING", "INFO", "CLUSTER NODES", "GET nodes"] {
        assert!(say(&mut nobody, words).await.is_err(), "{words}");
    }
    for user in USERS {
        assert!(pod.login(Some((user, "wrong"))).await.is_err(), "{user}");
        assert!(pod.connect(user).await.is_ok(), "{user}");
    }
    assert!(pod.login(Some(("default", &password("operator")))).await.is_err());
    Ok(())
}

/// What no user may do.
const FORBIDDEN: &[&str] = &[
    "FLUSHALL",
    "FLUSHDB",
    "CLUSTER RESET HARD",
    "CLUSTER FLUSHSLOTS",
    "DEBUG SLEEP 0",
    "SHUTDOWN NOSAVE",
    "CONFIG SET maxmemory 1",
    "CONFIG GET masterauth",
    "ACL LIST",
    "ACL SETUSER x on nopass +@all",
    "KEYS *",
    "SCAN 0",
    "REPLICAOF NO ONE",
    "SAVE",
    "BGREWRITEAOF",
    "MONITOR",
    "CLIENT KILL ID 1",
    "MODULE LIST",
    "FUNCTION FLUSH",
    "SCRIPT FLUSH",
    "SWAPDB 0 1",
    "RESTORE session:x 0 x",
    "MIGRATE h 1 session:x 0 1",
    "GET other",
    "PUBLISH a b",
];

/// What a user may and may not do beyond that.
struct Rights {
    user: &'static str,
    allowed: &'static [&'static str],
    forbidden: &'static [&'static str],
}

const RIGHTS: &[Rights] = &[
    Rights {
        user: "operator",
        allowed: &[
            "PING",
            "INFO",
            "DBSIZE",
            "CLUSTER MYID",
            "CLUSTER INFO",
            "CLUSTER NODES",
            "CLUSTER BUMPEPOCH",
            "CLUSTER COUNTKEYSINSLOT 1",
            "CLIENT SETNAME handover-a",
            "CLIENT LIST TYPE NORMAL",
            "HGETALL nodes",
            "SET node_capacity:{a} 1",
            "GET node_capacity:{a}",
            "DEL node_capacity:{a}",
            "HDEL nodes a",
            "GET node_load:{a}",
        ],
        forbidden: &[
            "GET session:{a}",
            "SET session:{a} x",
            "DEL session:{a}",
            "EVAL x 0",
            "CLUSTER SLOTS",
        ],
    },
    Rights {
        user: "hasher",
        allowed: &[
            "INFO memory",
            "PING",
            "TIME",
            "CLUSTER SLOTS",
            "CLUSTER SHARDS",
            "CLUSTER MYID",
            "CLUSTER NODES",
            "READONLY",
            "READWRITE",
            "SET session:{a} x PX 1000",
            "GET session:{a}",
            "HSET nodes a b",
            "HGETALL nodes",
            "INCRBY node_load:{a} 2",
            "PEXPIRE node_load:{a} 9",
            "GET node_capacity:{a}",
            "EVAL return(redis.call('GET',KEYS[1])) 1 session:{a}",
            "SCRIPT LOAD return(1)",
            "SCRIPT EXISTS SHA1",
            "EVALSHA SHA1 0",
            "UNLINK session:{a}",
        ],
        forbidden: &[
            "CLUSTER MEET 10.0.0.1 6379",
            "CLUSTER FORGET x",
            "CLUSTER REPLICATE x",
            "CLUSTER ADDSLOTS 1",
            "CLUSTER DELSLOTS 1",
            "CLUSTER FAILOVER",
            "CLIENT LIST",
            "ACL LOAD",
            "DBSIZE",
            "EVAL return(redis.call('GET',KEYS[1])) 1 other:{a}",
        ],
    },
    Rights {
        user: "replication",
        allowed: &["PING"],
        forbidden: &[
            "GET session:{a}",
            "CLUSTER NODES",
            "CLIENT LIST",
            "HGETALL nodes",
            "ACL LOAD",
        ],
    },
];

/// `SHA1` of `return(1)`.
const SHA1: &str = "930269f31393d0be681588b6ab08dccee7d6bb67";

pub(crate) async fn assert_nobody_can_destroy(pod: &RedisPod) -> anyhow::Result<()> {
    for user in USERS {
        let mut connection = pod.connect(user).await?;
        for words in FORBIDDEN {
            let answer = say(&mut connection, words).await;
            assert!(is_forbidden(&answer), "{user} {words}: {answer:?}");
        }
    }
    Ok(())
}

/// `pod` owns every slot that these keys are of, or answers where they are.
pub(crate) async fn assert_users_can_work(pod: &RedisPod) -> anyhow::Result<()> {
    for Rights { user, allowed, forbidden } in RIGHTS {
        let mut connection = pod.connect(user).await?;
        for words in *allowed {
            let answer = say(&mut connection, &words.replace("SHA1", SHA1)).await;
            let elsewhere = answer.as_ref().is_err_and(|words| words.contains("Moved"));
            assert!(answer.is_ok() || elsewhere, "{user} {words}: {answer:?}");
        }
        for words in *forbidden {
            let answer = say(&mut connection, words).await;
            assert!(is_forbidden(&answer), "{user} {words}: {answer:?}");
        }
    }
    // What a script calls is checked as well.
    let mut connection = pod.connect("hasher").await?;
    let answer = say(&mut connection, "EVAL return(redis.call('FLUSHALL')) 0").await;
    assert!(answer.is_err(), "{answer:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn users_can_do_their_work_and_destroy_nothing() -> anyhow::Result<()> {
    let cluster = Cluster::formed(1, 0).await?;
    let pod = cluster.pods.values().next().unwrap();
    assert_nobody_can_destroy(pod).await?;
    assert_users_can_work(pod).await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_command_of_the_users_exists() -> anyhow::Result<()> {
    // A name that the server does not know keeps it from starting, or from reading its users again.
    let cluster = Cluster::formed(1, 0).await?;
    let pod = cluster.pods.values().next().unwrap();
    assert_eq!(pod.run("ready").await?.code, Some(0));
    let acl = fs::read_to_string(pod.written().join("users.acl"))?;
    for user in User::ALL {
        for command in user.commands() {
            assert!(acl.contains(&format!(" +{command}")), "{user:?} {command}");
        }
    }
    let mut replication = pod.connect("replication").await?;
    let answer = say(&mut replication, "PSYNC ? -1").await;
    assert!(!is_forbidden(&answer), "{answer:?}");
    Ok(())
}
