//! An asynchronous WAMP client over WebSocket and RawSocket.
//!
//! Start with [`Session`]: join a realm over a [`Connection`], then subscribe, publish, register
//! and call.
//! Whoever needs the messages themselves (load generators, tests) stays with [`Connection`].
//!
//! ```no_run
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! use flowgate_client::{ConnectOptions, Connection, JoinOptions, Session};
//! use flowgate_wire::{Dict, Value};
//!
//! let target = "ws://localhost:8080/ws".parse()?;
//! let connection = Connection::open(&target, &ConnectOptions::default()).await?;
//! let session = Session::join(connection, "realm1", JoinOptions::default()).await?;
//! let sum = session.call("com.example.add", Dict::EMPTY, [2_u64, 3].map(Value::from)).await?;
//! println!("{:?}", sum.arguments.first());
//! session.leave().await?;
//! # Ok(())
//! # }
//! ```
//!
//! This crate never retries and never reconnects: what an ended connection means is for its user to
//! say.

mod arguments;
mod callee;
mod connect;
mod connection;
mod error;
mod link;
mod session;
mod subscriber;
mod target;
mod traffic;

pub use arguments::Arguments;
pub use callee::{Failure, Invocation, Registration};
pub use connect::{ConnectOptions, DEFAULT_OPEN_TIMEOUT};
pub use connection::{
    CLOSE_TIMEOUT, Connection, ConnectionReader, ConnectionWriter, Frame, Received, SendError,
};
pub use error::{ClientError, Closed, ConnectError, ConnectionError, FeedError, Violation};
pub use link::{BoxedStream, ByteStream};
pub use session::{
    Authenticator, CallResult, DEFAULT_QUEUE_COUNT, GOODBYE_TIMEOUT, JoinOptions,
    REQUEST_QUEUE_COUNT, Session,
};
pub use subscriber::{Event, Subscription};
pub use target::{InvalidTarget, Target};
#[cfg(feature = "tls")]
pub use tokio_rustls::rustls;
pub use traffic::{Traffic, TrafficCounter, Volume};
