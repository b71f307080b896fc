//! The client against a scripted router on the other end of an in-process stream.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, in its helpers too"
)]

mod connection;
mod opening;
mod peer;
mod session;
