//! Serialization formats and how a transport negotiates them.

/// A serialization format of WAMP messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Format {
    /// JSON text, UTF-8.
    Json,
    /// MessagePack.
    MessagePack,
    /// CBOR (RFC 8949).
    Cbor,
}

impl Format {
    /// All formats; the order is that of the RawSocket serializer numbers.
    pub const ALL: [Self; 3] = [Self::Json, Self::MessagePack, Self::Cbor];

    /// The short name that subprotocols, configurations and statistics use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::MessagePack => "msgpack",
            Self::Cbor => "cbor",
        }
    }

    /// The format with this [name](Self::name).
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.name() == name)
    }
}

/// Whether transport messages carry one WAMP message each or several.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Batching {
    /// One WAMP message in one transport message.
    Single,
    /// One or more WAMP messages in one transport message ("Message Batching").
    Batched,
}

/// A format together with its batching: what a WebSocket subprotocol names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Serializer {
    /// The format of each message.
    pub format: Format,
    /// Whether messages are batched.
    pub batching: Batching,
}

impl Serializer {
    /// A serializer without batching.
    #[must_use]
    pub const fn single(format: Format) -> Self {
        Self { format, batching: Batching::Single }
    }

    /// The WebSocket subprotocol, such as `wamp.2.cbor.batched`.
    #[must_use]
    pub const fn subprotocol(self) -> &'static str {
        match (self.format, self.batching) {
            (Format::Json, Batching::Single) => "wamp.2.json",
            (Format::Json, Batching::Batched) => "wamp.2.json.batched",
            (Format::MessagePack, Batching::Single) => "wamp.2.msgpack",
            (Format::MessagePack, Batching::Batched) => "wamp.2.msgpack.batched",
            (Format::Cbor, Batching::Single) => "wamp.2.cbor",
            (Format::Cbor, Batching::Batched) => "wamp.2.cbor.batched",
        }
    }

    /// The serializer that a WebSocket subprotocol names.
    #[must_use]
    pub fn from_subprotocol(name: &str) -> Option<Self> {
        [Batching::Single, Batching::Batched]
            .into_iter()
            .flat_map(|batching| Format::ALL.map(|format| Self { format, batching }))
            .find(|serializer| serializer.subprotocol() == name)
    }
}
