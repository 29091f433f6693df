//! The list of connections: places, proofs and ends.

use super::*;

const CAPS: ConnectionCaps = ConnectionCaps { unproven: 2, proven: 2 };

fn connections() -> Arc<Connections> {
    Arc::new(Connections::new(CAPS, Arc::new(Metrics::new())))
}

fn open(connections: &Arc<Connections>, last: u8) -> Connection {
    connections.open([192, 0, 2, last].into())
}

fn is_closed(connection: &Connection) -> bool {
    connection.0.signals.close.is_cancelled()
}

fn is_asked_to_end(connection: &Connection) -> bool {
    connection.0.signals.end.is_cancelled()
}

#[tokio::test(start_paused = true)]
async fn a_flood_closes_its_own_connections_and_no_proven_one() {
    let connections = connections();
    let caller = open(&connections, 7);
    caller.prove(&"shop".into()).unwrap();
    let other = open(&connections, 1);
    let flood: Vec<_> = (0..20).map(|_| open(&connections, 7)).collect();
    assert!(!is_closed(&caller) && !is_closed(&other));
    assert_eq!(flood.iter().filter(|it| !is_closed(it)).count(), 1, "two places, one is taken");
    assert_eq!(connections.metrics.connections().get(), 22, "their tasks have yet to end");
    drop((caller, other, flood));
    assert_eq!(connections.metrics.connections().get(), 0);
    assert!(connections.pools().signals.is_empty());
}

#[tokio::test(start_paused = true)]
async fn one_proof_is_enough_and_counts_against_its_caller() {
    let connections = connections();
    let (first, second, third) =
        (open(&connections, 1), open(&connections, 2), open(&connections, 3));
    // The third one took the place of the first: its proof comes too late, and gives no place.
    first.prove(&"shop".into()).unwrap();
    assert!(is_closed(&first) && connections.pools().proven.is_empty());
    let under_way = second.begin_request();
    second.prove(&"shop".into()).unwrap();
    second.prove(&"another".into()).unwrap();
    third.prove(&"shop".into()).unwrap();
    let fourth = open(&connections, 4);
    fourth.prove(&"shop".into()).unwrap();
    assert!(!is_asked_to_end(&second), "it has a request under way");
    assert!(is_asked_to_end(&third), "it was idle");
    let _busy = fourth.begin_request();
    let fifth = open(&connections, 5);
    assert_eq!(fifth.prove(&"shop".into()), Err(NoRoomError));
    drop(under_way);
    fifth.prove(&"shop".into()).unwrap();
    assert!(is_asked_to_end(&second));
}

#[tokio::test(start_paused = true)]
async fn what_made_room_and_does_not_end_is_closed() {
    let connections = connections();
    let proven = [1, 2, 3].map(|last| {
        let connection = open(&connections, last);
        connection.prove(&"shop".into()).unwrap();
        connection
    });
    let [first, ..] = &proven;
    assert!(is_asked_to_end(first) && !is_closed(first));
    tokio::time::advance(Duration::from_secs(6)).await;
    connections.sweep();
    assert!(is_closed(first));
}

#[tokio::test(start_paused = true)]
async fn a_drain_closes_the_unproven_and_asks_the_others() {
    let connections = connections();
    let (unproven, proven) = (open(&connections, 1), open(&connections, 2));
    proven.prove(&"shop".into()).unwrap();
    connections.end_all();
    assert!(is_closed(&unproven));
    assert!(is_asked_to_end(&proven) && !is_closed(&proven));
    assert_eq!(connections.close_all(), 1);
    assert!(is_closed(&proven));
}
