//! Sessions: each call is one script over the keys of one slot.

pub mod wire;

use authcluster_contract::keys::{self, SessionDigest};
use authcluster_contract::user::{Realm, UserKey};
use redis::FromRedisValue;

use super::script::{
    JOIN_USER, LIST_USER, PUT_SESSION, READ_SESSION, REPLACE_GENERATION, REVOKE_SESSION,
    ROTATE_SESSION, Script,
};
use super::{RedisStore, corrupt, slot};
use crate::policy::sessions::copy::{Put, Read, ReadReply, Revoke, RevokeReply};
use crate::policy::sessions::user::{Join, Joined, Listed, Replace};
use crate::store::StoreError;
use crate::store::sessions::SessionSettings;
use crate::store::sessions::slots::{SessionSlots, Step, Write};

impl RedisStore {
    async fn script<T: FromRedisValue>(
        &self,
        script: &Script,
        key: &str,
        arguments: &[String],
        write: Write,
    ) -> Step<T> {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        match write {
            Write::Plain => self.link.run(script, key, &arguments).await,
            Write::Durable => self.link.run_durably(script, key, &arguments).await,
        }
    }
}

fn sense<T>(reply: Option<T>) -> Step<T> {
    reply.ok_or_else(|| corrupt("a script answered with what cannot be".into()))
}

impl SessionSlots for RedisStore {
    fn session_settings(&self) -> &SessionSettings {
        &self.sessions
    }

    fn copies_are_apart(&self, digest: &SessionDigest) -> Result<bool, StoreError> {
        let home = slot(&keys::session(digest));
        self.link.apart(home, home.partner())
    }

    fn is_in_reach(&self, key: &str) -> bool {
        self.link.is_in_reach(slot(key))
    }

    async fn put(&self, key: &str, put: &Put, write: Write) -> Step<bool> {
        self.script(&PUT_SESSION, key, &wire::put(put), write).await
    }

    async fn read(&self, key: &str, read: &Read) -> Step<ReadReply> {
        let reply = self.script(&READ_SESSION, key, &wire::read(read), Write::Plain).await?;
        sense(wire::read_reply(reply))
    }

    async fn revoke(&self, key: &str, revoke: &Revoke) -> Step<RevokeReply> {
        let reply =
            self.script(&REVOKE_SESSION, key, &wire::revoke(revoke), Write::Durable).await?;
        sense(wire::revoke_reply(reply))
    }

    async fn rotate(
        &self,
        key: &str,
        realm: &Realm,
        successor: &SessionDigest,
        write: Write,
    ) -> Step<bool> {
        self.script(&ROTATE_SESSION, key, &wire::rotate(realm, successor), write).await
    }

    async fn delete(&self, key: &str) -> Step<()> {
        self.link.ask(slot(key), redis::cmd("DEL").arg(key)).await
    }

    async fn join(&self, user: &UserKey, join: &Join, write: Write) -> Step<Joined> {
        let (generation, sessions) = (keys::user_generation(user), keys::user_sessions(user));
        let reply =
            self.script(&JOIN_USER, &generation, &wire::join(sessions, join), write).await?;
        sense(wire::joined(reply))
    }

    async fn list(&self, user: &UserKey) -> Step<Listed> {
        let (generation, sessions) = (keys::user_generation(user), keys::user_sessions(user));
        let reply = self.script(&LIST_USER, &generation, &[sessions], Write::Plain).await?;
        sense(wire::listed(reply))
    }

    async fn replace(&self, user: &UserKey, replace: &Replace) -> Step<u64> {
        let (generation, sessions) = (keys::user_generation(user), keys::user_sessions(user));
        let arguments = wire::replace(sessions, replace);
        self.script(&REPLACE_GENERATION, &generation, &arguments, Write::Durable).await
    }

    async fn generation(&self, user: &UserKey) -> Step<Option<String>> {
        let key = keys::user_generation(user);
        self.link.ask(slot(&key), redis::cmd("GET").arg(&key)).await
    }

    async fn leave(&self, user: &UserKey, digests: &[SessionDigest]) -> Step<()> {
        let key = keys::user_sessions(user);
        let mut command = redis::cmd("ZREM");
        command.arg(&key);
        for digest in digests {
            command.arg(digest.as_str());
        }
        self.link.ask(slot(&key), &command).await
    }
}
