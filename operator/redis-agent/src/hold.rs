//! Whether a node that was a primary may start as that primary again.
//!
//! A primary that restarts without its data keeps its slots by nodes.conf, and its replicas copy the
//! emptiness: that is how one killed container loses a shard. So it waits, not serving, until a
//! replica has been elected; then it starts and becomes a replica of its own accord. When that does
//! not come about in time, it starts as a new node: the replica can be elected later, wherever it is,
//! and the operator brings the new node in; until then nobody can copy from it, see
//! [`crate::copies`]. Without any replica there is nothing to save.
//!
//! What a restart keeps is what the append-only file holds. A snapshot is older than what a replica
//! has, so a server without an append-only file counts as emptied.

use crate::nodes::{Listed, myself};

/// What `nodes.conf` says of the past.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Past {
    /// It may start as it is.
    Harmless,
    /// It owned slots, has lost their data, and these may have a copy.
    Emptied {
        /// Its id.
        id: String,
        /// Its replicas.
        replicas: Vec<Listed>,
    },
}

/// What a node was, by its `nodes.conf`, and whether it kept its data.
#[must_use]
pub fn past(nodes: &[Listed], data_kept: bool) -> Past {
    let Some(me) = myself(nodes) else { return Past::Harmless };
    let replicas: Vec<Listed> =
        nodes.iter().filter(|node| node.replica_of.as_ref() == Some(&me.id)).cloned().collect();
    if data_kept || !me.has_slots || replicas.is_empty() {
        Past::Harmless
    } else {
        Past::Emptied { id: me.id.clone(), replicas }
    }
}

/// Whether by the view of a peer another has taken over from `id`.
#[must_use]
pub fn is_succeeded(view: &[Listed], id: &str) -> bool {
    let follows = view.iter().any(|node| node.replica_of.as_deref() == Some(id));
    let owns = view.iter().any(|node| node.id == id && node.has_slots);
    !view.is_empty() && !owns && !follows
}

#[cfg(test)]
mod tests {
    //! Pasts, and what they mean.

    use super::{Past, is_succeeded, past};
    use crate::nodes::listed;

    fn text(me: &str, slots: &str, other: &str) -> String {
        let (a, b) = ("a".repeat(40), "b".repeat(40));
        format!(
            "{a} 10.0.0.1:6379@16379 {me} 0 0 3 connected {slots}\n\
             {b} 10.0.0.2:6379@16379 {other} 0 0 3 connected\n"
        )
    }

    #[test]
    fn t13_only_an_emptied_primary_with_replicas_waits() {
        let follower = format!("slave {}", "a".repeat(40));
        let owner = text("myself,master -", "0-5460", &follower);
        let check = |text: &str, kept| matches!(past(&listed(text), kept), Past::Emptied { .. });
        assert!(check(&owner, false));
        assert!(!check(&owner, true));
        assert!(!check(&text("myself,master -", "0-5460", "master -"), false));
        assert!(!check(&text("myself,master -", "", &follower), false));
        assert!(!check(&text(&format!("myself,slave {}", "b".repeat(40)), "", "master -"), false));
        assert!(!check("", false));
    }

    #[test]
    fn a_successor_owns_the_slots() {
        let id = "a".repeat(40);
        let follower = format!("slave {id}");
        assert!(!is_succeeded(&listed(&text("master -", "0-5", &follower)), &id));
        assert!(!is_succeeded(&listed(&text("master -", "", &follower)), &id));
        assert!(is_succeeded(&listed(&text("master,fail -", "", "master -")), &id));
        assert!(!is_succeeded(&[], &id));
    }
}
