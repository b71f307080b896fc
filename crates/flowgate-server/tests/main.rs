//! The whole server, driven over its sockets by clients.
//!
//! Nothing here waits for time to pass: every test waits for what it expects, and fails when that
//! does not come within [`support::LIMIT`].

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test fails by panicking, in its helpers too, and may read the clock"
)]

mod bad_input;
mod bench;
mod binary;
mod churn;
mod history;
mod load;
mod metrics;
mod observe;
mod rawsocket;
mod replay;
mod shutdown;
mod slow_reader;
mod statistics;
mod steady;
mod support;
mod timeouts;
mod trace_disk;
mod traces;
mod tracing;
mod undeliverable;
mod upgrade;
mod wamp_tracing;
mod websocket;
