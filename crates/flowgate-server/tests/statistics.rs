//! Session statistics: what the router publishes is what went over the wire.

mod conservation;
mod deferral;
mod endings;
mod storm;
mod triggers;
mod workload;
