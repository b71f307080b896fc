//! Publications: in each of a number of topics, publishers with a number of publications in
//! flight each, and subscribers that all get every event.
//!
//! A publication is in flight until all subscribers have it, and its acknowledgement has come if
//! one was asked for.
//! The publishers come first among the connections, topic by topic; then the subscribers, alike.

#![allow(clippy::wildcard_enum_match_arm, reason = "any other message is not the one that was due")]

use std::collections::VecDeque;

use flowgate_wire::{Format, Message, MessageType};

use crate::LoadError;
use crate::driver::Scenario;
use crate::head::Cursor;
use crate::link::Outboxes;
use crate::opening::unexpected;
use crate::record::Record;
use crate::template::{Content, Number, Options, Template, decode, details};
use crate::wire::Wire;

/// How many take part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shape {
    pub(crate) topic_count: usize,
    /// In each topic.
    pub(crate) publisher_count: usize,
    /// In each topic.
    pub(crate) subscriber_count: usize,
    /// For each publisher.
    pub(crate) in_flight_count: usize,
}

impl Shape {
    pub(crate) const fn publishers(self) -> usize {
        self.topic_count * self.publisher_count
    }

    pub(crate) const fn subscribers(self) -> usize {
        self.topic_count * self.subscriber_count
    }
}

/// What is published, and how.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Publications<'a> {
    pub(crate) topics: &'a [String],
    /// The detail of EVENT that names the topic, where the subscriptions are patterns.
    pub(crate) detail: Option<&'static str>,
    pub(crate) options: Options,
    pub(crate) payload_bytes: usize,
    pub(crate) string_count: usize,
}

/// The load of publications.
#[derive(Debug)]
pub(crate) struct PubSub {
    shape: Shape,
    options: Options,
    /// The format of the publishers.
    format: Format,
    /// What publishers send.
    content: Content,
    /// By topic.
    templates: Vec<Template>,
    publishers: Vec<Publisher>,
    /// The serializers of the subscribers, which take them in turn.
    readers: Vec<Reader>,
    /// By subscriber, then by publisher of its topic: the events received.
    received: Vec<Vec<u64>>,
}

/// What subscribers of one serializer get.
#[derive(Debug)]
struct Reader {
    format: Format,
    content: Content,
    /// By topic: the details, as routers usually write them.
    details: Vec<Vec<u8>>,
}

/// The publications of one publisher that are in flight, in order.
#[derive(Debug, Default)]
struct Publisher {
    /// The sequence of the first publication in flight, less 1.
    completed_count: u64,
    publications: VecDeque<Publication>,
    acknowledged_count: u64,
}

#[derive(Debug)]
struct Publication {
    requested_ns: u64,
    /// Events and acknowledgements to come.
    missing_count: usize,
}

impl Publisher {
    fn publication(&mut self, sequence: u64) -> Option<&mut Publication> {
        let index = sequence.checked_sub(self.completed_count + 1)?;
        self.publications.get_mut(usize::try_from(index).ok()?)
    }

    /// Removes the publications at the front that nothing is missing of.
    fn complete(&mut self) {
        while self.publications.front().is_some_and(|first| first.missing_count == 0) {
            self.publications.pop_front();
            self.completed_count += 1;
        }
    }
}

impl Reader {
    fn new(wire: Wire, publications: Publications<'_>) -> Self {
        let Publications { topics, detail, payload_bytes, string_count, .. } = publications;
        let format = wire.format();
        let details_of = |topic: &String| details(format, detail.map(|key| (key, topic.as_str())));
        Self {
            format,
            content: Content::new(format, payload_bytes, string_count),
            details: topics.iter().map(details_of).collect(),
        }
    }

    /// The number that an event carries.
    fn read(&self, connection: usize, topic: usize, message: &[u8]) -> Result<Number, LoadError> {
        let usual = self.usual(topic, message);
        if let Some(number) = usual.and_then(|arguments| self.content.number_of(arguments)) {
            return Ok(number);
        }
        let altered = LoadError::Altered { message: "EVENT", connection };
        match decode(self.format, message) {
            Some(Message::Event(event)) => {
                self.content.number_of_values(&event.payload).ok_or(altered)
            }
            Some(other) => Err(unexpected("EVENT", connection, &other)),
            None => Err(altered),
        }
    }

