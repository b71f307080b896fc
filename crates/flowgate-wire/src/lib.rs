//! WAMP v2 messages to and from bytes.
//!
//! Start with [`Message`]: it is decoded from a frame with [`Message::decode`] and written with
//! [`Message::encode`].
//! Decoding reads the envelope only: type, identifiers and URI.
//! Options and payload are checked for well-formedness and stay encoded in the frame, so that
//! forwarding a message writes a new head and copies the tail.
//!
//! This crate never does I/O, and never turns a client's payload into values.

mod base64;
pub mod batch;
mod block;
mod budget;
mod codec;
mod dict;
mod element;
mod error;
mod format;
mod head;
mod ids;
mod items;
mod limits;
mod message;
mod payload;
pub mod rawsocket;
mod read;
mod scan;
mod skip;
mod template;
mod token;
mod transcode;
mod uri;
pub mod uris;
mod utf8;
mod value;
mod write;

pub use dict::Dict;
pub use error::DecodeError;
pub use format::{Batching, Format, Serializer};
pub use ids::{
    IdOutOfRange, MAX_ID, PublicationId, RegistrationId, RequestId, SessionId, SubscriptionId,
};
pub use limits::Limits;
pub use message::{
    Abort, Authenticate, Call, Cancel, Challenge, Error, Event, EventReceived, Goodbye, Hello,
    Interrupt, Invocation, Message, MessageType, Publish, Published, Register, Registered, Result,
    Subscribe, Subscribed, Unregister, Unregistered, Unsubscribe, Unsubscribed, Welcome, Yield,
};
pub use payload::{OwnedPayload, Payload};
pub use template::Template;
pub use uri::{MatchPolicy, Uri, UriCheck};
pub use value::{Entry, Value};
