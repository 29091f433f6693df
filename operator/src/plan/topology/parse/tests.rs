//! Answers of real servers.

use super::{NodeTexts, ParseError, parse_node};
use crate::plan::topology::{Link, NodeState, Role};

const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const B: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
const C: &str = "cccccccccccccccccccccccccccccccccccccccc";

fn parse(nodes: &str, info: &str) -> Result<NodeState, ParseError> {
    let cluster_info = "cluster_state:ok\r\ncluster_slots_assigned:16384\r\ncluster_current_epoch:6\r\ncluster_my_epoch:2\r\n";
    parse_node(&NodeTexts { nodes, cluster_info, info, keys: 3 })
}

const PRIMARY: &str = "# Replication\r\nrole:master\r\nmaster_repl_offset:70\r\n";
const REPLICA: &str = "# Replication\r\nrole:slave\r\nmaster_link_status:up\r\nmaster_last_io_seconds_ago:5\r\nmaster_sync_in_progress:0\r\nmaster_host:10.0.0.2\r\nslave_repl_offset:70\r\n";

#[test]
fn a_blank_server_knows_no_address_and_nobody() {
    let state =
        parse(&format!("{A} :6379@16379 myself,master - 0 0 0 connected\n"), PRIMARY).unwrap();
    assert!(state.isolated && state.ip.is_none() && state.slots.is_empty() && state.keys == 3);
    assert_eq!((state.current_epoch, state.my_epoch, state.replication_offset), (6, 2, 70));
}

#[test]
fn slots_open_slots_and_peers_are_read() {
    let nodes = format!(
        "{A} 10.0.0.1:6379@16379,host.example,shard-id={A} myself,master - 0 0 2 connected 0-99 101 [93->-{B}]\n\
         {B} 10.0.0.2:6379@16379 master,fail? - 1 2 3 connected 200-300\n\
         {C} 10.0.0.3:6379@16379 slave {A} 1 2 2 connected\n"
    );
    let state = parse(&nodes, PRIMARY).unwrap();
    assert_eq!(state.slots.to_string(), "0-99,101");
    assert!(state.open_slots && !state.isolated && state.cluster_ok);
    let [b, c] = [B, C].map(|id| state.peers[&id.parse().unwrap()].clone());
    assert!(!b.alive && b.slots.to_string() == "200-300" && b.epoch == 3);
    assert!(c.alive && c.replica_of == Some(A.parse().unwrap()));
}

#[test]
fn addresses_are_addresses_of_any_kind() {
    let ip = |address: &str| {
        let nodes = format!("{A} {address} myself,master - 0 0 0 connected");
        parse(&nodes, PRIMARY).map(|state| state.ip.map(|ip| ip.to_string()))
    };
    assert_eq!(ip("10.1.2.3:6379@16379"), Ok(Some("10.1.2.3".to_owned())));
    assert_eq!(ip("fd00::1:6379@16379"), Ok(Some("fd00::1".to_owned())));
    assert_eq!(ip("[fd00::1]:6379@16379"), Ok(Some("fd00::1".to_owned())));
    assert_eq!(ip(":0@0"), Ok(None));
    assert!(ip("10.1.2:6379@16379").is_err());
    assert!(ip("10.1.2.3:6379").is_err());
}

#[test]
fn a_replica_is_in_sync_when_the_copy_is_complete() {
    let nodes = format!(
        "{A} 10.0.0.1:6379@16379 myself,slave {B} 0 0 2 connected\n{B} 10.0.0.2:6379@16379 master - 0 0 2 connected 0-5\n"
    );
    let from = parse(&nodes, REPLICA).unwrap().copies_from;
    assert_eq!(from, Some("10.0.0.2".parse().unwrap()));
    let link = |info: &str| match parse(&nodes, info).unwrap().role {
        Role::Replica { link, of: _ } => link,
        Role::Primary => panic!("it is a replica"),
    };
    assert_eq!(link(REPLICA), Link::Up);
    assert_eq!(link(&REPLICA.replace("progress:0", "progress:1")), Link::Down);
    assert_eq!(link(&REPLICA.replace("status:up", "status:down")), Link::Down);
    // It has heard nothing for too long, or cannot say for how long.
    for silent in ["6", "-1", ""] {
        assert_eq!(
            link(&REPLICA.replace("ago:5", &format!("ago:{silent}"))),
            Link::Down,
            "{silent}"
        );
    }
}

#[test]
fn nodes_in_a_handshake_have_no_true_id() {
    let nodes = format!(
        "{A} 10.0.0.1:6379@16379 myself,master - 0 0 2 connected\n{B} 10.0.0.2:6379@0 handshake - 0 0 0 connected\n"
    );
    let state = parse(&nodes, PRIMARY).unwrap();
    assert!(state.peers.is_empty() && !state.isolated);
}

#[test]
fn what_is_not_understood_is_refused() {
    assert_eq!(parse("", PRIMARY), Err(ParseError::Myself(0)));
    let me = format!("{A} :6379@16379 myself,master - 0 0 0 connected\n");
    assert_eq!(parse(&me, ""), Err(ParseError::Field("master_repl_offset")));
    let line = format!("{A} :6379@16379 myself,master - 0 0 0 connected 5-99999");
    assert_eq!(parse(&line, PRIMARY), Err(ParseError::Line(line.clone())));
}
