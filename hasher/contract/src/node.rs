//! A hasher node: its name, and what it says of itself in `nodes`.

use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize};

use crate::limits::{LANES_MAX, NODE_ID_BYTES_MAX, WEIGHT_MAX};

/// The name of one hasher node: the pod's name, a DNS-1123 subdomain. Safe within a hash tag, a
/// metric label and a log field.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct NodeId(String);

/// A name that no node can have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "not a node name: use at most {NODE_ID_BYTES_MAX} of a-z, 0-9, '-' and '.', starting and ending with a letter or digit"
)]
pub struct NodeIdError;

impl NodeId {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for NodeId {
    type Err = NodeIdError;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let alphanumeric = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let bytes = name.as_bytes();
        let ends_well = bytes.first().is_some_and(|byte| alphanumeric(*byte))
            && bytes.last().is_some_and(|byte| alphanumeric(*byte));
        let all_well = bytes.iter().all(|byte| alphanumeric(*byte) || matches!(byte, b'-' | b'.'));
        if ends_well && all_well && bytes.len() <= NODE_ID_BYTES_MAX {
            Ok(Self(name.to_owned()))
        } else {
            Err(NodeIdError)
        }
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for NodeId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// What a node says of itself: the JSON value under its name in `nodes`. Discovery, never trust: a
/// peer is believed for its certificate alone.
///
/// Unknown fields are ignored, so that an older program can read a newer one's record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeRecord {
    /// Where peers reach it.
    pub address: SocketAddr,
    /// Hashing threads.
    pub lanes: u32,
    /// Measured speed of one lane with all lanes busy, in units per second.
    pub speed: u64,
    /// Work that callers have offered at this node, shed work included, in units per second.
    #[serde(default)]
    pub offered: u64,
    /// The version of its program.
    pub version: String,
    /// The settings that it goes by ([`crate::config::Live::version`]); empty = it does not say.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub config: String,
}

/// A record that cannot be true.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("node record: {field} is {value}, and must be between 1 and {max}")]
pub struct NodeRecordError {
    field: &'static str,
    value: u64,
    max: u64,
}

impl NodeRecord {
    /// What the node can sustain, in units per second.
    #[must_use]
    pub fn capacity(&self) -> u64 {
        self.speed.saturating_mul(u64::from(self.lanes)).min(WEIGHT_MAX)
    }

    /// Refuses a record whose numbers no node can have.
    ///
    /// # Errors
    /// The first field that is out of its bounds.
    pub fn checked(self) -> Result<Self, NodeRecordError> {
        let bound = |field, value: u64, max: u64| {
            if (1..=max).contains(&value) {
                Ok(())
            } else {
                Err(NodeRecordError { field, value, max })
            }
        };
        bound("lanes", u64::from(self.lanes), u64::from(LANES_MAX))?;
        bound("speed", self.speed, WEIGHT_MAX)?;
        Ok(self)
    }
}

#[cfg(test)]
mod tests;
