//! What a fault of one shard does to the others, and to what was acknowledged: six servers, three
//! primaries with a replica each, under load from lanes on every shard. One test, one fault after
//! the other, and one table.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a test stops where it fails, waits with real bounds, and prints its table"
)]

#[expect(dead_code, reason = "it is shared with the other tests on Redis")]
#[path = "../redis/shared.rs"]
mod shared;

mod critical;
mod faults;
mod topology;
mod work;
