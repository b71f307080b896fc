//! Identifiers of the protocol, each a type of its own.
//!
//! Source: WAMP basic profile, "IDs".

use std::fmt;

/// The largest identifier that the protocol allows: 2^53.
pub const MAX_ID: u64 = 1 << 53;

/// A number outside the protocol's range of identifiers, 1 to 2^53 inclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("identifier {0} is outside 1 to 2^53")]
pub struct IdOutOfRange(pub u64);

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(u64);

        impl $name {
            /// The smallest identifier.
            pub const MIN: Self = Self(1);

            /// Wraps a number in the range 1 to 2^53.
            ///
            /// # Errors
            /// [`IdOutOfRange`] for zero and for numbers above 2^53.
            pub const fn new(id: u64) -> Result<Self, IdOutOfRange> {
                if id == 0 || id > MAX_ID { Err(IdOutOfRange(id)) } else { Ok(Self(id)) }
            }

            /// The number.
            #[must_use]
            pub const fn get(self) -> u64 {
                self.0
            }

            /// The identifier that follows; after 2^53 comes 1 ("IDs": session scope).
            #[must_use]
            pub const fn next(self) -> Self {
                if self.0 >= MAX_ID { Self(1) } else { Self(self.0 + 1) }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl From<$name> for u64 {
            fn from(id: $name) -> u64 {
                id.0
            }
        }

        impl TryFrom<u64> for $name {
            type Error = IdOutOfRange;
            fn try_from(id: u64) -> Result<Self, IdOutOfRange> {
                Self::new(id)
            }
        }
    };
}

id! {
    /// A session, drawn at random by the router (global scope).
    SessionId
}
id! {
    /// A request, counted by its sender within its session (session scope).
    RequestId
}
id! {
    /// A subscription, chosen by the broker (router scope).
    SubscriptionId
}
id! {
    /// A publication, drawn at random by the broker (global scope).
    PublicationId
}
id! {
    /// A registration, chosen by the dealer (router scope).
    RegistrationId
}
