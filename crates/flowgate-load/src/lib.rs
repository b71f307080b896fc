//! A load generator for WAMP routers.
//!
//! Loads any router by its URL and checks every reply: a call's result must carry what was sent,
//! and every subscriber must get every event of every publisher once and in order.
//! It must stay cheaper than any router that it loads, therefore one thread serves all
//! connections, messages are encoded once and then patched, and every connection is written once
//! per batch.
//!
//! Start with [`Bench`], the command line; [`Bench::run`] gives a [`Report`].
//! [`frame`] and [`head`] are public for the measuring programs below `benches/`.

mod cli;
mod clock;
mod connect;
mod driver;
mod error;
pub mod frame;
pub mod head;
mod link;
mod opening;
mod process;
mod pubsub;
mod report;
mod rpc;
mod target;
mod template;

pub use cli::Bench;
pub use error::LoadError;
pub use report::{Latency, Report, RouterCost};
pub use target::{Target, TargetError};
