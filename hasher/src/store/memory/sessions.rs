//! Sessions in memory: the functions of `policy::sessions`, which the scripts of the Redis store follow,
//! on maps.
//!
//! Bounded in bytes, because callers decide how many sessions there are. When it is full, what has ended
//! is cleared away; if that is not enough, the new session is refused. Nothing that still counts is ever
//! evicted: a valid session, a tombstone, a rotated id, a generation.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use authcluster_contract::keys::SessionDigest;
use authcluster_contract::user::{Realm, UserKey};

use super::{MemoryStore, lock};
use crate::clock;
use crate::policy::sessions::copy::{
    self, Content, Kept, Put, Read, ReadReply, Revoke, RevokeReply,
};
use crate::policy::sessions::user::{self, Join, Joined, Listed, Replace, UserKeys};
use crate::policy::sessions::{At, Expiring};
use crate::store::StoreError;
use crate::store::sessions::SessionSettings;
use crate::store::sessions::slots::{SessionSlots, Step, Write};

/// Most bytes of sessions. A session takes a kilobyte and its data twice at worst, so this is 60,000 small
/// ones, or 7,000 of the largest.
pub const SESSION_BYTES_MAX: usize = 64 * 1024 * 1024;

/// What an entry takes beside its texts, in bytes: its fixed parts and its place in the map.
const ENTRY_BYTES: usize = 512;

/// What one session takes in its user's index, in bytes.
const INDEX_BYTES: usize = 160;

/// Time between two searches for what has ended: each goes over everything that is kept.
const SWEEP_INTERVAL: Duration = Duration::from_millis(100);

/// Everything about sessions.
pub(super) struct Sessions {
    settings: SessionSettings,
    bytes_max: usize,
    /// The system's time when this store began, and the steady clock's: the time that is kept follows the
    /// steady one.
    epoch: (u64, Instant),
    kept: Mutex<Maps>,
}

#[derive(Default)]
struct Maps {
    copies: BTreeMap<String, Expiring<Kept>>,
    users: BTreeMap<UserKey, UserKeys>,
    bytes: usize,
    swept: Option<Instant>,
}

impl Sessions {
    pub(super) fn new(settings: SessionSettings, bytes_max: usize) -> Self {
        let epoch = (clock::unix_ms(), clock::now());
        Self { settings, bytes_max, epoch, kept: Mutex::default() }
    }

    fn now_ms(&self) -> u64 {
        let passed = clock::now().saturating_duration_since(self.epoch.1);
        self.epoch.0.saturating_add(u64::try_from(passed.as_millis()).unwrap_or(u64::MAX))
    }

    /// Refuses what needs room when there is none.
    fn room(&self, maps: &mut Maps, now_ms: u64) -> Result<(), StoreError> {
        if maps.bytes < self.bytes_max {
            return Ok(());
        }
        let now = clock::now();
        if maps.swept.is_none_or(|swept| SWEEP_INTERVAL <= now - swept) {
            maps.swept = Some(now);
            maps.sweep(now_ms);
        }
        if maps.bytes < self.bytes_max { Ok(()) } else { Err(StoreError::Full) }
    }
}

impl Maps {
    /// Does something to one copy, and keeps count of what it takes.
    fn copy<T>(&mut self, key: &str, change: impl FnOnce(&mut At<Kept>) -> T) -> T {
        let mut at: At<Kept> = self.copies.remove(key);
        self.bytes = self.bytes.saturating_sub(at.as_ref().map_or(0, copy_bytes));
        let reply = change(&mut at);
        if let Some(kept) = at {
            self.bytes = self.bytes.saturating_add(copy_bytes(&kept));
            self.copies.insert(key.to_owned(), kept);
        }
        reply
    }

    /// Does something to a user's keys, and keeps count of what they take.
    fn user<T>(&mut self, user: &UserKey, change: impl FnOnce(&mut UserKeys) -> T) -> T {
        let mut keys = self.users.remove(user).unwrap_or_default();
        self.bytes = self.bytes.saturating_sub(user_bytes(&keys));
        let reply = change(&mut keys);
        if keys != UserKeys::default() {
            self.bytes = self.bytes.saturating_add(user_bytes(&keys));
            self.users.insert(user.clone(), keys);
        }
        reply
    }

