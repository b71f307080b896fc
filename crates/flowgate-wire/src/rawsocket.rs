//! The RawSocket transport: its handshake and its frame headers, as octets; no I/O.
//!
//! A client opens with a [`Handshake`] of four octets and the router answers with four: another
//! [`Handshake`], or a [`Refusal`].
//! After that every message is a frame: a [`FrameHeader`] of four octets and then the serialized
//! message.
//!
//! ```text
//! handshake  0111 1111  LLLL SSSS  0000 0000  0000 0000   L length code, S serializer
//! refusal    0111 1111  EEEE 0000  0000 0000  0000 0000   E error
//! frame      0000 XTTT  LLLL LLLL  LLLL LLLL  LLLL LLLL   X 16 MiB, T kind, L length in octets
//! ```
//!
//! Source: WAMP advanced profile, "RawSocket Transport".

use crate::Format;

/// The first octet of every RawSocket connection; no HTTP request can begin with it, so one port
/// may serve both.
pub const MAGIC: u8 = 0x7f;

/// Octets of a handshake request and of its reply.
pub const HANDSHAKE_BYTES: usize = 4;

/// Octets before each message.
pub const HEADER_BYTES: usize = 4;

/// The bit of the first octet that stands for a length of exactly 16 MiB.
const FULL_LENGTH_BIT: u8 = 0b0000_1000;

/// The bits of the first octet that must be zero.
const RESERVED_BITS: u8 = 0b1111_0000;

/// The bits of the first octet that hold the kind of a frame.
const KIND_BITS: u8 = 0b0000_0111;

/// The longest message that a peer is willing to receive: a power of two from 512 octets to
/// 16 MiB.
///
/// On the wire it is a code from 0 to 15 that stands for 2^(9 + code) octets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MaxLength(u8);

impl MaxLength {
    /// 512 octets, code 0.
    pub const MIN: Self = Self(0);

    /// 16 MiB, code 15.
    pub const MAX: Self = Self(15);

    /// The length with this code; `None` above 15.
    #[must_use]
    pub const fn from_code(code: u8) -> Option<Self> {
        if code <= Self::MAX.0 { Some(Self(code)) } else { None }
    }

    /// The greatest length that is not above `bytes`; `None` below 512.
    ///
    /// This is how a limit of the receiver becomes a promise: what is announced is never more
    /// than the receiver takes.
    #[must_use]
    pub const fn rounding_down(bytes: usize) -> Option<Self> {
        let mut code = Self::MAX.0;
        while Self(code).bytes() > bytes {
            if code == 0 {
                return None;
            }
            code -= 1;
        }
        Some(Self(code))
    }

    /// The smallest length that is not below `bytes`; `None` above 16 MiB.
    ///
    /// This is how a message that must fit becomes a length to announce.
    #[must_use]
    pub const fn rounding_up(bytes: usize) -> Option<Self> {
        let mut code = 0;
        while Self(code).bytes() < bytes {
            if code == Self::MAX.0 {
                return None;
            }
            code += 1;
        }
        Some(Self(code))
    }

    /// The code, 0 to 15.
    #[must_use]
    pub const fn code(self) -> u8 {
        self.0
    }

    /// The length in octets.
    #[must_use]
    pub const fn bytes(self) -> usize {
        512 << self.0
    }
}

/// A handshake request, or the reply that accepts one: both have the same form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Handshake {
    /// The longest message that the sender of the handshake is willing to receive.
    pub max_length: MaxLength,
    /// The serialization of all messages; the reply repeats that of the request.
    pub format: Format,
}

impl Handshake {
    /// Reads what a client sent; the router's side.
    ///
    /// # Errors
    /// [`RequestError`], whose [`refusal`](RequestError::refusal) is what to answer.
    pub const fn parse_request(octets: [u8; HANDSHAKE_BYTES]) -> Result<Self, RequestError> {
        let [magic, length_and_serializer, reserved @ ..] = octets;
        if magic != MAGIC {
            return Err(RequestError::NotRawSocket { first: magic });
        }
        let [0, 0] = reserved else {
            return Err(RequestError::ReservedBits);
        };
        let (high, number) = halves(length_and_serializer);
        match format_of(number) {
            Some(format) => Ok(Self { max_length: MaxLength(high), format }),
            None => Err(RequestError::UnsupportedSerializer { number }),
        }
    }

