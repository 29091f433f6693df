//! What is read from settings and from `nodes`, and what an error of Redis means. The rest needs real
//! servers.

use std::io;

use super::{Seed, StoreError, read_record};

#[test]
fn seeds_are_host_and_port() {
    let check = |text: &str, good: bool| assert_eq!(text.parse::<Seed>().is_ok(), good, "{text}");
    check("login-redis.default.svc:6379", true);
    check("[fd00::1]:6379", true);
    check("localhost", false);
    check(":6379", false);
    check("localhost:0", false);
    check("localhost:port", false);
}

#[test]
fn records_that_cannot_be_are_left_out() {
    let check = |node: &str, json: &str, good: bool| {
        assert_eq!(read_record(node, json).is_some(), good, "{node} {json}");
    };
    let good = r#"{"address":"10.0.0.1:8444","lanes":2,"speed":9000,"version":"1"}"#;
    check("pod-1", good, true);
    check("pod-1", &good.replace("\"version\"", "\"new\":1,\"version\""), true);
    check("Pod_1", good, false);
    check("pod-1", &good.replace("9000", "0"), false);
    check("pod-1", &good.replace("10.0.0.1:8444", "somewhere"), false);
    check("pod-1", "[]", false);
}

#[test]
fn errors_of_redis_are_told_apart() {
    let server = |text: &str| {
        let mut bytes = text.as_bytes().to_vec();
        bytes.extend_from_slice(b"\r\n");
        let value = redis::parse_redis_value(&bytes).unwrap();
        StoreError::from(value.extract_error().unwrap_err())
    };
    let oom = server("-OOM command not allowed when used memory > 'maxmemory'.");
    assert!(matches!(oom, StoreError::Full));
    assert!(matches!(server("-CORRUPT session"), StoreError::Corrupt(_)));
    let wrong = server("-WRONGTYPE Operation against a key holding the wrong kind of value");
    assert!(matches!(wrong, StoreError::Corrupt(_)));
    assert!(matches!(server("-CLUSTERDOWN The cluster is down"), StoreError::Unreachable(_)));
    let lost = redis::RedisError::from(io::Error::from(io::ErrorKind::ConnectionReset));
    assert!(matches!(StoreError::from(lost), StoreError::Unreachable(_)));
}
