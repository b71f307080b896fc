//! WAMP v2 messages to and from bytes: JSON, MessagePack and CBOR, with payload passthrough, transcoding and RawSocket framing.
