//! The vocabulary that Flowgate's layers share: timestamps, events, and the seams of the router.
//!
//! Small on purpose: a crate that meters, records or authorizes depends on this one and on nothing
//! of the router. It must never grow behaviour.
//! Start with [`Timestamp`].

mod time;

pub use time::Timestamp;
