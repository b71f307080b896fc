use std::time::Duration;

use flowgate_event::Timestamp;

use super::*;
use crate::export::{actions, spans};
use crate::record::Record;
use crate::record::tests::{at, call};

/// The fields of a protobuf message: number, and either octets or a number.
#[derive(Debug, PartialEq)]
enum Field<'a> {
    Octets(&'a [u8]),
    Number(u64),
}

/// A reader that knows the wire format and nothing of our messages.
fn fields(mut octets: &[u8]) -> Vec<(u64, Field<'_>)> {
    let mut found = Vec::new();
    while !octets.is_empty() {
        let tag = varint(&mut octets);
        let field = match tag & 7 {
            0 => Field::Number(varint(&mut octets)),
            1 => {
                let (number, rest) = octets.split_first_chunk::<8>().unwrap();
                octets = rest;
                Field::Number(u64::from_le_bytes(*number))
            }
            2 => {
                let length = usize::try_from(varint(&mut octets)).unwrap();
                let (value, rest) = octets.split_at(length);
                octets = rest;
                Field::Octets(value)
            }
            other => panic!("wire type {other}"),
        };
        found.push((tag >> 3, field));
    }
    found
}

fn varint(octets: &mut &[u8]) -> u64 {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (first, rest) = octets.split_first().unwrap();
        *octets = rest;
        number |= u64::from(first & 0x7f) << shift;
        if first & 0x80 == 0 {
            break;
        }
    }
    number
}

/// All values of field `number`, which is octets.
fn all(octets: &[u8], number: u64) -> Vec<&[u8]> {
    let of_number = |(found, field)| match field {
        Field::Octets(value) if found == number => Some(value),
        Field::Octets(_) | Field::Number(_) => None,
    };
    fields(octets).into_iter().filter_map(of_number).collect()
}

/// The value of field `number`, or zero.
fn number(octets: &[u8], number: u64) -> u64 {
    let of_number = |(found, field)| match field {
        Field::Number(value) if found == number => Some(value),
        Field::Octets(_) | Field::Number(_) => None,
    };
    fields(octets).into_iter().find_map(of_number).unwrap_or(0)
}

/// Key-value pairs: texts as they are, integers as decimal digits.
fn attributes(octets: &[u8], field: u64) -> Vec<(String, String)> {
    let text = |octets: &[u8]| String::from_utf8(octets.to_vec()).unwrap();
    let pairs = all(octets, field).into_iter().map(|pair| {
        let value = all(pair, 2)[0];
        let value = match all(value, 1).first() {
            Some(octets) => text(octets),
            None => number(value, 3).to_string(),
        };
        (text(all(pair, 1)[0]), value)
    });
    pairs.collect()
}

fn records() -> Vec<Record> {
    call(0xa1, 1000).into_iter().map(Record::Message).collect()
}

/// The same call as an action.
fn action() -> Record {
    actions(&records()).pop().map(Record::Action).unwrap()
}

fn resource() -> Vec<(String, String)> {
    vec![("service.name".to_owned(), "flowgate".to_owned())]
}

#[test]
fn a_request_has_the_fields_of_the_protocol() {
    let mut wanted = spans(&records());
    wanted[1].status = SpanStatus::Error("com.example.error".to_owned());
    wanted[1].links = vec![crate::export::Link { trace: wanted[0].trace, span: wanted[0].id }];
    let body = otlp(&resource(), &wanted);
    let resource_spans = all(&body, 1)[0];
    assert_eq!(attributes(all(resource_spans, 1)[0], 1), resource());
    let scope_spans = all(resource_spans, 2)[0];
    assert_eq!(all(all(scope_spans, 1)[0], 1), [b"flowgate-trace"]);
    let found = all(scope_spans, 2);
    assert_eq!(found.len(), 2);
    for (span, wanted) in found.iter().zip(&wanted) {
        assert_eq!(all(span, 1), [wanted.trace.get().to_be_bytes()]);
        assert_eq!(all(span, 2), [wanted.id.get().to_be_bytes()]);
        let parent: Vec<_> = wanted.parent.iter().map(|id| id.get().to_be_bytes()).collect();
        assert_eq!(all(span, 4), parent);
        assert_eq!(all(span, 5), [wanted.name.as_bytes()]);
        assert_eq!(
            (number(span, 7), number(span, 8)),
            (wanted.start.as_nanos(), wanted.end.as_nanos())
        );
        let pairs = wanted.attributes.iter().map(|(key, value)| match value {
            AttributeValue::Text(text) => ((*key).to_owned(), text.clone()),
            AttributeValue::Integer(number) => ((*key).to_owned(), number.to_string()),
        });
        assert_eq!(attributes(span, 9), pairs.collect::<Vec<_>>());
    }
    let [call, invocation] = found[..] else { panic!("{found:?}") };
    // SPAN_KIND_SERVER and SPAN_KIND_CLIENT; an unset status is no field at all.
    assert_eq!((number(call, 6), number(invocation, 6)), (2, 3));
    assert_eq!(all(call, 15), [[0_u8; 0]; 0]);
    let status = all(invocation, 15)[0];
    assert_eq!((all(status, 2), number(status, 3)), (vec![&b"com.example.error"[..]], 2));
    let link = all(invocation, 13)[0];
    assert_eq!(all(link, 1), [wanted[0].trace.get().to_be_bytes()]);
    assert_eq!(all(link, 2), [wanted[0].id.get().to_be_bytes()]);
}

