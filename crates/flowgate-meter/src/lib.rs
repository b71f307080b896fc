//! Exact metering of WAMP sessions: messages, bytes and rated messages by direction, in windows with triggers.
//!
//! A session is counted from its HELLO to its GOODBYE.
//! Its life is cut into windows, one after the other without a gap; every window that closes yields
//! a [`Report`], which a router publishes as the meta event `wamp.session.on_stats`.
//! What a window is, when it closes and what its report says follows "Session Statistics" of
//! Crossbar.io's documentation, in the words of its node configuration; the [`StatsConfig`] fields
//! carry the same names as the keys there.
//!
//! Start with [`SessionMeter`]: one per session, owned by whoever counts its messages.
//!
//! ```
//! use flowgate_event::Timestamp;
//! use flowgate_meter::{Due, SessionMeter, StatsConfig};
//!
//! let hello_at = Timestamp::from_nanos(1_574_688_364_518_998_111);
//! let welcome_at = Timestamp::from_nanos(1_574_688_364_519_998_111);
//!
//! let mut meter = SessionMeter::new(Some(StatsConfig::default()), hello_at);
//! assert_eq!(meter.received(80), Due::NotYet); // HELLO
//! assert_eq!(meter.sent(600, flowgate_meter::Traffic::Ordinary), Due::NotYet); // WELCOME
//! let report = meter.joined(welcome_at).expect("a report on join is the default");
//! assert!(report.first && !report.last);
//! assert_eq!(report.total().bytes, 680);
//! assert_eq!(report.total().rated_messages, 3); // one for HELLO, two for WELCOME
//! ```
//!
//! # What it must not do
//!
//! - Read a clock, take a lock, make a system call or allocate: time is passed in, and only where a
//!   window opens or closes, never per message.
//! - Use floating-point numbers: every figure is an exact integer, and the sum over all reports of a
//!   session equals what was counted.
//! - Know anything of messages but their length: what bytes are counted (the serialized message,
//!   without framing, compression or encryption) and when (received: decoded; sent: handed to the
//!   socket) is up to the caller.
//! - Publish: it hands reports to the caller.

mod account;
mod config;
mod rating;
mod session;

pub use config::StatsConfig;
pub use flowgate_event::{Account, Report, Totals};
pub use rating::{RatedMessageSize, RatedMessageSizeError};
pub use session::{Due, SessionMeter, Traffic};

#[cfg(test)]
mod prop;
#[cfg(test)]
mod tests;
