//! From the spanned tree to the validated configuration, one file per part.

mod auth;
mod endpoint;
mod flowgate;
mod node;
mod options;
mod permission;
mod realm;
mod store;
mod transport;

pub(super) use node::read_node;
