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
