//! Rates of attempts and failures in a row, as every store keeps them.
//!
//! The rules are `policy::{gcra, backoff}`: a store in memory calls them, the shared one runs scripts that
//! do the same. Nothing here says who is asked first, or what is given back when: that is `limits`.

use authcluster_contract::keys::RateSubject;
use authcluster_contract::user::{AddressKey, UserKey};

use super::StoreFuture;
use crate::policy::backoff::{Begun, Rules, Settled};
use crate::policy::gcra::{Rate, Reserved};

/// Where attempts are counted.
pub trait LimitStore: Send + Sync + 'static {
    /// One attempt of a subject at all its rates: charged when every one admits it.
    fn reserve_rate<'a>(
        &'a self,
        subject: RateSubject<'a>,
        rates: &'a [Rate],
    ) -> StoreFuture<'a, Reserved>;

    /// Gives back to each of a subject's rates what has not drained of a charge; see
    /// [`crate::policy::gcra::refund`].
    fn refund_rate<'a>(
        &'a self,
        subject: RateSubject<'a>,
        rates: &'a [Rate],
        charge: &'a Reserved,
    ) -> StoreFuture<'a, ()>;

    /// Whether a user may be tried from an address now. Counts the attempt as a failure when so.
    fn begin_login<'a>(
        &'a self,
        user: &'a UserKey,
        address: Option<&'a AddressKey>,
        rules: &'a Rules,
    ) -> StoreFuture<'a, Begun>;

    /// The end of an attempt that was let in and did not fail.
    fn settle_login<'a>(
        &'a self,
        user: &'a UserKey,
        address: Option<&'a AddressKey>,
        rules: &'a Rules,
        settled: Settled,
    ) -> StoreFuture<'a, ()>;

    /// Forgets a user's attempts and failures, but not the known addresses. Says whether there were any.
    fn forget_attempts<'a>(&'a self, user: &'a UserKey) -> StoreFuture<'a, bool>;
}
