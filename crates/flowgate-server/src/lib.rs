//! The Flowgate server: listeners, links, timers, configuration and administration around the
//! router core.
//!
//! Start with [`Server`], which runs a [`config::NodeConfig`].
//! This is the only crate that sees everything; what the router does is decided below it.

mod admin;
mod clock;
pub mod codec;
pub mod config;
mod frame;
mod gate;
mod http;
mod link;
mod listener;
mod metrics;
mod observe;
mod observer;
mod realm;
mod scratch;
mod server;
mod service;
mod store;
mod tls;
mod tracing;

pub use listener::BindError;
pub use metrics::{
    MetricsError, QueryError, RecordFormat, RecordOptions, ShowError, Stats, StatsError,
};
pub use observe::{ObserveError, ObserverServer};
pub use server::{Server, StartError, check_files};
pub use tls::TlsError;
pub use tracing::TracingError;
