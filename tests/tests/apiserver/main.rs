//! What only a real API server can show of the operator: schema and CEL rules, server-side apply, watches,
//! leases, rights, and how it bears an API server in trouble. There are no nodes, so no pod ever runs.

#![expect(clippy::disallowed_methods, reason = "tests run candidates as tasks, and read the clock")]
#![expect(clippy::print_stdout, reason = "a test that counts says what it counted")]

mod binding;
mod callers;
mod children;
mod crd;
mod definition;
mod faults;
mod idle;
mod lease;
mod objects;
mod peppers;
mod removal;
mod rights;
mod rivals;
mod watches;
