//! Nodes as `nodes.conf` and `CLUSTER NODES` list them: the little that the agent needs. Pure.

use std::net::{IpAddr, SocketAddr};

/// One node of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its id.
    pub id: String,
    /// Where it is, if that is known.
    pub address: Option<SocketAddr>,
    /// Whether it is the one that made the list.
    pub is_myself: bool,
    /// The primary that it replicates, if it is a replica.
    pub replica_of: Option<String>,
    /// Whether it owns slots.
    pub has_slots: bool,
    /// Whether the one that made the list has no hope of it.
    pub is_failed: bool,
}

/// The nodes of a list. Lines that are none (`vars` in nodes.conf, half a line after a crash) are
/// left out.
#[must_use]
pub fn listed(text: &str) -> Vec<Listed> {
    text.lines().filter_map(line).collect()
}

/// The one that made the list.
#[must_use]
pub fn myself(nodes: &[Listed]) -> Option<&Listed> {
    nodes.iter().find(|node| node.is_myself)
}

fn line(text: &str) -> Option<Listed> {
    let mut fields = text.split_ascii_whitespace();
    let id = fields.next().filter(|id| id.len() == 40)?;
    let endpoint = fields.next()?;
    let flags = fields.next()?;
    let primary = fields.next()?;
    // Ping, pong, epoch, link, then slots; those in brackets are only on their way.
    let has_slots = fields.skip(4).any(|part| !part.starts_with('['));
    let has = |name| flags.split(',').any(|flag| flag == name);
    Some(Listed {
        id: id.to_owned(),
        address: address(endpoint),
        is_myself: has("myself"),
        replica_of: (primary != "-").then(|| primary.to_owned()),
        has_slots,
        is_failed: has("fail"),
    })
}

/// `ip:port@bus,...`; an IPv6 address has no brackets.
fn address(endpoint: &str) -> Option<SocketAddr> {
    let (address, _) = endpoint.split_once('@')?;
    let (ip, port) = address.rsplit_once(':')?;
    let ip: IpAddr = ip.parse().ok()?;
    Some((ip, port.parse().ok().filter(|port| *port > 0)?).into())
}

#[cfg(test)]
mod tests {
    //! Lines of real lists.

    use super::{listed, myself};

    #[test]
    fn lists_are_read_whatever_else_is_in_them() {
        let text = format!(
            "{a} 127.0.0.1:7001@17001,,tls-port=0,shard-id=1 myself,master - 0 0 3 connected 0-5 7\n\
             {b} fd00::2:6379@16379 slave,fail? {a} 0 1 3 connected\n\
             {c} :0@0 master,fail,noaddr - 0 0 0 disconnected [5->-{a}]\n\
             vars currentEpoch 6 lastVoteEpoch 0\n",
            a = "a".repeat(40),
            b = "b".repeat(40),
            c = "c".repeat(40),
        );
        let nodes = listed(&text);
        assert_eq!(nodes.len(), 3);
        assert!(myself(&nodes).unwrap().has_slots);
        assert_eq!(nodes[1].address, Some("[fd00::2]:6379".parse().unwrap()));
        assert_eq!(nodes[1].replica_of, Some("a".repeat(40)));
        assert!(nodes[2].address.is_none() && !nodes[2].has_slots);
        assert_eq!(
            nodes.iter().map(|node| node.is_failed).collect::<Vec<_>>(),
            [false, false, true]
        );
    }
}
