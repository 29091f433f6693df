//! Clients without a token attack a real hasher, while a login service goes on logging users in.
//!
//! The hasher runs in a control group of the size of the sample's pod, on a core of its own. The attacks and the
//! login service share a second core. Root is needed, for the control groups.
//!
//! `AUTHCLUSTER_HOSTILE_SECONDS` sets the length of each attack. From 20 s on, each attack runs from each source
//! (`make campaign`); a shorter run takes the sources in turn (`make test-hostile`). `AUTHCLUSTER_HASHER` names
//! the program to test. Without it, the tests run the hasher that was built with them, which is not optimised.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test stops where it fails, and waits with real bounds"
)]
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "counts of some thousands, from rates and times that are positive"
)]

mod attack;
mod campaign;
mod cores;
mod descriptors;
mod drain;
mod groups;
mod logins;
mod report;
mod site;