#[test]
fn publications_and_events_have_the_kinds_of_messaging() {
    assert_eq!((kind(SpanKind::Producer), kind(SpanKind::Consumer)), (4, 5));
}

/// Two spans per action; requests of four, and room for six.
fn exporter() -> OtlpExporter {
    let limits = OtlpLimits {
        queue_count: 6,
        batch_count: 4,
        linger: Duration::from_nanos(100),
        attempts_count: 3,
        backoff: Duration::from_nanos(1000),
        backoff_max: Duration::from_nanos(1500),
    };
    OtlpExporter::new(resource(), limits)
}

const OK: OtlpAnswer<'_> = OtlpAnswer::Http { status: 200, retry_after: None, body: b"" };

fn busy(retry_after_ns: Option<u64>) -> OtlpAnswer<'static> {
    let retry_after = retry_after_ns.map(Duration::from_nanos);
    OtlpAnswer::Http { status: 503, retry_after, body: b"" }
}

fn span_count(body: &[u8]) -> usize {
    all(all(all(body, 1)[0], 2)[0], 2).len()
}

fn poll_count(exporter: &mut OtlpExporter, now: Timestamp) -> Option<usize> {
    exporter.poll(now).map(|body| span_count(&body))
}

#[test]
fn spans_wait_for_more_but_not_for_ever() {
    let mut exporter = exporter();
    assert_eq!(exporter.deadline(), None);
    exporter.offer(at(0), &[action()]);
    exporter.offer(at(50), &records());
    assert_eq!(exporter.deadline(), Some(at(100)));
    assert_eq!(poll_count(&mut exporter, at(99)), None);
    assert_eq!(poll_count(&mut exporter, at(100)), Some(2));
    // One at a time.
    exporter.offer(at(100), &[action(), action()]);
    assert_eq!((exporter.deadline(), poll_count(&mut exporter, at(900))), (None, None));
    exporter.settle(at(900), OK);
    assert_eq!(poll_count(&mut exporter, at(900)), Some(4));
    exporter.settle(at(901), OK);
    assert_eq!(exporter.counts(), OtlpCounts { exported: 6, ..OtlpCounts::default() });
    exporter.offer(at(902), &[action()]);
    assert_eq!(poll_count(&mut exporter, at(902)), None);
    exporter.flush();
    assert_eq!(poll_count(&mut exporter, at(902)), Some(2));
}

#[test]
fn what_finds_no_room_is_dropped_by_whole_actions_and_counted() {
    let mut exporter = exporter();
    for _ in 0..5 {
        exporter.offer(at(0), &[action()]);
    }
    assert_eq!(exporter.counts(), OtlpCounts { dropped: 4, ..OtlpCounts::default() });
    assert_eq!(poll_count(&mut exporter, at(0)), Some(4));
    exporter.offer(at(0), &[action()]);
    assert_eq!(exporter.counts().dropped, 4);
}

#[test]
fn a_collector_that_is_busy_or_away_is_tried_again_with_longer_pauses_and_then_given_up() {
    let mut exporter = exporter();
    exporter.offer(at(0), &[action()]);
    let body = exporter.poll(at(100)).unwrap();
    exporter.settle(at(100), OtlpAnswer::None);
    assert_eq!(exporter.deadline(), Some(at(1100)));
    assert_eq!(exporter.poll(at(1099)), None);
    assert_eq!(exporter.poll(at(1100)), Some(body.clone()));
    exporter.settle(at(1100), busy(None));
    // Doubled, but no longer than the longest.
    assert_eq!(exporter.deadline(), Some(at(2600)));
    assert_eq!(exporter.poll(at(2600)), Some(body));
    exporter.settle(at(2600), busy(Some(10)));
    assert_eq!((exporter.deadline(), exporter.counts().failed), (None, 2));
}

#[test]
fn a_collector_says_when_to_come_again_and_what_it_does_not_take() {
    let mut exporter = exporter();
    exporter.offer(at(0), &[action(), action()]);
    exporter.poll(at(0)).unwrap();
    exporter.settle(at(0), busy(Some(10)));
    assert_eq!(exporter.deadline(), Some(at(10)));
    exporter.poll(at(10)).unwrap();
    // partial_success { rejected_spans: 3, error_message: "no" }
    let body = [0x0a, 6, 8, 3, 0x12, 2, b'n', b'o'];
    exporter.settle(at(11), OtlpAnswer::Http { status: 200, retry_after: None, body: &body });
    assert_eq!(exporter.counts(), OtlpCounts { exported: 1, rejected: 3, ..OtlpCounts::default() });
    exporter.offer(at(20), &[action()]);
    exporter.poll(at(120)).unwrap();
    exporter.settle(at(121), OtlpAnswer::Http { status: 400, retry_after: None, body: b"?" });
    assert_eq!((exporter.counts().rejected, exporter.deadline()), (5, None));
    // Nothing is under way: nothing to be settled.
    exporter.settle(at(122), OK);
    assert_eq!(exporter.counts().exported, 1);
}
