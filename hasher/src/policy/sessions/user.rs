//! The keys of one user: the generation that valid sessions carry, and the index of sessions.

use std::collections::BTreeMap;

use authcluster_contract::keys::SessionDigest;

use super::{At, Expiring, forget_ended};

/// Both keys.
#[derive(Clone, Default, PartialEq, Eq)]
#[cfg_attr(any(test, feature = "conformance"), derive(Debug))]
pub struct UserKeys {
    /// The value that every valid session carries.
    pub generation: At<String>,
    /// Sessions with the moments of their ends.
    pub sessions: At<BTreeMap<SessionDigest, u64>>,
}

/// Enters a session.
#[derive(Clone, PartialEq, Eq)]
#[cfg_attr(any(test, feature = "conformance"), derive(Debug))]
pub struct Join {
    /// The generation, if there is none.
    pub candidate: String,
    /// The session.
    pub digest: SessionDigest,
    /// Time until it ends for good, in milliseconds.
    pub left_ms: u64,
    /// The generation lives so much longer at least, in milliseconds.
    pub keep_ms: u64,
    /// Most entries of the index.
    pub entries_max: u64,
}

/// What it was entered into.
#[derive(Clone, PartialEq, Eq)]
#[cfg_attr(any(test, feature = "conformance"), derive(Debug))]
pub struct Joined {
    /// The generation for the session to carry.
    pub generation: String,
    /// Entries of the index, with this one.
    pub count: u64,
}

/// Makes every session of the user invalid.
#[derive(Clone, PartialEq, Eq)]
#[cfg_attr(any(test, feature = "conformance"), derive(Debug))]
pub struct Replace {
    /// The new generation.
    pub generation: String,
    /// How long it lives at least, in milliseconds.
    pub keep_ms: u64,
}

/// What a user has.
#[derive(Clone, PartialEq, Eq)]
#[cfg_attr(any(test, feature = "conformance"), derive(Debug))]
pub struct Listed {
    /// The generation.
    pub generation: Option<String>,
    /// The sessions, first the one that ends first.
    pub sessions: Vec<SessionDigest>,
}

impl UserKeys {
    fn forget_ended(&mut self, now_ms: u64) {
        forget_ended(&mut self.generation, now_ms);
        forget_ended(&mut self.sessions, now_ms);
    }

    fn prune(&mut self, now_ms: u64) {
        if let Some(sessions) = &mut self.sessions {
            sessions.value.retain(|_, end_ms| now_ms < *end_ms);
        }
        if self.sessions.as_ref().is_some_and(|sessions| sessions.value.is_empty()) {
            self.sessions = None;
        }
    }

    fn in_order(&self) -> Vec<(u64, SessionDigest)> {
        let sessions = self.sessions.iter().flat_map(|sessions| &sessions.value);
        let mut order: Vec<_> = sessions.map(|(digest, end)| (*end, digest.clone())).collect();
        order.sort();
        order
    }
}

/// Enters a session: makes a generation if there is none, keeps it for as long as any session may
/// live, and leaves out the entries that end first when there are too many.
pub fn join(keys: &mut UserKeys, join: &Join, now_ms: u64) -> Joined {
    keys.forget_ended(now_ms);
    let until_ms = now_ms.saturating_add(join.keep_ms);
    let generation = keys
        .generation
        .get_or_insert_with(|| Expiring { value: join.candidate.clone(), expires_ms: until_ms });
    generation.expires_ms = generation.expires_ms.max(until_ms);
    let generation = generation.value.clone();
    keys.prune(now_ms);
    let end_ms = now_ms.saturating_add(join.left_ms);
    let entry = || Expiring { value: BTreeMap::new(), expires_ms: end_ms };
    keys.sessions.get_or_insert_with(entry).value.insert(join.digest.clone(), end_ms);
    let order = keys.in_order();
    let entries_max = usize::try_from(join.entries_max).unwrap_or(usize::MAX);
    let mut count = 0;
    if let Some(sessions) = &mut keys.sessions {
        for (_, digest) in order.iter().take(order.len().saturating_sub(entries_max)) {
            sessions.value.remove(digest);
        }
        sessions.expires_ms = sessions.value.values().copied().max().unwrap_or(now_ms);
        count = u64::try_from(sessions.value.len()).unwrap_or(u64::MAX);
    }
    Joined { generation, count }
}

/// What the user has, without what has ended.
pub fn list(keys: &mut UserKeys, now_ms: u64) -> Listed {
    keys.forget_ended(now_ms);
    keys.prune(now_ms);
    Listed {
        generation: keys.generation.as_ref().map(|generation| generation.value.clone()),
        sessions: keys.in_order().into_iter().map(|(_, digest)| digest).collect(),
    }
}

/// Makes every session of the user invalid. Says how many entries the index had.
pub fn replace(keys: &mut UserKeys, replace: &Replace, now_ms: u64) -> u64 {
    keys.forget_ended(now_ms);
    keys.prune(now_ms);
    let count = keys.sessions.take().map_or(0, |sessions| sessions.value.len());
    let expires_ms = now_ms.saturating_add(replace.keep_ms);
    keys.generation = Some(Expiring { value: replace.generation.clone(), expires_ms });
    u64::try_from(count).unwrap_or(u64::MAX)
}

/// The generation.
pub fn generation(keys: &mut UserKeys, now_ms: u64) -> Option<String> {
    keys.forget_ended(now_ms);
    keys.generation.as_ref().map(|generation| generation.value.clone())
}

/// Takes sessions out of the index.
pub fn leave(keys: &mut UserKeys, digests: &[SessionDigest], now_ms: u64) {
    keys.forget_ended(now_ms);
    if let Some(sessions) = &mut keys.sessions {
        sessions.value.retain(|digest, _| !digests.contains(digest));
        if sessions.value.is_empty() {
            keys.sessions = None;
        }
    }
}

#[cfg(test)]
mod tests;
