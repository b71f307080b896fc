//! The WAMP router as pure, synchronous state machines.
//!
//! Start with [`Realm`]: it is told what happens ([`Input`]) and says what to do ([`Action`]).
//! Time, randomness and configuration are passed in, so that a stream of inputs and a seed
//! determine everything, and every failure replays.
//!
//! This crate never does I/O, reads a clock, takes a lock, starts a thread, logs or prints.

mod action;
mod audience;
mod auth;
mod broker;
mod calls;
mod config;
mod deadlines;
mod dealer;
mod details;
mod foreign_context;
mod handshake;
mod history;
mod ids;
mod input;
mod invocation;
mod lifecycle;
mod membership;
mod meta;
mod options;
mod passthru;
mod pubsub;
mod realm;
mod record;
mod registering;
mod request_error;
mod retention;
mod rpc;
mod served;
mod session;
mod stored_message;
mod testaments;
mod tracing;
mod turn;
mod uri_table;
mod waiting;
mod welcome;

pub use action::{
    Action, AnsweredCall, AskId, Close, Outbox, Received, ServeId, ServedCall, SessionKey, Taken,
    Traffic, Unsent,
};
pub use auth::{Allow, Disclose, Permissions, Rule};
pub use config::{
    CallSettings, EventsConfig, MetaApi, RealmConfig, RequestIds, Role, ServedApi, TrustLevel,
};
pub use handshake::{Accepted, AnonymousPolicy, AuthOffer, AuthPolicy, HandshakeStep, Refusal};
pub use history::{EventStore, HistoryConfig, HistoryKey};
pub use input::{Announcement, ClientFeatures, Input, Join, Lost, Reply};
pub use realm::Realm;
pub use record::{EventRecord, RecordError};
pub use retention::RetentionConfig;
pub use session::Identity;
pub use uri_table::{EntryKey, InsertError, UriTable};

#[cfg(test)]
mod tests;
