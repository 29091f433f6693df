//! Addresses. The benchmark range 198.18.0.0/15 (RFC 2544) is neither public nor private, so no packet
//! of a lab can be meant for anything outside it. It is cut in eight: one /18 a lab.
//!
//! | part of the /18      | use                                   |
//! |----------------------|---------------------------------------|
//! | block 0 (/24)        | nodes: `.1` the bridge, `.11` node 1  |
//! | blocks 1 to 31 (/24) | pods of node 1 to 31                  |
//! | upper half (/19)     | services, 8,190 of them               |
//!
//! Labs are in namespaces of their own, so two with the same addresses would still not meet; giving
//! each its own keeps a packet capture readable.

use std::net::Ipv4Addr;

use super::names::NodeNumber;

/// Labs that one cache may hold at a time: 2^15 addresses of the /15 cut into /18.
pub const LABS_MAX: u8 = 8;

/// Nodes in a lab: the pod blocks in the lower half of a /18, without block 0.
pub const NODES_MAX: u8 = 31;

/// First address of 198.18.0.0/15.
const RANGE_START: u32 = 0xC612_0000;

/// Addresses in a /18.
const LAB_ADDRESSES: u32 = 1 << 14;

/// Offset of the services within a lab's range.
const SERVICES_OFFSET: u32 = LAB_ADDRESSES / 2;

/// No addresses left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Too many labs.
    #[error("{LABS_MAX} labs are up already; `lab list` names them, `lab down --name` ends one")]
    Labs,
    /// Too many nodes.
    #[error("{0} nodes asked for, a lab has addresses for {NODES_MAX}")]
    Nodes(usize),
}

/// The addresses of one lab.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Addresses {
    start: u32,
}

impl Addresses {
    /// The range of lab number `index`, from 0.
    ///
    /// # Errors
    /// When there are no more ranges.
    pub fn of_lab(index: u8) -> Result<Self, AddressError> {
        if index >= LABS_MAX {
            return Err(AddressError::Labs);
        }
        Ok(Self { start: RANGE_START + u32::from(index) * LAB_ADDRESSES })
    }

    /// The control plane's address on the bridge.
    #[must_use]
    pub fn bridge(&self) -> Ipv4Addr {
        self.at(1)
    }

    /// A node's address.
    #[must_use]
    pub fn node(&self, node: NodeNumber) -> Ipv4Addr {
        self.at(10 + u32::from(node.0))
    }

    /// The pods of a node, a /24.
    #[must_use]
    pub fn node_pods(&self, node: NodeNumber) -> String {
        format!("{}/24", self.at(u32::from(node.0) * 256))
    }

    /// All pods of the lab.
    #[must_use]
    pub fn pods(&self) -> String {
        format!("{}/19", self.at(0))
    }

    /// All services of the lab.
    #[must_use]
    pub fn services(&self) -> String {
        format!("{}/19", self.at(SERVICES_OFFSET))
    }

    /// Where `kubernetes.default` answers: the first address of the services, as the API server has it.
    #[must_use]
    pub fn api_service(&self) -> Ipv4Addr {
        self.at(SERVICES_OFFSET + 1)
    }

    /// Where DNS answers.
    #[must_use]
    pub fn dns_service(&self) -> Ipv4Addr {
        self.at(SERVICES_OFFSET + 10)
    }

    fn at(&self, offset: u32) -> Ipv4Addr {
        Ipv4Addr::from(self.start + offset)
    }
}

/// The lowest lab number that is not taken.
///
/// # Errors
/// When all are taken.
pub fn free_index(taken: &[u8]) -> Result<u8, AddressError> {
    (0..LABS_MAX).find(|index| !taken.contains(index)).ok_or(AddressError::Labs)
}

#[cfg(test)]
mod tests;
