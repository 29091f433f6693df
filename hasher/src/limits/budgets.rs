//! What each caller has asked for at this pod. The rule is `policy::work_budget`.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use authcluster_contract::cost::Units;
use authcluster_contract::node::NodeId;

use crate::clock;
use crate::policy::work_budget::{Account, Share};
use crate::registry::SharedTable;

/// Accounts by the callers' names, which come from a file, so they are few.
pub(super) struct Budgets {
    node: NodeId,
    table: Option<SharedTable>,
    accounts: Mutex<BTreeMap<Arc<str>, Account>>,
}

impl Budgets {
    pub(super) fn new(node: NodeId, table: Option<SharedTable>) -> Self {
        Self { node, table, accounts: Mutex::default() }
    }

    /// Books the work, or says when to come back.
    pub(super) fn spend(
        &self,
        caller: &Arc<str>,
        units: Units,
        units_per_second: u64,
    ) -> Result<(), Duration> {
        let (share, now) = (self.share(), clock::now());
        let mut accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        let account = accounts.entry(Arc::clone(caller)).or_default();
        account.spend(units, units_per_second, share, now)
    }

    fn share(&self) -> Share {
        let Some(table) = &self.table else { return Share::WHOLE };
        let table = table.load();
        let all = table.rows().iter().map(|row| row.weight.get()).sum();
        Share { own: table.row(&self.node).map_or(0, |row| row.weight.get()), all }
    }
}
