//! Names are fixed: what an older operator made is found by them.

use super::*;

#[test]
fn the_name_of_a_redis_pod_says_shard_and_ordinal() {
    let check = |pod: &str, expect: Option<(u16, u16)>| {
        assert_eq!(parse_redis_pod("login", pod), expect, "{pod}");
    };
    check("login-redis-0-0", Some((0, 0)));
    check("login-redis-12-1", Some((12, 1)));
    check("login-redis-0", None);
    check("login-redis-0-0-0", None);
    check("other-redis-0-0", None);
    check("login-hasher-0-0", None);
    assert_eq!(redis_pod("login", 12, 1), "login-redis-12-1");
}

#[test]
fn seeds_do_not_change_with_the_number_of_shards() {
    assert_eq!(redis_seeds("a", "n", 3), redis_seeds("a", "n", 50));
    assert_eq!(redis_seeds("a", "n", 1), ["a-redis.n.svc:6379", "a-redis-0-0.a-redis.n.svc:6379"]);
}

#[test]
fn names_never_change() {
    let made = [
        deployment("a", None),
        deployment("a", Some("large")),
        hasher("a"),
        peers("a"),
        redis("a"),
        shard("a", 2),
        ca("a"),
        hasher_tls("a"),
        peer_tls("a"),
        redis_users("a"),
        user_key("a"),
        clients("a"),
        token("a", "shop"),
        peer_dns("a", "n"),
    ];
    let fixed = [
        "a-hasher",
        "a-hasher-large",
        "a-hasher",
        "a-hasher-peers",
        "a-redis",
        "a-redis-2",
        "a-ca",
        "a-hasher-tls",
        "a-peer-tls",
        "a-redis-users",
        "a-user-key",
        "a-clients",
        "a-token-shop",
        "hasher.a.n.authcluster.dev",
    ];
    assert_eq!(made, fixed);
}

#[test]
fn the_longest_names_fit_a_label() {
    let name = "a".repeat(crate::api::names::CLUSTER_NAME_BYTES_MAX);
    let pool = "p".repeat(crate::api::names::POOL_NAME_BYTES_MAX);
    // A pod of the last shard, with the hash that a StatefulSet's revision has as a label.
    let revision = format!("{}-{}", shard(&name, 100), "0".repeat(10));
    for longest in [revision, deployment(&name, Some(&pool)), peers(&name), redis_pod(&name, 99, 4)]
    {
        assert!(longest.len() <= 63, "{longest}");
    }
}
