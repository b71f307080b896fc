//! Limits on what a decoder accepts, so that one message cannot exhaust the router.

/// The limits of one transport; exceeding one is a [`DecodeError`](crate::DecodeError).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Octets of one serialized message.
    pub message_bytes: usize,
    /// Lists and dictionaries inside each other, the message's own list included.
    pub depth: usize,
    /// Values in one message, those in nested lists and dictionaries (keys not counted) included.
    pub elements: usize,
}

impl Limits {
    /// 16 MiB, the largest frame of RawSocket.
    pub const DEFAULT_MESSAGE_BYTES: usize = 16 << 20;
    /// Decoders in the field recurse; 64 is far above real payloads and below their stacks.
    pub const DEFAULT_DEPTH: usize = 64;
    /// More values than 16 MiB of small integers hold: the size limit rules unless this is lowered.
    pub const DEFAULT_ELEMENTS: usize = 16 << 20;
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            message_bytes: Self::DEFAULT_MESSAGE_BYTES,
            depth: Self::DEFAULT_DEPTH,
            elements: Self::DEFAULT_ELEMENTS,
        }
    }
}