    /// Reads what a router answered to a request for `requested`; the client's side.
    ///
    /// # Errors
    /// [`ReplyError`], after any of which the client closes the connection.
    pub fn parse_reply(
        octets: [u8; HANDSHAKE_BYTES],
        requested: Format,
    ) -> Result<Self, ReplyError> {
        let [magic, length_and_serializer, reserved @ ..] = octets;
        if magic != MAGIC {
            return Err(ReplyError::NotRawSocket { first: magic });
        }
        if reserved != [0, 0] {
            return Err(ReplyError::ReservedBits);
        }
        let (high, number) = halves(length_and_serializer);
        if number == 0 {
            return Err(Refusal::from_code(high)
                .map_or(ReplyError::UnknownRefusal { code: high }, ReplyError::Refused));
        }
        if number != serializer_number(requested) {
            return Err(ReplyError::OtherSerializer { requested, number });
        }
        Ok(Self { max_length: MaxLength(high), format: requested })
    }

    /// The four octets on the wire.
    #[must_use]
    pub const fn to_octets(self) -> [u8; HANDSHAKE_BYTES] {
        [MAGIC, self.max_length.0 << 4 | serializer_number(self.format), 0, 0]
    }
}

/// Why a router refuses a handshake; the number is that of the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
#[repr(u8)]
pub enum Refusal {
    /// The router does not speak the serializer.
    #[error("serializer unsupported")]
    SerializerUnsupported = 1,
    /// The client's maximum message length does not suit the router.
    #[error("maximum message length unacceptable")]
    LengthUnacceptable = 2,
    /// The client set reserved bits.
    #[error("use of reserved bits")]
    ReservedBits = 3,
    /// The router has as many connections as it takes.
    #[error("maximum connection count reached")]
    TooManyConnections = 4,
}

impl Refusal {
    /// All refusals, by ascending code.
    pub const ALL: [Self; 4] = [
        Self::SerializerUnsupported,
        Self::LengthUnacceptable,
        Self::ReservedBits,
        Self::TooManyConnections,
    ];

    /// The code on the wire.
    #[must_use]
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// The refusal with this code.
    #[must_use]
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|refusal| refusal.code() == code)
    }

    /// The four octets on the wire.
    #[must_use]
    pub const fn to_octets(self) -> [u8; HANDSHAKE_BYTES] {
        [MAGIC, self.code() << 4, 0, 0]
    }
}

/// What is wrong with a handshake request; always the client's fault.
///
/// The router sends the [`refusal`](Self::refusal), if there is one, and closes the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// The connection does not begin with the magic octet: the client speaks another protocol.
    /// The router closes without an answer, unless the port serves that protocol too.
    #[error("first octet is {first:#04x}, not 0x7f")]
    NotRawSocket {
        /// The first octet.
        first: u8,
    },
    /// The third or fourth octet is not zero: the client wants something from the future.
    #[error("reserved octets are not zero")]
    ReservedBits,
    /// The serializer is none of JSON, MessagePack and CBOR; 0 is illegal, and answered alike.
    #[error("serializer number {number} is unsupported")]
    UnsupportedSerializer {
        /// The number, 0 or 4 to 15.
        number: u8,
    },
}

impl RequestError {
    /// What to answer before closing; `None` if the client would not understand an answer.
    #[must_use]
    pub const fn refusal(self) -> Option<Refusal> {
        match self {
            Self::NotRawSocket { .. } => None,
            Self::ReservedBits => Some(Refusal::ReservedBits),
            Self::UnsupportedSerializer { .. } => Some(Refusal::SerializerUnsupported),
        }
    }
}

/// Why a client did not get a connection; the router does nothing more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReplyError {
    /// The reply does not begin with the magic octet: there is no RawSocket router.
    #[error("first octet is {first:#04x}, not 0x7f")]
    NotRawSocket {
        /// The first octet.
        first: u8,
    },
    /// The third or fourth octet is not zero; the router's fault.
    #[error("reserved octets are not zero")]
    ReservedBits,
    /// The router accepts another serializer than the client asked for; the router's fault.
    #[error("router answered with serializer number {number}, {} was requested", requested.name())]
    OtherSerializer {
        /// What the client asked for.
        requested: Format,
        /// What the router answered.
        number: u8,
    },
    /// The router refused, for the reason it names.
    #[error("router refused: {0}")]
    Refused(#[source] Refusal),
    /// The router refused, for a reason that the specification does not define.
    #[error("router refused with unknown error {code}")]
    UnknownRefusal {
        /// The error, 0 or 5 to 15.
        code: u8,
    },
}

/// What a frame carries; the number is that of the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum FrameKind {
    /// One serialized WAMP message.
    Regular = 0,
    /// Any octets, which the receiver returns at once in a [`Pong`](Self::Pong).
    Ping = 1,
    /// The octets of a [`Ping`](Self::Ping).
    Pong = 2,
}

impl FrameKind {
    /// All kinds, by ascending number.
    pub const ALL: [Self; 3] = [Self::Regular, Self::Ping, Self::Pong];
}

