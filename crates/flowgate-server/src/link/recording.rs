//! Records of connections that get no session.

use std::sync::Arc;

use bytes::Bytes;
use flowgate_trace::Direction;
use flowgate_wire::{Message, MessageType};

use super::Link;
use crate::{realm::identity_of, scratch::Scratch};

/// Realms with longer names, in octets, are not recorded by name: there are none.
const REALM_BYTES_MAX: usize = 256;

/// The message that was to open a session.
pub(super) struct First<'a> {
    octets: &'a [u8],
    /// What it is, and which realm it is for; `None` for what is no message, and if nothing is
    /// traced.
    what: Option<(MessageType, Box<str>)>,
}

impl Link {
    pub(super) fn first<'a>(&self, octets: &'a [u8], message: Option<&Message<'_>>) -> First<'a> {
        let what = message.filter(|_| self.service.tracing.is_on()).map(|message| {
            let realm = if let Message::Hello(hello) = message { hello.realm.as_str() } else { "" };
            let realm = if realm.len() <= REALM_BYTES_MAX { realm } else { "" };
            (message.message_type(), Box::from(realm))
        });
        First { octets, what }
    }

    /// Records the message that was to open a session, and the ABORT that it got if it did.
    pub(super) fn record_refused(
        &self,
        first: &First<'_>,
        abort: Option<(&Message<'_>, usize)>,
        scratch: &mut Scratch,
    ) {
        if self.service.tracing.is_on() {
            self.record(first, abort, scratch);
        }
    }

    #[cold]
    fn record(
        &self,
        first: &First<'_>,
        abort: Option<(&Message<'_>, usize)>,
        scratch: &mut Scratch,
    ) {
        let Some(mut recording) = scratch.take_recording(&self.service.tracing) else { return };
        let now = self.service.clock.now();
        let format = self.outlet.wire.serializer.format;
        let realm = first.what.as_ref().map(|(_, realm)| &**realm);
        let who = Arc::new(identity_of(&self.outlet, realm.unwrap_or_default()));
        if let Some((message, _)) = first.what {
            let frame = || Some((format, Bytes::copy_from_slice(first.octets)));
            let bytes = first.octets.len();
            recording.record_alone(now, &who, (Direction::Rx, message), bytes, None, frame);
        }
        if let Some((message, bytes)) = abort {
            let frame = || {
                let mut octets = Vec::new();
                message.encode(format, &mut octets);
                Some((format, octets.into()))
            };
            let error = if let Message::Abort(abort) = message {
                Some(abort.reason.as_str())
            } else {
                None
            };
            let kind = (Direction::Tx, message.message_type());
            recording.record_alone(now, &who, kind, bytes, error, frame);
        }
        scratch.recording = Some(recording);
    }
}
