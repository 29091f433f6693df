//! Who computes a request: the table of live nodes, and the order in which they are asked.
//!
//! Capacity-weighted rendezvous hashing of the user's key. Each node's score depends on the key and
//! that node alone, so a node that leaves moves only its own users, the list's order means nothing,
//! and every pod that sees the same table makes the same choice without asking anyone. Modulo
//! hashing sheds a fifth of all requests at 85 % utilisation on unequal nodes, and the least
//! load out of polled values herds; this stays within a tenth of an oracle.
//!
//! Not here: what a node answers (`attempts`), and whether it can be trusted (its certificate).

mod attempts;
mod loads;
mod strategy;
mod table;

use std::net::SocketAddr;
use std::time::Instant;

use authcluster_contract::cost::Units;
use authcluster_contract::node::{NodeId, NodeRecord};
use authcluster_contract::user::UserKey;
use authcluster_contract::weights::Weight;
use md5::{Digest as _, Md5};

pub use self::attempts::{Attempts, FAILURES_MAX, REFUSALS_MAX, Step};
pub use self::loads::Loads;
pub use self::strategy::Draw;
pub use self::table::{Nonsense, Table};

/// Where a request belongs: the first eight hexadecimal digits of the MD5 of its user's key.
///
/// MD5 spreads, it protects nothing: the user's key is an HMAC already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RouteKey(u32);

impl RouteKey {
    /// The key of a user.
    #[must_use]
    pub fn of(user: &UserKey) -> Self {
        let digest: [u8; 16] = Md5::digest(user.as_str().as_bytes()).into();
        let [a, b, c, d, ..] = digest;
        Self(u32::from_be_bytes([a, b, c, d]))
    }

    /// A key for a request of nobody in particular, from a random number.
    #[must_use]
    pub const fn drawn(random: u32) -> Self {
        Self(random)
    }
}

/// What the store says of one node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeSeen {
    /// Its name.
    pub node: NodeId,
    /// What it says of itself.
    pub record: NodeRecord,
    /// Its outstanding work; `None` = no heartbeat.
    pub load: Option<Units>,
    /// The operator's weight; `None` = the node's own word counts.
    pub weight: Option<Weight>,
}

/// One live node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its name.
    pub node: NodeId,
    /// Where peers reach it.
    pub address: SocketAddr,
    /// Hashing threads.
    pub lanes: u32,
    /// Speed of one lane, as it says itself, in units per second.
    pub speed: u64,
    /// The version of its program, which decides nothing: versions mix during every upgrade.
    pub version: String,
    /// Its share; 0 = nothing new is sent.
    pub weight: Weight,
    /// Its outstanding work when last read.
    pub load: Units,
    /// When it came, if this pod saw it come.
    pub since: Option<Instant>,
    /// Spreads the node's scores: the start of the MD5 of its name.
    seed: u64,
}

impl Row {
    fn of_live(seen: NodeSeen) -> Option<Self> {
        let NodeSeen { node, record, load, weight } = seen;
        let weight = weight.unwrap_or_else(|| Weight::from_capacity(record.capacity()));
        let digest: [u8; 16] = Md5::digest(node.as_str().as_bytes()).into();
        let [a, b, c, d, e, f, g, h, ..] = digest;
        let NodeRecord { address, lanes, speed, version, offered: _, config: _ } = record;
        Some(Self {
            node,
            address,
            lanes,
            speed,
            version,
            weight,
            load: load?,
            since: None,
            seed: u64::from_be_bytes([a, b, c, d, e, f, g, h]),
        })
    }

    /// What it says of itself, without its rate of offered work and its settings, which route nothing.
    #[must_use]
    pub fn record(&self) -> NodeRecord {
        let Self { address, lanes, speed, .. } = *self;
        let (version, config) = (self.version.clone(), String::new());
        NodeRecord { address, lanes, speed, offered: 0, version, config }
    }

    /// Weighted rendezvous: `-w / ln h` with `h` uniform between 0 and 1 wins as often as its share
    /// of all weights (Mosko and others, "Weighted distributed hash tables", 2005).
    fn score(&self, key: RouteKey) -> f64 {
        let weight = self.weight.get() as f64;
        -weight / self.uniform(key).ln()
    }

    /// A number between 0 and 1, both excluded, so that its logarithm is finite and not zero.
    fn uniform(&self, key: RouteKey) -> f64 {
        const TWO_TO_53: f64 = 9_007_199_254_740_992.0;
        let bits = mix(self.seed ^ u64::from(key.0).wrapping_mul(GOLDEN)) >> 11;
        (bits as f64 + 0.5) / TWO_TO_53
    }

    /// So much work in seconds of this node's own speed.
    fn seconds(&self, work: Units) -> f64 {
        work.0 as f64 / self.weight.get().max(1) as f64
    }

    /// What a table's version is about.
    fn shape(&self) -> (&NodeId, SocketAddr, Weight) {
        (&self.node, self.address, self.weight)
    }
}

/// 2^64 divided by the golden ratio.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// The finaliser of `SplitMix64` (Steele and others, 2014): every bit of the input moves every bit of
/// the output. All versions must agree on it, as on the rest of the score.
fn mix(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests;
