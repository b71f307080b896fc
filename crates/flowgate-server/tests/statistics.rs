//! Session statistics: what the router publishes is what went over the wire.

mod conservation;
mod endings;
mod triggers;
mod workload;