    /// The encoded arguments of an EVENT of the usual shape.
    fn usual<'a>(&self, topic: usize, message: &'a [u8]) -> Option<&'a [u8]> {
        let (mut cursor, code) = Cursor::open(self.format, message)?;
        if code != u64::from(MessageType::Event.code()) {
            return None;
        }
        cursor.unsigned()?;
        cursor.unsigned()?;
        cursor.element(self.details.get(topic)?)?;
        cursor.tail()
    }
}

impl PubSub {
    /// A load of publishers of one serializer and subscribers that take theirs in turn.
    pub(crate) fn new(
        publisher: Wire,
        subscribers: &[Wire],
        shape: Shape,
        publications: Publications<'_>,
    ) -> Self {
        let Publications { topics, options, payload_bytes, string_count, .. } = publications;
        let format = publisher.format();
        let content = Content::new(format, payload_bytes, string_count);
        let kind = MessageType::Publish;
        let template =
            |topic: &String| Template::request(publisher, kind, options, topic, &content);
        Self {
            templates: topics.iter().map(template).collect(),
            publishers: (0..shape.publishers()).map(|_| Publisher::default()).collect(),
            readers: subscribers.iter().map(|wire| Reader::new(*wire, publications)).collect(),
            received: vec![vec![0; shape.publisher_count]; shape.subscribers()],
            shape,
            options,
            format,
            content,
        }
    }

    /// Checks an event; returns the publisher and when the event was published.
    fn event(
        &mut self,
        connection: usize,
        subscriber: usize,
        received: Number,
    ) -> Result<(usize, u64), LoadError> {
        // Numbers that are not written in full have no sender: there is one publisher then.
        let sender = received.sender();
        let topic = self.topic_of(subscriber);
        let publisher = topic * self.shape.publisher_count + sender;
        let got = received.sequence();
        let counts = self.received.get_mut(subscriber);
        let Some(count) = counts.and_then(|counts| counts.get_mut(sender)) else {
            return Err(LoadError::Altered { message: "EVENT", connection });
        };
        let expected = *count + 1;
        let (message, client) = ("EVENT", publisher);
        let order = LoadError::Order { message, client, connection, expected, got };
        if !self.content.is(received, number(sender, expected)) {
            return Err(order);
        }
        *count = expected;
        let open = self.publishers.get_mut(publisher).and_then(|p| p.publication(expected));
        let publication = open.ok_or(order)?;
        publication.missing_count = publication.missing_count.saturating_sub(1);
        Ok((publisher, publication.requested_ns))
    }

    const fn topic_of(&self, subscriber: usize) -> usize {
        subscriber / self.shape.subscriber_count
    }

    /// Checks an acknowledgement.
    fn published(&mut self, connection: usize, message: &[u8]) -> Result<(), LoadError> {
        let request = match decode(self.format, message) {
            Some(Message::Published(reply)) => reply.request.get(),
            Some(other) => return Err(unexpected("PUBLISHED", connection, &other)),
            None => return Err(LoadError::Altered { message: "PUBLISHED", connection }),
        };
        let repeated = LoadError::Repeated { request, connection };
        let Some(publisher) = self.publishers.get_mut(connection) else { return Err(repeated) };
        if self.options != Options::Acknowledge || request != publisher.acknowledged_count + 1 {
            return Err(repeated);
        }
        publisher.acknowledged_count = request;
        let publication = publisher.publication(request).ok_or(repeated)?;
        publication.missing_count = publication.missing_count.saturating_sub(1);
        Ok(())
    }
}

impl Scenario for PubSub {
    fn client_count(&self) -> usize {
        self.publishers.len()
    }

