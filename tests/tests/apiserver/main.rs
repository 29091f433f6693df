//! What only a real API server can show of the operator: schema and CEL rules, server-side apply, watches,
//! leases, rights. There are no nodes, so no pod ever runs.

#![expect(clippy::disallowed_methods, reason = "tests run candidates as tasks, and read the clock")]

mod crd;
mod lease;
mod objects;
