//! A load generator for WAMP routers.
//!
//! Loads any router by its URL and checks every reply: a call's result must carry what was sent,
//! the callee must get the calls of each caller in order, and every subscriber must get every
//! event of every publisher once and in order.
//! It must stay cheaper than any router that it loads, therefore one thread serves all
//! connections, messages are encoded once and then patched, and every connection is written once
//! per batch.
//!
//! Start with [`Bench`], the command line; [`Bench::run`] gives a [`Report`].
//! [`frame`] and [`head`] are public for the measuring programs below `benches/`.

mod background;
mod cli;
mod clock;
mod connect;
mod driver;
mod error;
pub mod frame;
pub mod head;
mod idle;
mod link;
mod names;
mod opening;
mod pace;
mod process;
mod progress;
mod pubsub;
mod record;
mod report;
mod rpc;
mod scenario;
mod sessions;
mod target;
mod template;
mod timer;
mod wire;

pub use cli::Bench;
pub use error::LoadError;
pub use report::{Background, Latency, Rate, Report, RouterCost, Stalled, Step};
pub use target::{Target, TargetError};
