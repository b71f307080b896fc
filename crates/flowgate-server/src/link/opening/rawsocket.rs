//! The RawSocket handshake ("RawSocket Transport", advanced profile).

use std::sync::Arc;

use flowgate_wire::{
    Serializer,
    rawsocket::{HANDSHAKE_BYTES, Handshake, MaxLength, Refusal, RequestError},
};

use super::{Opening, OpeningError, Terms};
use crate::{
    frame::{Framing, Wire},
    link::LINGER,
    service::Service,
};

pub(super) async fn agree(opening: &mut Opening, service: &Service) -> Result<Terms, OpeningError> {
    let request = loop {
        if let Some(octets) = opening.buffer.first_chunk::<HANDSHAKE_BYTES>() {
            break *octets;
        }
        opening.fill().await?;
    };
    opening.buffer.drain(..HANDSHAKE_BYTES);
    let Some((config, auth)) = service.rawsocket() else {
        return Err(OpeningError::Refused("RawSocket is not served here".to_owned()));
    };
    let request = match Handshake::parse_request(request) {
        Ok(request) => request,
        Err(error) => return refuse(opening, error.refusal(), &error).await,
    };
    if !config.serializers.contains(&request.format) {
        let error = RequestError::UnsupportedSerializer { number: serializer_number(request) };
        return refuse(opening, Some(Refusal::SerializerUnsupported), &error).await;
    }
    let max_length = MaxLength::rounding_up(config.max_message_bytes).unwrap_or(MaxLength::MAX);
    let reply = Handshake { max_length, format: request.format };
    opening.write(&reply.to_octets()).await?;
    Ok(Terms {
        wire: Wire { framing: Framing::RawSocket, serializer: Serializer::single(request.format) },
        max_received_bytes: config.max_message_bytes.min(max_length.bytes()),
        max_frame_bytes: max_length.bytes(),
        max_sent_bytes: request.max_length.bytes(),
        keepalive: config.keepalive,
        handshake_timeout: service.flowgate.handshake_timeout,
        ping_payload_bytes: 0,
        closing_timeout: LINGER,
        auth: Arc::clone(auth),
    })
}

/// The serializer number of a request.
fn serializer_number(request: Handshake) -> u8 {
    let [_, octet, ..] = request.to_octets();
    octet & 0x0f
}

async fn refuse(
    opening: &mut Opening,
    refusal: Option<Refusal>,
    error: &RequestError,
) -> Result<Terms, OpeningError> {
    if let Some(refusal) = refusal {
        opening.write(&refusal.to_octets()).await?;
    }
    Err(OpeningError::Refused(format!("RawSocket handshake: {error}")))
}