    fn sweep(&mut self, now_ms: u64) {
        self.copies.retain(|_, kept| now_ms < kept.expires_ms);
        self.users.retain(|_, keys| {
            user::list(keys, now_ms);
            *keys != UserKeys::default()
        });
        let copies = self.copies.values().map(copy_bytes);
        self.bytes = copies.chain(self.users.values().map(user_bytes)).sum();
    }
}

fn copy_bytes(kept: &Expiring<Kept>) -> usize {
    let content = match &kept.value {
        Kept::Live(live) => {
            let Content { username, user_id, data, key: _ } = &live.content;
            username.len() + user_id.len() + data.len()
        }
        Kept::Rotated(_) | Kept::Revoked(_) => 0,
    };
    ENTRY_BYTES + content
}

fn user_bytes(keys: &UserKeys) -> usize {
    let entries = keys.sessions.as_ref().map_or(0, |sessions| sessions.value.len());
    if *keys == UserKeys::default() { 0 } else { ENTRY_BYTES + entries * INDEX_BYTES }
}

impl MemoryStore {
    fn copy<T>(&self, key: &str, change: impl FnOnce(&mut At<Kept>, u64) -> T) -> T {
        let now_ms = self.sessions.now_ms();
        lock(&self.sessions.kept).copy(key, |at| change(at, now_ms))
    }

    fn user<T>(&self, user: &UserKey, change: impl FnOnce(&mut UserKeys, u64) -> T) -> T {
        let now_ms = self.sessions.now_ms();
        lock(&self.sessions.kept).user(user, |keys| change(keys, now_ms))
    }
}

/// One process: there is nothing to wait for, and nothing outlives it.
impl SessionSlots for MemoryStore {
    fn session_settings(&self) -> &SessionSettings {
        &self.sessions.settings
    }

    fn copies_are_apart(&self, _: &SessionDigest) -> Step<bool> {
        Ok(true)
    }

    fn is_in_reach(&self, _: &str) -> bool {
        true
    }

    async fn put(&self, key: &str, put: &Put, _: Write) -> Step<bool> {
        let now_ms = self.sessions.now_ms();
        let mut maps = lock(&self.sessions.kept);
        self.sessions.room(&mut maps, now_ms)?;
        Ok(maps.copy(key, |at| copy::put(at, put, now_ms)))
    }

    async fn read(&self, key: &str, read: &Read) -> Step<ReadReply> {
        Ok(self.copy(key, |at, now_ms| copy::read(at, read, now_ms)))
    }

    async fn revoke(&self, key: &str, revoke: &Revoke) -> Step<RevokeReply> {
        Ok(self.copy(key, |at, now_ms| copy::revoke(at, revoke, now_ms)))
    }

    async fn rotate(
        &self,
        key: &str,
        realm: &Realm,
        successor: &SessionDigest,
        _: Write,
    ) -> Step<bool> {
        Ok(self.copy(key, |at, now_ms| copy::rotate(at, realm, successor, now_ms)))
    }

    async fn delete(&self, key: &str) -> Step<()> {
        self.copy(key, |at, _| *at = None);
        Ok(())
    }

    async fn join(&self, user: &UserKey, join: &Join, _: Write) -> Step<Joined> {
        let now_ms = self.sessions.now_ms();
        let mut maps = lock(&self.sessions.kept);
        self.sessions.room(&mut maps, now_ms)?;
        Ok(maps.user(user, |keys| user::join(keys, join, now_ms)))
    }

    async fn list(&self, user: &UserKey) -> Step<Listed> {
        Ok(self.user(user, user::list))
    }

    async fn replace(&self, user: &UserKey, replace: &Replace) -> Step<u64> {
        Ok(self.user(user, |keys, now_ms| user::replace(keys, replace, now_ms)))
    }

    async fn generation(&self, user: &UserKey) -> Step<Option<String>> {
        Ok(self.user(user, user::generation))
    }

    async fn leave(&self, user: &UserKey, digests: &[SessionDigest]) -> Step<()> {
        self.user(user, |keys, now_ms| user::leave(keys, digests, now_ms));
        Ok(())
    }
}
