//! Publications: in each of a number of topics, publishers with a number of publications in
//! flight each, and subscribers that all get every event.
//!
//! A publication is in flight until all subscribers have it, and its acknowledgement has come if
//! one was asked for.
//! The publishers come first among the connections, topic by topic; then the subscribers, alike.

#![allow(clippy::wildcard_enum_match_arm, reason = "any other message is not the one that was due")]

use std::collections::VecDeque;

use flowgate_wire::{Message, MessageType};

use crate::LoadError;
use crate::driver::{Record, Scenario};
use crate::frame::Framing;
use crate::head::Cursor;
use crate::link::Outboxes;
use crate::opening::refused;
use crate::template::{Content, Number, Options, Template, decode};

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

/// The load of publications.
#[derive(Debug)]
pub(crate) struct PubSub {
    shape: Shape,
    options: Options,
    content: Content,
    /// By topic.
    templates: Vec<Template>,
    publishers: Vec<Publisher>,
    /// By subscriber, then by publisher of its topic: the events received.
    received: Vec<Vec<u64>>,
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

    /// Removes the publications at the front that nothing is missing of; how many.
    fn complete(&mut self) -> usize {
        let mut count = 0;
        while self.publications.front().is_some_and(|first| first.missing_count == 0) {
            self.publications.pop_front();
            self.completed_count += 1;
            count += 1;
        }
        count
    }
}

impl PubSub {
    pub(crate) fn new(
        framing: Framing,
        topics: &[String],
        content: Content,
        shape: Shape,
        options: Options,
    ) -> Self {
        let kind = MessageType::Publish;
        let template = |topic: &String| Template::request(framing, kind, options, topic, &content);
        Self {
            templates: topics.iter().map(template).collect(),
            publishers: (0..shape.publishers()).map(|_| Publisher::default()).collect(),
            received: vec![vec![0; shape.publisher_count]; shape.subscribers()],
            shape,
            options,
            content,
        }
    }

    fn publish(&mut self, index: usize, now_ns: u64, outboxes: &mut Outboxes) {
        let template = self.templates.get(index / self.shape.publisher_count);
        let (Some(template), Some(publisher)) = (template, self.publishers.get_mut(index)) else {
            return;
        };
        let acknowledgements = usize::from(self.options == Options::Acknowledge);
        let missing_count = self.shape.subscriber_count + acknowledgements;
        publisher.publications.push_back(Publication { requested_ns: now_ns, missing_count });
        let sequence = publisher.completed_count + publisher.publications.len() as u64;
        let number = number(index % self.shape.publisher_count, sequence);
        template.push_number(sequence, &self.content, number, outboxes.of(index));
    }

    /// Publishes for each publication that is complete.
    fn refill(&mut self, index: usize, now_ns: u64, record: &Record, outboxes: &mut Outboxes) {
        let completed = self.publishers.get_mut(index).map_or(0, Publisher::complete);
        if record.sends() {
            for _ in 0..completed {
                self.publish(index, now_ns, outboxes);
            }
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
        let topic = subscriber / self.shape.subscriber_count;
        let publisher = topic * self.shape.publisher_count + sender;
        let got = received.sequence();
        let counts = self.received.get_mut(subscriber);
        let Some(count) = counts.and_then(|counts| counts.get_mut(sender)) else {
            return Err(LoadError::Altered { message: "EVENT", connection });
        };
        let expected = *count + 1;
        let order = LoadError::Order { publisher, connection, expected, got };
        if !self.content.is(received, number(sender, expected)) {
            return Err(order);
        }
        *count = expected;
        let open = self.publishers.get_mut(publisher).and_then(|p| p.publication(expected));
        let publication = open.ok_or(order)?;
        publication.missing_count = publication.missing_count.saturating_sub(1);
        Ok((publisher, publication.requested_ns))
    }

    fn read(
        &self,
        connection: usize,
        message: &[u8],
        outboxes: &Outboxes,
    ) -> Result<Number, LoadError> {
        let format = outboxes.format;
        if let Some(number) = usual(format, message).and_then(|args| self.content.number_of(args)) {
            return Ok(number);
        }
        let altered = LoadError::Altered { message: "EVENT", connection };
        match decode(format, message) {
            Some(Message::Event(event)) => {
                self.content.number_of_values(&event.payload).ok_or(altered)
            }
            Some(other) => Err(refused("EVENT", &other)),
            None => Err(altered),
        }
    }

    fn published(
        &mut self,
        connection: usize,
        message: &[u8],
        outboxes: &Outboxes,
    ) -> Result<(), LoadError> {
        let request = match decode(outboxes.format, message) {
            Some(Message::Published(reply)) => reply.request.get(),
            Some(other) => return Err(refused("PUBLISHED", &other)),
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
    fn start(&mut self, now_ns: u64, outboxes: &mut Outboxes) {
        for index in 0..self.publishers.len() {
            for _ in 0..self.shape.in_flight_count {
                self.publish(index, now_ns, outboxes);
            }
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
            self.published(connection, message, outboxes)?;
            self.refill(connection, now_ns, record, outboxes);
            return Ok(());
        };
        let received = self.read(connection, message, outboxes)?;
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

/// The encoded arguments of an EVENT of the usual shape.
fn usual(format: flowgate_wire::Format, message: &[u8]) -> Option<&[u8]> {
    let (mut cursor, code) = Cursor::open(format, message)?;
    if code != u64::from(MessageType::Event.code()) {
        return None;
    }
    cursor.unsigned()?;
    cursor.unsigned()?;
    cursor.empty_dict()?;
    cursor.tail()
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
        let content = Content::new(flowgate_wire::Format::Json, 16, 1);
        let shape =
            Shape { topic_count: 1, publisher_count, subscriber_count: 2, in_flight_count: 2 };
        let topics = ["a".to_owned()];
        let framing = Framing::RawSocket;
        let mut load = PubSub::new(framing, &topics, content, shape, Options::Empty);
        let mut outboxes = Outboxes::new(framing, flowgate_wire::Format::Json, publisher_count);
        load.start(5, &mut outboxes);
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
        assert_eq!(load.publishers[0].complete(), 1);
        assert_eq!(load.publishers[1].complete(), 0);
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
