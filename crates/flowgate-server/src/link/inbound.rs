//! From received octets to messages.

use std::mem;

use flowgate_event::LeaveReason;
use flowgate_wire::{
    Batching, batch,
    rawsocket::{FrameHeader, FrameKind, HEADER_BYTES},
};
use tungstenite::protocol::frame::coding::CloseCode;

use super::{
    Farewell, Inbound, Link, Phase,
    serialized::Serialized,
    websocket::{Received, close_frame},
};
use crate::{frame::ControlKind, metrics::Fault, realm::deliver, scratch::Scratch};

/// Messages handled with the realm's lock taken once.
pub(super) const BATCH: usize = 16;

/// What ends a batch of RawSocket messages before it is full.
enum Interruption<'a> {
    /// A control frame, to be handled in its turn.
    Control(FrameKind, &'a [u8]),
    /// The rest of the frame has not arrived.
    Incomplete,
    /// The client has broken the rules.
    Violation(String),
}

impl Link {
    /// Handles what was read, and writes what comes of it.
    pub(super) fn receive(&mut self, octets: &mut [u8], scratch: &mut Scratch) {
        let mut plain = mem::take(&mut scratch.plain);
        plain.clear();
        match self.outlet.decrypt(octets, &mut plain) {
            None => self.consume(octets, scratch),
            Some(decrypted) => {
                self.consume(&mut plain, scratch);
                if let Err(error) = decrypted {
                    tracing::info!(%error, "TLS failed");
                    self.fail(LeaveReason::TransportLost, Vec::new());
                }
                scratch.dirty.push(self.outlet.clone());
            }
        }
        scratch.plain = plain;
        deliver(scratch);
    }

    /// Goes on with what was received before it could be handled.
    pub(super) fn resume(&mut self) {
        Scratch::with(|scratch| {
            self.consume(&mut [], scratch);
            deliver(scratch);
        });
    }

    fn consume(&mut self, octets: &mut [u8], scratch: &mut Scratch) {
        if self.partial.is_empty() {
            let used = self.parse(octets, scratch);
            self.partial.extend_from_slice(octets.get(used..).unwrap_or_default());
        } else {
            let mut partial = mem::take(&mut self.partial);
            partial.extend_from_slice(octets);
            let used = self.parse(&mut partial, scratch);
            if used < partial.len() {
                partial.drain(..used);
                self.partial = partial;
            }
        }
    }

    /// Handles whole frames from the front; how many octets they had.
    fn parse(&mut self, octets: &mut [u8], scratch: &mut Scratch) -> usize {
        self.take_held(scratch);
        if !self.held.is_empty() {
            return 0;
        }
        match &self.inbound {
            Inbound::RawSocket => self.parse_rawsocket(octets, scratch),
            Inbound::WebSocket(_) => self.parse_websocket(octets, scratch),
        }
    }

    /// Handles messages that came behind one that opened or ended a session.
    fn take_held(&mut self, scratch: &mut Scratch) {
        while !self.held.is_empty()
            && self.may_receive()
            && let Some(message) = self.held.pop_front()
        {
            self.handle(&[Serialized::Octets(&message)], scratch);
        }
        self.stalled |= !self.held.is_empty();
    }

    fn parse_rawsocket(&mut self, octets: &[u8], scratch: &mut Scratch) -> usize {
        let mut used = 0;
        loop {
            if !self.may_receive() {
                self.stalled |= used < octets.len();
                return used;
            }
            let mut messages = [Serialized::NONE; BATCH];
            let mut count = 0;
            let mut end = used;
            let mut interruption = None;
            for message in &mut messages {
                match self.rawsocket_frame(octets.get(end..).unwrap_or_default()) {
                    Ok((FrameKind::Regular, body)) => {
                        end += HEADER_BYTES + body.len();
                        *message = Serialized::Octets(body);
                        count += 1;
                    }
                    Ok((kind @ (FrameKind::Ping | FrameKind::Pong), body)) => {
                        interruption = Some(Interruption::Control(kind, body));
                        break;
                    }
                    Err(why) => {
                        interruption = Some(why);
                        break;
                    }
                }
            }
            let messages = messages.get(..count).unwrap_or_default();
            let handled = self.handle(messages, scratch);
            if handled < count {
                self.stalled = true;
                let handled = messages.iter().take(handled);
                return used + handled.map(|m| HEADER_BYTES + m.octets().len()).sum::<usize>();
            }
            used = end;
            match interruption {
                None => {}
                Some(Interruption::Control(kind, body)) => {
                    used += HEADER_BYTES + body.len();
                    if kind == FrameKind::Ping {
                        self.answer_ping(body, scratch);
                    }
                }
                Some(Interruption::Incomplete) => return used,
                Some(Interruption::Violation(what)) => {
                    self.violation(&what, scratch);
                    return octets.len();
                }
            }
        }
    }

