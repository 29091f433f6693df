//! The queue of those that hand over: one hand-over at a time in the whole cluster.
//!
//! Each primary has one vote in an epoch. Two replicas that ask for votes at the same time ask in the same
//! epoch, and one of them loses: its primary lets nobody write for five seconds, and Redis does not let it
//! ask again for twenty (`CLUSTER FAILOVER` does not begin a new election, valkey-io/valkey#1305). A drain
//! takes all pods of a node at once, so that is no rare case.
//!
//! The queue is kept by one node, its referee: the one with the lowest id of all that answer, whatever its
//! role. Who has a connection there that is called `handover-` and its id stands in the queue, in the order
//! in which the connections were made; it is the first one's turn. Nothing is stored, and who dies is out
//! of it.

use std::net::SocketAddr;
use std::time::Duration;

use crate::nodes::Listed;
use crate::resp::{Node, RespError};

/// What the connections of those in the queue are called, before their ids.
const NAME: &str = "handover-";

/// Who has not looked at the queue for so many seconds has gone without a word, as with its machine.
const IDLE_SECONDS_MAX: u64 = 3;

/// Nodes that are tried. When so many do not answer, a queue is the least that is missing.
const REFEREES_MAX: usize = 5;

/// Who finds the referee of a lower id gone waits for so long: somebody whose turn it was there may be at it.
const LOST_REFEREE: Duration = Duration::from_millis(500);

/// The queue, as one that hands over sees it.
pub struct Queue<'a> {
    name: String,
    referees: Vec<SocketAddr>,
    connect: &'a dyn Fn(SocketAddr) -> Result<Node, RespError>,
    /// The connection to the referee that is the place.
    place: Option<Node>,
}

impl<'a> Queue<'a> {
    /// The queue among `nodes` for the one called `id`, which takes no place yet.
    #[must_use]
    pub fn new(
        id: &str,
        nodes: &[Listed],
        connect: &'a dyn Fn(SocketAddr) -> Result<Node, RespError>,
    ) -> Self {
        Self { name: format!("{NAME}{id}"), referees: referees(nodes), connect, place: None }
    }

    /// Whether it is this one's turn. It takes the last place if it has none, and then it is not yet: a
    /// connection is a place only once it has its name, and whoever is behind it by then may have begun.
    /// It always is when no node keeps a queue.
    pub fn is_first(&mut self) -> bool {
        let has_come = self.place.is_none();
        let Some(mut referee) = self.place.take().or_else(|| self.enter()) else { return true };
        // One that is gone is found out by taking a new place.
        let Ok(clients) = referee.ask(&["CLIENT", "LIST", "TYPE", "NORMAL"]) else { return false };
        let names = in_order(&clients);
        if has_come && names.last() != Some(&&*self.name) {
            return false;
        }
        self.place = Some(referee);
        !has_come && names.first() == Some(&&*self.name)
    }

    /// Whether it has a place.
    #[must_use]
    pub const fn has_place(&self) -> bool {
        self.place.is_some()
    }

    /// Gives the place up.
    pub fn leave(&mut self) {
        self.place = None;
    }

    #[expect(clippy::disallowed_methods, reason = "these waits are the agent's own, and bounded")]
    fn enter(&self) -> Option<Node> {
        for address in &self.referees {
            let entered = (self.connect)(*address).and_then(|mut referee| {
                referee.ask(&["CLIENT", "SETNAME", &self.name])?;
                Ok(referee)
            });
            match entered {
                Ok(referee) => return Some(referee),
                // It serves, and keeps no queue for anyone.
                Err(RespError::Refused(_)) => {}
                Err(_) => std::thread::sleep(LOST_REFEREE),
            }
        }
        None
    }
}

/// The nodes that may keep the queue, the first one first. All agree about it who see the same cluster.
fn referees(nodes: &[Listed]) -> Vec<SocketAddr> {
    let mut nodes: Vec<&Listed> = nodes.iter().filter(|node| !node.is_failed).collect();
    nodes.sort_by(|a, b| a.id.cmp(&b.id));
    nodes.into_iter().filter_map(|node| node.address).take(REFEREES_MAX).collect()
}

/// The names of those in the queue, by the referee's `CLIENT LIST`.
fn in_order(clients: &str) -> Vec<&str> {
    let in_queue = clients.lines().filter_map(|client| {
        let of = |name: &str| {
            client.split(' ').find_map(|field| field.strip_prefix(name)?.strip_prefix('='))
        };
        let idle: u64 = of("idle")?.parse().ok()?;
        let name = of("name").filter(|name| name.starts_with(NAME))?;
        let id: u64 = of("id")?.parse().ok()?;
        (idle <= IDLE_SECONDS_MAX).then_some((id, name))
    });
    let mut in_queue: Vec<(u64, &str)> = in_queue.collect();
    in_queue.sort_unstable();
    in_queue.into_iter().map(|(_, name)| name).collect()
}

#[cfg(test)]
mod tests {
    //! Lists of clients, and of nodes.

    use super::{in_order, referees};
    use crate::nodes::listed;

    fn client(id: u32, name: &str, idle: u32) -> String {
        format!(
            "id={id} addr=10.0.0.1:1 laddr=10.0.0.2:6379 fd=8 name={name} age=9 idle={idle} flags=N\n"
        )
    }

    #[test]
    fn those_that_wait_stand_in_the_order_of_their_connections() {
        let clients = [
            client(3, "", 0),
            client(21, "handover-b", 1),
            client(9, "handover-gone", 4),
            client(10, "handover-c", 3),
            client(100, "handover-a", 0),
        ];
        assert_eq!(in_order(&clients.concat()), ["handover-c", "handover-b", "handover-a"]);
        for nobody in [&*clients[0], "", "id=x name=handover-a idle=0\nid=1 name=handover-b\n"] {
            assert!(in_order(nobody).is_empty(), "{nobody}");
        }
    }

    #[test]
    fn all_agree_on_the_node_of_the_lowest_id() {
        let line = |id: &str, host: u8, flags: &str| {
            format!("{} 10.0.0.{host}:6379@16379 {flags} - 0 0 3 connected\n", id.repeat(40))
        };
        let nodes = [
            line("c", 1, "myself,master"),
            line("b", 2, "slave,fail?"),
            line("a", 3, "master,fail"),
        ];
        let found = referees(&listed(&nodes.concat()));
        assert_eq!(found, ["10.0.0.2:6379".parse().unwrap(), "10.0.0.1:6379".parse().unwrap()]);
    }
}
