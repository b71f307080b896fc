//! Session statistics: what the router publishes is what went over the wire.

mod conservation;
mod endings;
mod storm;
mod triggers;
mod workload;
