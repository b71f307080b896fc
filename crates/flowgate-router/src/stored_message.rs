//! Messages that outlive the input that brought them.

use flowgate_wire::{Format, Limits, Message, Payload};

/// The limits of decoding what has been decoded before: none.
const NO_LIMITS: Limits =
    Limits { message_bytes: usize::MAX, depth: usize::MAX, elements: usize::MAX };

/// A message of a client, kept in encoded form: one allocation, whatever is in it.
#[derive(Debug, Clone)]
pub(crate) struct StoredMessage {
    format: Format,
    octets: Box<[u8]>,
}

impl StoredMessage {
    /// Keeps a message; in the format of its payload, which is copied then and not transcoded.
    pub(crate) fn new(message: &Message<'_>) -> Self {
        let raw = client_payload(message).and_then(Payload::raw);
        let format = raw.map_or(Format::Cbor, |(format, _)| format);
        let mut octets = Vec::new();
        message.encode(format, &mut octets);
        Self { format, octets: octets.into_boxed_slice() }
    }

    /// Octets that the message takes.
    pub(crate) fn len_bytes(&self) -> usize {
        self.octets.len()
    }

    /// The message. `None` is impossible: it has been a message before.
    pub(crate) fn message(&self) -> Option<Message<'_>> {
        let message = Message::decode(self.format, &self.octets, &NO_LIMITS);
        // Invariant: what the codec has written, it reads.
        debug_assert!(message.is_ok(), "{message:?}");
        message.ok()
    }
}

/// The payload of a message that clients send.
fn client_payload<'m, 'a>(message: &'m Message<'a>) -> Option<&'m Payload<'a>> {
    if let Message::Publish(publish) = message {
        Some(&publish.payload)
    } else if let Message::Call(call) = message {
        Some(&call.payload)
    } else if let Message::Yield(result) = message {
        Some(&result.payload)
    } else if let Message::Error(error) = message {
        Some(&error.payload)
    } else {
        None
    }
}
