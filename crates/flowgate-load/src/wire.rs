//! How the messages of a connection are written: transport framing and serializer.

use flowgate_wire::batch::{self, BatchError};
use flowgate_wire::{Batching, Format, Message, Serializer};

use crate::LoadError;
use crate::frame::{self, Framing, Side};

/// The part of a subprotocol's name that all serializers have in common.
const SUBPROTOCOL: &str = "wamp.2.";

/// Framing and serializer of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wire {
    pub(crate) framing: Framing,
    pub(crate) serializer: Serializer,
}

impl Wire {
    /// The format of each message.
    pub(crate) const fn format(self) -> Format {
        self.serializer.format
    }

    /// What each octet that a client sends is combined with.
    pub(crate) const fn mask(self) -> u8 {
        frame::mask(self.framing, Side::Client)
    }

    /// A message as a client sends it: in a frame, and in a batch of its own where the serializer
    /// batches.
    pub(crate) fn framed(self, message: &Message<'_>) -> Result<Vec<u8>, LoadError> {
        let format = self.format();
        let mut body = Vec::new();
        match self.serializer.batching {
            Batching::Single => message.encode(format, &mut body),
            Batching::Batched => {
                batch::append(format, &mut body, |out| {
                    message.encode(format, out);
                    Ok::<(), BatchError>(())
                })?;
            }
        }
        let mut out = Vec::new();
        frame::push_header(self.framing, Side::Client, format, body.len(), &mut out);
        out.extend(body.iter().map(|octet| octet ^ self.mask()));
        Ok(out)
    }

    /// Passes on every message of what came in one frame.
    pub(crate) fn each_message(
        self,
        payload: &[u8],
        mut message: impl FnMut(&[u8]) -> Result<(), LoadError>,
    ) -> Result<(), LoadError> {
        match self.serializer.batching {
            Batching::Single => message(payload),
            Batching::Batched => {
                batch::split(self.format(), payload).try_for_each(|part| message(part?))
            }
        }
    }
}

/// The serializer of that name, such as `cbor` or `cbor.batched`.
pub(crate) fn serializer_of_name(name: &str) -> Option<Serializer> {
    Serializer::from_subprotocol(&format!("{SUBPROTOCOL}{name}"))
}

/// The name of a serializer.
pub(crate) fn name_of_serializer(serializer: Serializer) -> &'static str {
    let subprotocol = serializer.subprotocol();
    subprotocol.strip_prefix(SUBPROTOCOL).unwrap_or(subprotocol)
}
