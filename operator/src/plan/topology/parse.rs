//! From the texts of `CLUSTER NODES`, `CLUSTER INFO`, `INFO` and the number of `DBSIZE` to what a
//! node said. Pure; refuses what it does not understand instead of guessing.
//!
//! Source: <https://redis.io/commands/cluster-nodes/>. Addresses are parsed as `IpAddr` and may be
//! IPv6 (without brackets), empty (a node that knows none yet) or followed by a host name and
//! `shard-id=` (since 7.0 and 7.2).

use std::collections::BTreeMap;
use std::net::IpAddr;

use authcluster_contract::slots::SlotSet;
use authcluster_redis_agent::link;
use authcluster_redis_agent::resp::field;

use super::seen::{Link, NodeState, PeerView, RedisId, Role};

/// What a node answered.
#[derive(Clone, Copy, Debug)]
pub struct NodeTexts<'a> {
    /// To `CLUSTER NODES`.
    pub nodes: &'a str,
    /// To `CLUSTER INFO`.
    pub cluster_info: &'a str,
    /// To `INFO`, with the section `replication`.
    pub info: &'a str,
    /// To `DBSIZE`.
    pub keys: u64,
}

/// An answer that cannot be understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// A line of `CLUSTER NODES`.
    #[error("cannot understand the line {0:?} of CLUSTER NODES")]
    Line(String),
    /// No line is flagged `myself`, or more than one.
    #[error("CLUSTER NODES names {0} nodes as itself")]
    Myself(usize),
    /// A field is missing or no number.
    #[error("there is no usable {0}")]
    Field(&'static str),
}

/// What the node said.
///
/// # Errors
/// The first text that cannot be understood.
pub fn parse_node(texts: &NodeTexts<'_>) -> Result<NodeState, ParseError> {
    let mut myself = Vec::new();
    let mut peers = BTreeMap::new();
    let mut isolated = true;
    for text in texts.nodes.lines().filter(|line| !line.trim().is_empty()) {
        let line = Line::parse(text).ok_or_else(|| ParseError::Line(text.to_owned()))?;
        if line.has("myself") {
            myself.push(line);
        } else {
            isolated = false;
            if !line.has("handshake") {
                peers.insert(line.id.clone(), line.peer());
            }
        }
    }
    let count = myself.len();
    let (Some(me), 1) = (myself.pop(), count) else { return Err(ParseError::Myself(count)) };
    let number = |text: &str, name| {
        field(text, name).and_then(|value| value.parse().ok()).ok_or(ParseError::Field(name))
    };
    let offset = if me.replica_of.is_some() { "slave_repl_offset" } else { "master_repl_offset" };
    let role = match &me.replica_of {
        Some(of) => Role::Replica { of: of.clone(), link: link(texts.info) },
        None => Role::Primary,
    };
    Ok(NodeState {
        current_epoch: number(texts.cluster_info, "cluster_current_epoch")?,
        my_epoch: number(texts.cluster_info, "cluster_my_epoch")?,
        role,
        open_slots: me.open_slots,
        keys: texts.keys,
        cluster_ok: field(texts.cluster_info, "cluster_state") == Some("ok"),
        copies_from: field(texts.info, "master_host").and_then(|host| host.parse().ok()),
        replication_offset: number(texts.info, offset)?,
        peers,
        isolated,
        id: me.id,
        ip: me.ip,
        slots: me.slots,
    })
}

/// As the agent judges whether a replica is ready.
fn link(info: &str) -> Link {
    if link::problem(info).is_none() { Link::Up } else { Link::Down }
}

/// One line of `CLUSTER NODES`.
struct Line<'a> {
    id: RedisId,
    ip: Option<IpAddr>,
    flags: Vec<&'a str>,
    replica_of: Option<RedisId>,
    epoch: u64,
    connected: bool,
    slots: SlotSet,
    open_slots: bool,
}

impl<'a> Line<'a> {
    /// `<id> <ip:port@bus,...> <flags> <primary> <ping> <pong> <epoch> <link> <slot>...`
    fn parse(text: &'a str) -> Option<Self> {
        let mut fields = text.split_ascii_whitespace();
        let id = fields.next()?.parse().ok()?;
        let ip = parse_ip(fields.next()?)?;
        let flags = fields.next()?.split(',').collect();
        let replica_of = match fields.next()? {
            "-" => None,
            primary => Some(primary.parse().ok()?),
        };
        let mut fields = fields.skip(2);
        let epoch = fields.next()?.parse().ok()?;
        let connected = fields.next()? == "connected";
        let mut slots = SlotSet::empty();
        let mut open_slots = false;
        for part in fields {
            if part.starts_with('[') {
                open_slots = true;
            } else {
                slots = slots.union(&part.parse().ok()?);
            }
        }
        Some(Self { id, ip, flags, replica_of, epoch, connected, slots, open_slots })
    }

    fn has(&self, flag: &str) -> bool {
        self.flags.contains(&flag)
    }

    fn peer(&self) -> PeerView {
        let failing = ["fail", "fail?", "noaddr"].iter().any(|flag| self.has(flag));
        PeerView {
            ip: self.ip.filter(|_| !self.has("noaddr")),
            alive: self.connected && !failing,
            epoch: self.epoch,
            replica_of: self.replica_of.clone(),
            slots: self.slots.clone(),
        }
    }
}

/// The address of `ip:port@bus[,hostname[,key=value...]]`; `Some(None)` when there is none. A host
/// name in the place of the address (`cluster-preferred-endpoint-type`) does not appear here.
fn parse_ip(endpoint: &str) -> Option<Option<IpAddr>> {
    let (address, _bus) = endpoint.split_once('@')?;
    let (ip, _port) = address.rsplit_once(':')?;
    let ip = ip.trim_start_matches('[').trim_end_matches(']');
    if ip.is_empty() { Some(None) } else { ip.parse().ok().map(Some) }
}

#[cfg(test)]
mod tests;
