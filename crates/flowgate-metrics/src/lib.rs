//! Counters, gauges and histograms that cost a nanosecond, a registry that names them once for all
//! views, and encoders for Prometheus, JSON and a console.
//!
//! Counting something takes three lines, and showing it one more:
//!
//! ```
//! use flowgate_metrics::{Descriptor, Registry, encode};
//!
//! let registry = Registry::new();
//! let jobs = registry.counter(Descriptor::new("jobs_done", "Jobs that are done."))?;
//! jobs.inc();
//!
//! let mut page = String::new();
//! encode::text(&registry.scrape(), &mut page);
//! assert_eq!(page, "\
//! ## HELP jobs_done_total Jobs that are done.
//! ## TYPE jobs_done_total counter
//! jobs_done_total 1
//! ");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Labels tell the metrics of a family apart, and a [`Shard`] gives a thread counters that nobody
//! else writes, for the paths where every nanosecond counts:
//!
//! ```
//! use std::time::Duration;
//! use flowgate_metrics::{Buckets, Descriptor, Label, Metric, Registry, Unit, encode};
//!
//! let registry = Registry::with_prefix("shop")?;
//! let orders = registry.counters(
//!     Descriptor::new("orders", "Orders by outcome.").stat("shop", "Orders"),
//!     [Label::closed("outcome")],
//! )?;
//! let seconds = registry.histogram(
//!     Descriptor::new("order_duration", "From click to answer.").unit(Unit::Seconds),
//!     Buckets::latency(),
//! )?;
//!
//! let shard = registry.shard(); // one for each thread
//! let accepted = orders.with(["accepted"]).local(&shard);
//! let seconds = seconds.local(&shard);
//! accepted.inc(); // a load, an addition and a store
//! seconds.record_duration(Duration::from_micros(80));
//!
//! let mut page = String::new();
//! encode::openmetrics(&registry.scrape(), &mut page);
//! assert!(page.contains("shop_orders_total{outcome=\"accepted\"} 1\n"));
//! assert!(page.contains("shop_order_duration_seconds_bucket{le=\"0.0001\"} 1\n"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Names
//!
//! A [`Descriptor`] has the name without prefix, unit and `_total`; the registry puts them together:
//! `shop` + `order_duration` + `_seconds`. Units are base units (seconds, bytes, ratios from 0 to 1),
//! and a duration is recorded in nanoseconds and shown in seconds without rounding.
//! The same descriptor says what the stat is called on the [`console`](encode::console):
//! `shop.main.Orders`.
//!
//! # Labels from outside
//!
//! A label is open until it is said to be [`closed`](Label::closed): what comes from outside can
//! then not fill the memory, nor that of the Prometheus server. See [`Family`] for what happens
//! beyond the limit.
//!
//! # What it costs
//!
//! | | |
//! |---|---|
//! | [`LocalCounter::add`] | a load, an addition and a store; no locked instruction |
//! | [`LocalHistogram::record`] | three of these, and two look-ups in small tables |
//! | [`Counter::add`] | one atomic addition |
//! | [`Tally::add`] | the same, for numbers that lie side by side |
//! | memory | two cache lines for each counter and thread that counts locally |
//! | [`Registry::scrape`] and encoding | no lock that somebody who counts could wait for |
//!
//! # What it must not do
//!
//! - Read a clock, start a thread, or do I/O: the time is said to it ([`Registry::sample`]), and
//!   pages are handed to the caller. Only the WebSocket wrapper reads a clock, behind its feature.
//! - Lose a count: not when threads end, series are folded, or handles outlive them.
//! - Show a number that is not one: what cannot be asked for is absent.
//!
//! # Features
//!
//! | feature | what it adds |
//! |---|---|
//! | `websocket` | `websocket::Metered`: any stream and sink of WebSocket messages, measured |
//! | `axum` | the same for axum: its messages, and an extractor in place of its own |
//! | `tungstenite` | the same for tungstenite's messages |
//! | `tower` | `websocket::MeteredUpgradeLayer`: handshakes, by endpoint and result |

mod catalogue;
mod cell;
mod collector;
mod counter;
mod descriptor;
pub mod encode;
mod exemplar;
mod family;
mod gauge;
mod histogram;
mod label;
mod name;
mod percentage;
mod rates;
mod registry;
mod scrape;
mod series;
mod stats;
mod tally;
#[cfg(feature = "websocket")]
pub mod websocket;

pub use catalogue::Listed;
pub use cell::Shard;
pub use collector::{CollectorKind, Failure, Samples};
pub use counter::{Counter, LocalCounter};
pub use descriptor::{Descriptor, Measures, Unit, Verbosity};
pub use exemplar::{EXEMPLAR_LENGTH_MAX, Exemplar, ExemplarError};
pub use family::{Family, LocalFamily, Scoped};
pub use gauge::{Gauge, Held, LocalGauge};
pub use histogram::{Buckets, BucketsError, Histogram, LocalHistogram};
pub use label::{Label, OTHER};
pub use name::NameError;
pub use percentage::{LocalPercentage, Percentage};
pub use rates::Rates;
pub use registry::{RegisterError, Registration, Registry, RegistryConfig};
pub use scrape::{Filter, Scrape};
pub use series::Metric;
pub use stats::{Stat, Stats};
pub use tally::{Tally, TallyReader};
