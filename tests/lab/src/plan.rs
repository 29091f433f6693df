//! What a lab is, decided without touching the machine: names, addresses, sizes and the next thing
//! to do. No I/O, no clock, no environment.

pub mod addresses;
pub mod images;
pub mod names;
pub mod next;
pub mod sizes;
pub mod templates;
