//! The scripts of sessions, what goes into them and what comes out. No I/O: the test that compares each
//! with its twin in `policy` speaks the same.

use authcluster_contract::keys::SessionDigest;
use authcluster_contract::user::{Realm, UserKey};

use crate::policy::sessions::BACKUP_TOUCHES;
use crate::policy::sessions::copy::{
    Content, Found, Over, Put, Read, ReadReply, Revoke, RevokeReply, Successor,
};
use crate::policy::sessions::user::{Join, Joined, Listed, Replace};

/// The clock that comes before each script.
pub const CLOCK: &str = super::super::script::CLOCK;
/// [`crate::policy::sessions::copy::put`].
pub const PUT_SESSION: &str = include_str!("../scripts/put_session.lua");
/// [`crate::policy::sessions::copy::read`].
pub const READ_SESSION: &str = include_str!("../scripts/read_session.lua");
/// [`crate::policy::sessions::copy::revoke`].
pub const REVOKE_SESSION: &str = include_str!("../scripts/revoke_session.lua");
/// [`crate::policy::sessions::copy::rotate`].
pub const ROTATE_SESSION: &str = include_str!("../scripts/rotate_session.lua");
/// [`crate::policy::sessions::user::join`].
pub const JOIN_USER: &str = include_str!("../scripts/join_user.lua");
/// [`crate::policy::sessions::user::list`].
pub const LIST_USER: &str = include_str!("../scripts/list_user.lua");
/// [`crate::policy::sessions::user::replace`].
pub const REPLACE_GENERATION: &str = include_str!("../scripts/replace_generation.lua");

fn flag(is: bool) -> String {
    u8::from(is).to_string()
}

/// Arguments of [`PUT_SESSION`].
#[must_use]
pub fn put(put: &Put) -> Vec<String> {
    let Put { realm, user, content, idle_ms, spare_ms, left_ms, created_ms, .. } = put;
    vec![
        realm.as_str().to_owned(),
        user.as_str().to_owned(),
        content.username.clone(),
        content.data.clone(),
        content.key.clone(),
        idle_ms.to_string(),
        spare_ms.to_string(),
        left_ms.to_string(),
        created_ms.unwrap_or(0).to_string(),
        put.generation.clone(),
        flag(put.critical),
        match &put.over {
            Over::Nothing => String::new(),
            Over::Anything => "*".to_owned(),
            Over::Rotation(to) => to.as_str().to_owned(),
        },
        content.user_id.clone(),
    ]
}

/// Arguments of [`READ_SESSION`].
#[must_use]
pub fn read(read: &Read) -> Vec<String> {
    let Read { realm, grace_ms, touch } = read;
    vec![realm.as_str().to_owned(), grace_ms.to_string(), flag(*touch), BACKUP_TOUCHES.to_string()]
}

/// Arguments of [`REVOKE_SESSION`].
#[must_use]
pub fn revoke(revoke: &Revoke) -> Vec<String> {
    let Revoke { realm, bury_ms, rotated_too } = revoke;
    vec![realm.as_str().to_owned(), bury_ms.to_string(), flag(*rotated_too)]
}

/// Arguments of [`ROTATE_SESSION`].
#[must_use]
pub fn rotate(realm: &Realm, successor: &SessionDigest) -> Vec<String> {
    vec![realm.as_str().to_owned(), successor.as_str().to_owned()]
}

/// The second key and the arguments of [`JOIN_USER`].
#[must_use]
pub fn join(sessions: String, join: &Join) -> Vec<String> {
    let Join { candidate, digest, left_ms, keep_ms, entries_max } = join;
    vec![
        sessions,
        candidate.clone(),
        digest.as_str().to_owned(),
        left_ms.to_string(),
        keep_ms.to_string(),
        entries_max.to_string(),
    ]
}

/// The second key and the arguments of [`REPLACE_GENERATION`].
#[must_use]
pub fn replace(sessions: String, replace: &Replace) -> Vec<String> {
    let Replace { generation, keep_ms } = replace;
    vec![sessions, generation.clone(), keep_ms.to_string()]
}

/// Reads an answer field by field; what is not of its kind makes the whole of it nonsense.
struct Fields(std::vec::IntoIter<String>);

impl Fields {
    fn text(&mut self) -> Option<String> {
        self.0.next()
    }

    fn number(&mut self) -> Option<u64> {
        self.0.next()?.parse().ok()
    }

    fn flag(&mut self) -> Option<bool> {
        match self.0.next()?.as_str() {
            "0" => Some(false),
            "1" => Some(true),
            _ => None,
        }
    }

    fn user(&mut self) -> Option<UserKey> {
        UserKey::parse(&self.0.next()?)
    }

    fn successor(&mut self) -> Option<Successor> {
        let digest = SessionDigest::parse(&self.0.next()?)?;
        Some(Successor { digest, user: self.user()?, critical: self.flag()? })
    }

    fn found(&mut self) -> Option<Found> {
        let (user, critical) = (self.user()?, self.flag()?);
        let (username, data, key) = (self.text()?, self.text()?, self.text()?);
        let mut found = Found {
            user,
            critical,
            content: Content { username, user_id: String::new(), data, key },
            generation: self.text()?,
            idle_ms: self.number()?,
            created_ms: self.number()?,
            expires_in_ms: self.number()?,
            left_ms: self.number()?,
            backup_due: self.flag()?,
        };
        found.content.user_id = self.text()?;
        Some(found)
    }
}

/// Answer of [`READ_SESSION`].
#[must_use]
pub fn read_reply(answer: Vec<String>) -> Option<ReadReply> {
    let mut fields = Fields(answer.into_iter());
    Some(match fields.text()?.as_str() {
        "missing" => ReadReply::Missing,
        "other" => ReadReply::OtherRealm,
        "revoked" => ReadReply::Revoked,
        "rotated" => ReadReply::Rotated { to: fields.successor()?, in_grace: fields.flag()? },
        "live" => ReadReply::Live(Box::new(fields.found()?)),
        _ => return None,
    })
}

/// Answer of [`REVOKE_SESSION`].
#[must_use]
pub fn revoke_reply(answer: Vec<String>) -> Option<RevokeReply> {
    let mut fields = Fields(answer.into_iter());
    Some(match fields.text()?.as_str() {
        "missing" => RevokeReply::Missing,
        "other" => RevokeReply::OtherRealm,
        "revoked" => RevokeReply::Revoked { critical: fields.flag()? },
        "rotated" => RevokeReply::Rotated(fields.successor()?),
        "ended" => RevokeReply::Ended {
            user: fields.user()?,
            critical: fields.flag()?,
            left_ms: fields.number()?,
        },
        _ => return None,
    })
}

/// Answer of [`JOIN_USER`].
#[must_use]
pub fn joined(answer: Vec<String>) -> Option<Joined> {
    let mut fields = Fields(answer.into_iter());
    Some(Joined { generation: fields.text()?, count: fields.number()? })
}

/// Answer of [`LIST_USER`].
#[must_use]
pub fn listed(answer: Vec<String>) -> Option<Listed> {
    let mut fields = Fields(answer.into_iter());
    let generation = fields.text().filter(|generation| !generation.is_empty());
    let sessions = fields.0.map(|digest| SessionDigest::parse(&digest)).collect::<Option<_>>()?;
    Some(Listed { generation, sessions })
}
