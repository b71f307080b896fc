//! Authorization: what the sessions of a role may do.

mod permissions;

pub use permissions::{Allow, Disclose, Permissions, Rule};