    fn refill(&mut self, client: usize, now_ns: u64, record: &mut Record, outboxes: &mut Outboxes) {
        let Shape { publisher_count, subscriber_count, in_flight_count, .. } = self.shape;
        let template = self.templates.get(client / publisher_count);
        let (Some(template), Some(publisher)) = (template, self.publishers.get_mut(client)) else {
            return;
        };
        publisher.complete();
        let acknowledgements = usize::from(self.options == Options::Acknowledge);
        let missing_count = subscriber_count + acknowledgements;
        while publisher.publications.len() < in_flight_count
            && let Some(requested_ns) = record.request(client, now_ns)
        {
            publisher.publications.push_back(Publication { requested_ns, missing_count });
            let sequence = publisher.completed_count + publisher.publications.len() as u64;
            let number = number(client % publisher_count, sequence);
            template.push_number(sequence, &self.content, number, outboxes.of(client));
        }
    }

    fn message(
        &mut self,
        connection: usize,
        message: &[u8],
        now_ns: u64,
        record: &mut Record,
        outboxes: &mut Outboxes,
    ) -> Result<(), LoadError> {
        let Some(subscriber) = connection.checked_sub(self.publishers.len()) else {
            self.published(connection, message)?;
            self.refill(connection, now_ns, record, outboxes);
            return Ok(());
        };
        let altered = LoadError::Altered { message: "EVENT", connection };
        let reader = self.readers.get(subscriber % self.readers.len()).ok_or(altered)?;
        let received = reader.read(connection, self.topic_of(subscriber), message)?;
        let (publisher, requested_ns) = self.event(connection, subscriber, received)?;
        record.operation(requested_ns, now_ns);
        self.refill(publisher, now_ns, record, outboxes);
        Ok(())
    }

    fn outstanding_count(&self) -> u64 {
        let publications = self.publishers.iter().flat_map(|publisher| &publisher.publications);
        publications.map(|publication| publication.missing_count as u64).sum()
    }
}

/// The number that a publication carries.
fn number(sender: usize, sequence: u64) -> Number {
    // The command line allows no more publishers than that.
    Number::new(u16::try_from(sender).unwrap_or(u16::MAX), sequence)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(publisher_count: usize) -> PubSub {
        let serializer = flowgate_wire::Serializer::single(Format::Json);
        let wire = Wire { framing: crate::frame::Framing::RawSocket, serializer };
        let shape =
            Shape { topic_count: 1, publisher_count, subscriber_count: 2, in_flight_count: 2 };
        let publications = Publications {
            topics: &["a".to_owned()],
            detail: None,
            options: Options::Empty,
            payload_bytes: 16,
            string_count: 1,
        };
        let mut load = PubSub::new(wire, &[wire], shape, publications);
        let (mut record, mut outboxes) = (Record::new().unwrap(), Outboxes::new(publisher_count));
        for client in 0..publisher_count {
            load.refill(client, 5, &mut record, &mut outboxes);
        }
        load
    }

    #[test]
    fn every_subscriber_gets_every_event_once_and_in_order() {
        let mut load = load(2);
        assert_eq!(load.outstanding_count(), 8);
        // Publishers may overtake each other.
        for (subscriber, sender, sequence) in [(0, 1, 1), (0, 0, 1), (1, 0, 1), (1, 0, 2)] {
            let event = load.event(9, subscriber, Number::new(sender, sequence));
            assert_eq!(event.unwrap(), (usize::from(sender), 5));
        }
        assert_eq!(load.outstanding_count(), 4);
        load.publishers.iter_mut().for_each(Publisher::complete);
        let completed: Vec<u64> = load.publishers.iter().map(|p| p.completed_count).collect();
        assert_eq!(completed, [1, 0]);
    }

    #[test]
    fn lost_and_repeated_events_are_noticed() {
        let mut load = load(1);
        let lost = load.event(9, 0, Number::new(0, 2));
        assert!(matches!(lost, Err(LoadError::Order { expected: 1, got: 2, .. })), "{lost:?}");
        load.event(9, 0, Number::new(0, 1)).unwrap();
        let repeated = load.event(9, 0, Number::new(0, 1));
        assert!(matches!(repeated, Err(LoadError::Order { expected: 2, got: 1, .. })));
        let unknown = load.event(9, 0, Number::new(1, 1));
        assert!(matches!(unknown, Err(LoadError::Altered { .. })));
    }
}