    /// The frame in front of `octets`.
    fn rawsocket_frame<'a>(
        &self,
        octets: &'a [u8],
    ) -> Result<(FrameKind, &'a [u8]), Interruption<'a>> {
        let header = octets.first_chunk::<HEADER_BYTES>().ok_or(Interruption::Incomplete)?;
        let header = FrameHeader::parse(*header)
            .map_err(|error| Interruption::Violation(error.to_string()))?;
        if header.len() > self.limits.message_bytes {
            let what = format!("frame of {} octets is too long", header.len());
            return Err(Interruption::Violation(what));
        }
        let body = octets.get(HEADER_BYTES..HEADER_BYTES + header.len());
        Ok((header.kind(), body.ok_or(Interruption::Incomplete)?))
    }

    fn answer_ping(&self, payload: &[u8], scratch: &mut Scratch) {
        let pong = self.outlet.wire.control(ControlKind::Pong, payload);
        self.outlet.enqueue_control(&pong);
        scratch.dirty.push(self.outlet.clone());
    }

    fn parse_websocket(&mut self, octets: &mut [u8], scratch: &mut Scratch) -> usize {
        let len = octets.len();
        let mut rest = octets;
        while self.may_receive() {
            let mut messages = [Serialized::NONE; BATCH];
            let mut count = 0;
            let mut interruption = None;
            for message in &mut messages {
                let Inbound::WebSocket(reader) = &mut self.inbound else { break };
                match reader.next(&mut rest) {
                    Ok(Received::Message(received)) => {
                        *message = received;
                        count += 1;
                    }
                    other => {
                        interruption = Some(other);
                        break;
                    }
                }
            }
            self.handle_websocket(messages.get(..count).unwrap_or_default(), scratch);
            match interruption {
                None | Some(Ok(Received::Message(_))) => {}
                Some(Ok(Received::Joined(octets))) => {
                    self.handle_websocket(&[Serialized::Octets(&octets)], scratch);
                }
                Some(Ok(Received::Ping(payload))) => self.answer_ping(payload, scratch),
                Some(Ok(Received::Nothing)) => return len - rest.len(),
                Some(Ok(Received::Close(frame))) => {
                    self.fail(LeaveReason::TransportLost, frame);
                    return len;
                }
                Some(Err(failure)) => {
                    self.service.counts.violation();
                    self.service.metrics.protocol_error(Fault::Frame);
                    tracing::info!(what = failure.what, "WebSocket protocol violation");
                    self.fail(LeaveReason::Violation, failure.close);
                    return len;
                }
            }
        }
        self.stalled = true;
        len - rest.len()
    }

    fn handle_websocket(&mut self, frames: &[Serialized<'_>], scratch: &mut Scratch) {
        match self.outlet.wire.serializer.batching {
            Batching::Single => self.handle_or_hold(frames, scratch),
            Batching::Batched => {
                for frame in frames {
                    self.handle_batch(frame.octets(), scratch);
                }
            }
        }
    }

    /// Handles messages behind those that are held already, and holds what may not be handled yet.
    fn handle_or_hold(&mut self, messages: &[Serialized<'_>], scratch: &mut Scratch) {
        let handled = if self.held.is_empty() { self.handle(messages, scratch) } else { 0 };
        let rest = messages.get(handled..).unwrap_or_default();
        self.held.extend(rest.iter().map(|message| message.octets().to_vec()));
        self.stalled |= !self.held.is_empty();
    }

    /// Handles a transport message of several WAMP messages ("Message Batching").
    fn handle_batch(&mut self, frame: &[u8], scratch: &mut Scratch) {
        let format = self.outlet.wire.serializer.format;
        let messages = batch::split(format, frame).map(|message| message.map(Serialized::Octets));
        match messages.collect::<Result<Vec<_>, _>>() {
            Ok(messages) => self.handle_or_hold(&messages, scratch),
            Err(error) => self.violation(&error.to_string(), scratch),
        }
    }

    /// Ends the transport after a fault on its own level.
    pub(super) fn fail(&mut self, reason: LeaveReason, frame: Vec<u8>) {
        if self.farewell.is_none() {
            self.farewell = Some(Farewell { reason, frame });
        }
    }

    /// Ends the connection after something that is no message: with ABORT if there is a session,
    /// else on the level of the transport.
    pub(super) fn violation(&mut self, what: &str, scratch: &mut Scratch) {
        self.service.counts.violation();
        self.service.metrics.protocol_error(Fault::Frame);
        if let Phase::Joined { .. } = self.phase {
            self.abort_session(what, scratch);
        } else {
            tracing::info!(what, "protocol violation before a session");
            let frame = match self.inbound {
                Inbound::RawSocket => Vec::new(),
                Inbound::WebSocket(_) => close_frame(CloseCode::Protocol, what),
            };
            self.fail(LeaveReason::Violation, frame);
        }
    }
}
