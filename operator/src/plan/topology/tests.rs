//! Rules of the planner, as rows: what is wanted, what the pods show, the next step.
//!
//! A pod is a letter for its shard and its ordinal: `a0`. After the colon: `-` fresh, `+` met without
//! slots, `<a0` replica of a0, `<!9` replica of a node that is no pod, `?` unreadable, `~` without
//! address, or its slots. Then: `/e5` epoch, `/k7` keys, `/o9` offset, `/moved` others have its old address,
//! `/down` replication is down, `/stale` it copies from an old address, `/noaddr` the others know no
//! address of it, `/lone` it knows nobody, `/node3` where it runs, `/alive`. `!9:0-5`
//! is a node that is no pod, as all who met see it.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use authcluster_contract::slots::SlotSet;
use expect_test::{Expect, expect};

use super::seen::{Link, NodeSeen, NodeState, PeerView, RedisId, Role, Seen};
use super::{PodAt, PodName, Storage, Wanted, even_layout, health, next_step};

/// An address that nobody has any more.
const OLD: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 7, 7, 7));

/// A row's pods, taken apart.
struct Token {
    name: String,
    shape: String,
    marks: Vec<String>,
}

impl Token {
    fn parse(text: &str) -> Self {
        let (name, rest) = text.split_once(':').unwrap();
        let mut parts = rest.split('/').map(str::to_owned);
        Self { name: name.to_owned(), shape: parts.next().unwrap(), marks: parts.collect() }
    }

    fn has(&self, mark: &str) -> bool {
        self.marks.iter().any(|other| other == mark)
    }

    fn number(&self, mark: char) -> Option<u64> {
        self.marks.iter().find_map(|text| text.strip_prefix(mark)?.parse().ok())
    }

    fn is_pod(&self) -> bool {
        !self.name.starts_with('!')
    }

    fn place(&self) -> (u16, u16) {
        let bytes = self.name.as_bytes();
        (u16::from(bytes[0] - b'a'), u16::from(bytes[1] - b'0'))
    }

    fn id(&self) -> RedisId {
        id_of(&self.name)
    }

    fn ip(&self) -> IpAddr {
        if !self.is_pod() {
            return Ipv4Addr::new(10, 9, 9, 9).into();
        }
        let (shard, ordinal) = self.place();
        Ipv4Addr::new(10, 0, u8::try_from(shard).unwrap(), u8::try_from(ordinal).unwrap()).into()
    }

    fn slots(&self) -> SlotSet {
        self.shape.parse().unwrap_or_else(|_| SlotSet::empty())
    }

    fn replica_of(&self) -> Option<RedisId> {
        self.shape.strip_prefix('<').map(id_of)
    }

    fn is_isolated(&self) -> bool {
        self.shape == "-" && self.is_pod() || self.has("lone")
    }

    fn epoch(&self) -> u64 {
        self.number('e').unwrap_or(u64::from(!self.slots().is_empty()))
    }

    fn view(&self) -> PeerView {
        let ip = if self.has("moved") { OLD } else { self.ip() };
        PeerView {
            ip: if self.has("noaddr") { None } else { Some(ip) },
            alive: (self.is_pod() && !matches!(&*self.shape, "?" | "~")) || self.has("alive"),
            epoch: self.epoch(),
            replica_of: self.replica_of(),
            slots: self.slots(),
        }
    }
}

fn id_of(name: &str) -> RedisId {
    let name = name.trim_start_matches('!');
    name.repeat(40 / name.len()).parse().unwrap()
}

fn state(token: &Token, all: &[Token]) -> NodeState {
    let isolated = token.is_isolated();
    let peers = all.iter().filter(|other| other.name != token.name && !other.is_isolated());
    let peers = peers.filter(|_| !isolated).map(|other| (other.id(), other.view())).collect();
    let link = if token.has("down") { Link::Down } else { Link::Up };
    NodeState {
        id: token.id(),
        ip: Some(token.ip()),
        current_epoch: if isolated {
            token.epoch()
        } else {
            all.iter().map(Token::epoch).max().unwrap()
        },
        my_epoch: token.epoch(),
        role: token.replica_of().map_or(Role::Primary, |of| Role::Replica { of, link }),
        slots: token.slots(),
        open_slots: token.has("open"),
        keys: token.number('k').unwrap_or(0),
        cluster_ok: !isolated,
        copies_from: if token.has("stale") {
            Some(OLD)
        } else {
            let primary = all.iter().find(|other| token.replica_of() == Some(other.id()));
            primary.map(Token::ip)
        },
        replication_offset: token.number('o').unwrap_or(0),
        peers,
        isolated,
    }
}

fn world(wanted: &str, text: &str) -> (Wanted, Seen) {
    let has = |word| wanted.split(' ').any(|other| other == word);
    let (shards, per_shard) = wanted.split(' ').next().unwrap().split_once('x').unwrap();
    let tokens: Vec<Token> = text.split_ascii_whitespace().map(Token::parse).collect();
    let mut pods = BTreeMap::new();
    let mut seen = Seen::default();
    for token in tokens.iter().filter(|token| token.is_pod()) {
        let (shard, ordinal) = token.place();
        let ip = (token.shape != "~").then(|| token.ip());
        let node = token.marks.iter().find(|mark| mark.starts_with("node")).cloned();
        let name = PodName::new(&token.name);
        pods.insert(name.clone(), PodAt { shard, ordinal, ip, node });
        let node = if token.shape == "?" {
            NodeSeen::Unknown("connection refused".to_owned())
        } else {
            NodeSeen::Known(Box::new(state(token, &tokens)))
        };
        seen.nodes.insert(name, node);
    }
    let wanted = Wanted {
        shards: shards.parse().unwrap(),
        replicas_per_shard: per_shard.parse::<u16>().unwrap() - 1,
        pods,
        formed: has("formed"),
        storage: if has("persistent") { Storage::Persistent } else { Storage::Ephemeral },
        data_loss_accepted: has("accepted"),
    };
    (wanted, seen)
}

#[expect(clippy::needless_pass_by_value, reason = "so that a row reads expect![...]")]
fn check(wanted: &str, text: &str, expect: Expect) {
    let (wanted, seen) = world(wanted, text);
    let mut said = next_step(&wanted, &seen).to_string();
    for stranger in '1'..='9' {
        let name = format!("!{stranger}");
        said = said.replace(id_of(&name).as_str(), &name);
    }
    for token in text.split_ascii_whitespace().map(Token::parse) {
        said = said.replace(token.id().as_str(), &token.name);
    }
    expect.assert_eq(&said);
}

mod forming;
mod healing;
mod simulation;
mod states;