/// The four octets before each message, PING and PONG.
///
/// The length is that of what follows: 0 octets to 16 MiB inclusive.
/// The greatest length does not fit into the 24 bits of the length, it has a bit of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameHeader {
    kind: FrameKind,
    /// At most 16 MiB.
    len: u32,
}

impl FrameHeader {
    /// The longest frame: 16 MiB.
    pub const MAX_LEN: usize = MaxLength::MAX.bytes();

    /// A header for `len` octets.
    ///
    /// # Errors
    /// [`FrameError::TooLong`] if there are more than `max` takes, the longest message that the
    /// peer announced in its handshake.
    pub const fn new(kind: FrameKind, len: usize, max: MaxLength) -> Result<Self, FrameError> {
        if len > max.bytes() {
            return Err(FrameError::TooLong { len, max: max.bytes() });
        }
        // No length above 2^24 comes here.
        #[allow(clippy::cast_possible_truncation, reason = "checked against the maximum above")]
        Ok(Self { kind, len: len as u32 })
    }

    /// Reads a header.
    ///
    /// # Errors
    /// [`FrameError`], after any of which the receiver closes the connection, for it has lost the
    /// boundaries of frames.
    pub const fn parse(octets: [u8; HEADER_BYTES]) -> Result<Self, FrameError> {
        let [first, high, middle, low] = octets;
        if first & RESERVED_BITS != 0 {
            return Err(FrameError::ReservedBits { first });
        }
        let kind = match first & KIND_BITS {
            0 => FrameKind::Regular,
            1 => FrameKind::Ping,
            2 => FrameKind::Pong,
            number => return Err(FrameError::UnknownKind { number }),
        };
        let len = u32::from_be_bytes([0, high, middle, low]);
        if first & FULL_LENGTH_BIT == 0 {
            Ok(Self { kind, len })
        } else if len == 0 {
            Ok(Self { kind, len: 1 << 24 })
        } else {
            Err(FrameError::LengthAmbiguous { len })
        }
    }

    /// Checks the length against what the receiver announced in its handshake.
    ///
    /// # Errors
    /// [`FrameError::TooLong`].
    pub const fn check(self, max: MaxLength) -> Result<(), FrameError> {
        if self.len() > max.bytes() {
            Err(FrameError::TooLong { len: self.len(), max: max.bytes() })
        } else {
            Ok(())
        }
    }

    /// What the frame carries.
    #[must_use]
    pub const fn kind(self) -> FrameKind {
        self.kind
    }

    /// How many octets follow the header.
    #[must_use]
    #[allow(clippy::len_without_is_empty, reason = "a header is not a collection")]
    pub const fn len(self) -> usize {
        self.len as usize
    }

    /// The four octets on the wire.
    #[must_use]
    pub const fn to_octets(self) -> [u8; HEADER_BYTES] {
        // Exactly 16 MiB has its lower 24 bits clear, and bit 24 becomes the extra bit.
        let [full, high, middle, low] = self.len.to_be_bytes();
        [full << 3 | self.kind as u8, high, middle, low]
    }
}

/// What is wrong with a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// Reserved bits of the first octet are set; the peer's fault. The router closes.
    #[error("reserved bits are set in first octet {first:#04x}")]
    ReservedBits {
        /// The first octet.
        first: u8,
    },
    /// The kind is reserved; the peer's fault. The router closes.
    #[error("frame kind {number} is reserved")]
    UnknownKind {
        /// The number, 3 to 7.
        number: u8,
    },
    /// The bit for 16 MiB is set together with a length; the peer's fault. The router closes.
    #[error("length is both 16 MiB and {len}")]
    LengthAmbiguous {
        /// The length in octets that the other bits give.
        len: u32,
    },
    /// The frame is longer than its receiver announced.
    /// On receiving, the peer's fault: the router closes.
    /// On sending, a limit of the peer: the router does not send the message.
    #[error("frame of {len} octets exceeds the maximum of {max}")]
    TooLong {
        /// The length of the frame in octets.
        len: usize,
        /// The greatest length in octets.
        max: usize,
    },
}

/// The upper and lower four bits of an octet.
const fn halves(octet: u8) -> (u8, u8) {
    (octet >> 4, octet & 0x0f)
}

const fn serializer_number(format: Format) -> u8 {
    match format {
        Format::Json => 1,
        Format::MessagePack => 2,
        Format::Cbor => 3,
    }
}

const fn format_of(number: u8) -> Option<Format> {
    match number {
        1 => Some(Format::Json),
        2 => Some(Format::MessagePack),
        3 => Some(Format::Cbor),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
