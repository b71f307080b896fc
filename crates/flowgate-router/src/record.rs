//! Events that are kept: for histories, for later subscribers, and on disk.

use std::borrow::Cow;

use flowgate_event::Timestamp;
use flowgate_wire::{
    DecodeError, Dict, Entry, Event, Format, Limits, Message, Payload, PublicationId,
    SubscriptionId, Value,
};

use crate::{audience::Audience, session::Identity};

/// The key of the moment among the details of a record.
const TIMESTAMP: &str = "timestamp";
/// The key of the topic among the details of a record, and of an EVENT.
const TOPIC: &str = "topic";

/// What is kept was within the limits of its publisher's transport, and has got longer since.
const LIMITS: Limits =
    Limits { message_bytes: usize::MAX, depth: Limits::DEFAULT_DEPTH, elements: usize::MAX };

/// An event as it was published: an encoded EVENT, with what is asked of it in hand.
///
/// The payload stays in the format of its publisher, so that keeping an event costs a copy and no
/// transcoding. The details hold, beside those of the EVENT, always the topic, and in addition the
/// moment and the lists of people who may get it.
#[derive(Debug)]
pub struct EventRecord {
    publication: PublicationId,
    timestamp: Timestamp,
    topic: Box<str>,
    audience: Option<Box<Audience>>,
    format: Format,
    event: Box<[u8]>,
}

/// Octets that are no record: damage, or the work of another program.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// There are none, or they begin with a format that there is not.
    #[error("a record of an unknown format")]
    Format,
    /// They are no message.
    #[error("a record that cannot be decoded: {0}")]
    Undecodable(#[from] DecodeError),
    /// They are another message than EVENT, or their details lack something.
    #[error("a record that is no event with topic and timestamp")]
    NoEvent,
}

/// What there is to say about an event that is to be kept.
pub(crate) struct NewRecord<'a> {
    pub(crate) publication: PublicationId,
    pub(crate) timestamp: Timestamp,
    pub(crate) topic: &'a str,
    pub(crate) audience: Option<Box<Audience>>,
    /// The details of the EVENT, without the topic.
    pub(crate) details: &'a [Entry<'a>],
    pub(crate) payload: &'a Payload<'a>,
}

impl EventRecord {
    /// The version of [`to_bytes`](Self::to_bytes), to be changed with its layout.
    pub const VERSION: u32 = 1;

    pub(crate) fn new(new: NewRecord<'_>) -> Self {
        let NewRecord { publication, timestamp, topic, audience, details, payload } = new;
        // Times are told in milliseconds, and must compare like what is told.
        let timestamp = timestamp.to_millis();
        let mut all = vec![
            (Cow::Borrowed(TIMESTAMP), Value::from(timestamp.as_nanos())),
            (Cow::Borrowed(TOPIC), Value::from(topic)),
        ];
        let lists = audience.iter().flat_map(|audience| audience.lasting_options());
        all.extend(lists.map(|(key, value)| (Cow::Borrowed(key), value)));
        all.extend(details.iter().map(|(key, value)| (key.clone(), value.clone())));
        let format = payload.raw().map_or(Format::Cbor, |(format, _)| format);
        let message = Message::from(Event {
            subscription: SubscriptionId::MIN,
            publication,
            details: Dict::from_entries(&all),
            payload: payload.clone(),
        });
        let mut event = Vec::with_capacity(payload.encoded_len_hint() + topic.len() + 64);
        message.encode(format, &mut event);
        let (topic, event) = (topic.into(), event.into());
        Self { publication, timestamp, topic, audience, format, event }
    }

    /// The publication.
    #[must_use]
    pub fn publication(&self) -> PublicationId {
        self.publication
    }

    /// When it was published, to the millisecond.
    #[must_use]
    pub fn timestamp(&self) -> Timestamp {
        self.timestamp
    }

    /// Its topic.
    #[must_use]
    pub fn topic(&self) -> &str {
        &self.topic
    }

    /// About how many octets of memory it takes.
    #[must_use]
    pub fn len_bytes(&self) -> usize {
        size_of::<Self>() + self.topic.len() + self.event.len()
    }

    /// The record as octets: one that names the format, then the message.
    ///
    /// Lists of sessions are not kept.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let place = Format::ALL.iter().position(|format| *format == self.format);
        let mut bytes = Vec::with_capacity(1 + self.event.len());
        bytes.push(place.and_then(|place| u8::try_from(place).ok()).unwrap_or(u8::MAX));
        bytes.extend_from_slice(&self.event);
        bytes
    }

    /// The record that [`to_bytes`](Self::to_bytes) made these octets of.
    ///
    /// # Errors
    /// The octets are damaged, or not from there.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, RecordError> {
        let (place, event) = bytes.split_first().ok_or(RecordError::Format)?;
        let format = *Format::ALL.get(usize::from(*place)).ok_or(RecordError::Format)?;
        let message = Message::decode(format, event, &LIMITS)?;
        let Message::Event(decoded) = message else { return Err(RecordError::NoEvent) };
        let (mut timestamp, mut topic, mut audience) = (None, None, Audience::default());
        for (key, value) in decoded.details.entries() {
            if key == TIMESTAMP {
                timestamp = value.as_u64().map(Timestamp::from_nanos);
            } else if key == TOPIC {
                topic = value.as_str().map(Box::from);
            } else {
                audience.take_option(&key, &value).map_err(|_| RecordError::NoEvent)?;
            }
        }
        let (Some(timestamp), Some(topic)) = (timestamp, topic) else {
            return Err(RecordError::NoEvent);
        };
        let audience = (!audience.is_everybody()).then(|| Box::new(audience));
        let publication = decoded.publication;
        Ok(Self { publication, timestamp, topic, audience, format, event: event.into() })
    }

    /// Whether a session may get the event, by its lists.
    pub(crate) fn admits(&self, who: Identity<'_>) -> bool {
        self.audience.as_ref().is_none_or(|audience| audience.admits(who))
    }

    /// Whether there are lists of who may get it.
    pub(crate) fn is_restricted(&self) -> bool {
        self.audience.is_some()
    }

    /// Hands over the details of the EVENT, the topic first, and the payload.
    pub(crate) fn read<R>(
        &self,
        each: impl FnOnce(Vec<Entry<'_>>, &Payload<'_>) -> R,
    ) -> Option<R> {
        let message = Message::decode(self.format, &self.event, &LIMITS).ok();
        let Some(Message::Event(event)) = message else {
            // Invariant: the octets were encoded here, or decoded once already.
            debug_assert!(false, "a record is an EVENT");
            return None;
        };
        let entries = event
            .details
            .entries()
            .filter(|(key, _)| key != TIMESTAMP && !Audience::LASTING.contains(&key.as_ref()));
        Some(each(entries.collect(), &event.payload))
    }
}
