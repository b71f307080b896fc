//! What waits, what goes out with what, and in which order.

use std::{
    io::{self, Read},
    os::unix::net::UnixStream,
};

use flowgate_wire::{Dict, Event, Format, Payload, PublicationId, Serializer, SubscriptionId};

use super::*;
use crate::{clock::Clock, frame::Framing, link::split_unix, metrics::Metrics};

/// Room for much more than statistics may take.
const ROOM_BYTES: u64 = 1 << 20;

/// An outlet whose socket takes octets, and the other end.
async fn outlet(max_queued_bytes: u64) -> (Outlet, UnixStream) {
    let (ours, theirs) = tokio::net::UnixStream::pair().unwrap();
    let metrics = Metrics::new(Clock::start(), Vec::new(), Vec::new(), Vec::new()).unwrap();
    let metrics = Arc::new(ListenerMetrics::new(&metrics, "test"));
    let serializer = Serializer::single(Format::Json);
    let wire = Wire { framing: Framing::RawSocket, serializer };
    let (_, writer) = split_unix(ours);
    let outlet = Outlet::new(wire, writer, None, 1 << 16, max_queued_bytes, metrics);
    outlet.writable().await;
    (outlet, theirs.into_std().unwrap())
}

/// Queues an event with this publication.
fn enqueue(outlet: &Outlet, publication: u64, kind: Kind) -> Enqueued {
    let event = Message::Event(Event {
        subscription: SubscriptionId::new(1).unwrap(),
        publication: PublicationId::new(publication).unwrap(),
        details: Dict::EMPTY,
        payload: Payload::EMPTY,
    });
    outlet.enqueue(&event, kind, Timing::None).0
}

fn flush(outlet: &Outlet) {
    Scratch::with(|scratch| assert_eq!(outlet.flush(scratch), Flushed::Done));
}

/// The publications of the events that have arrived: what was written to a Unix socket is there at
/// once.
fn arrived(mut socket: &UnixStream) -> Vec<String> {
    let mut octets = vec![0; 1 << 16];
    let count = match socket.read(&mut octets) {
        Ok(count) => count,
        Err(error) => {
            assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
            0
        }
    };
    let text = String::from_utf8_lossy(&octets[..count]).into_owned();
    let publications = text.split("[36,1,").skip(1).map(|event| event.split(',').next());
    publications.map(|publication| publication.unwrap().to_owned()).collect()
}

#[tokio::test]
async fn statistics_wait_for_each_other() {
    let (outlet, socket) = outlet(ROOM_BYTES).await;
    assert!(!outlet.standing().is_alarmed);
    for publication in 1..=3 {
        assert_eq!(enqueue(&outlet, publication, Kind::Statistics), Enqueued::Queued);
        flush(&outlet);
    }
    assert_eq!(arrived(&socket), Vec::<String>::new());
    assert!(outlet.standing().is_alarmed);
    assert!(outlet.hurry());
    flush(&outlet);
    assert_eq!(arrived(&socket), ["1", "2", "3"]);
    assert_eq!(outlet.queued_bytes(), 0);
}

/// The task looks once more, and then sleeps until there are statistics again.
#[tokio::test]
async fn the_task_is_told_once_while_it_looks_after_statistics() {
    let (outlet, _socket) = outlet(ROOM_BYTES).await;
    let is_told = || is_woken(&outlet);
    enqueue(&outlet, 1, Kind::Statistics);
    assert!(is_told());
    enqueue(&outlet, 2, Kind::Statistics);
    assert!(!is_told());
    assert!(outlet.hurry());
    flush(&outlet);
    enqueue(&outlet, 3, Kind::Statistics);
    assert!(!is_told());
    assert!(outlet.hurry());
    flush(&outlet);
    assert!(!outlet.hurry());
    assert!(!outlet.standing().is_alarmed);
    enqueue(&outlet, 4, Kind::Statistics);
    assert!(is_told());
}

/// Whether the connection's task would wake up.
fn is_woken(outlet: &Outlet) -> bool {
    let notified = std::pin::pin!(outlet.woken.notified());
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    notified.poll(&mut context).is_ready()
}

#[tokio::test]
async fn other_messages_take_statistics_along_in_their_order() {
    let (outlet, socket) = outlet(ROOM_BYTES).await;
    enqueue(&outlet, 1, Kind::Statistics);
    assert_eq!(enqueue(&outlet, 2, Kind::Ordinary), Enqueued::Flush);
    assert_eq!(enqueue(&outlet, 3, Kind::Statistics), Enqueued::Queued);
    assert_eq!(enqueue(&outlet, 4, Kind::Ordinary), Enqueued::Queued);
    flush(&outlet);
    assert_eq!(arrived(&socket), ["1", "2", "3", "4"]);
    assert!(!outlet.hurry());
}

#[tokio::test]
async fn control_frames_take_statistics_along() {
    let (outlet, socket) = outlet(ROOM_BYTES).await;
    enqueue(&outlet, 1, Kind::Statistics);
    outlet.enqueue_control(b"pong");
    flush(&outlet);
    assert_eq!(arrived(&socket), ["1"]);
}

/// So many wait that they are written at once, and never so many that the client is cut off.
#[tokio::test]
async fn no_more_statistics_wait_than_may() {
    for (room_bytes, deferred_bytes) in [(ROOM_BYTES, DEFERRED_BYTES), (200, 100)] {
        let (outlet, socket) = outlet(room_bytes).await;
        let publications = 1..=DEFERRED_BYTES as u64;
        let mut counts = publications
            .map(|publication| (publication, enqueue(&outlet, publication, Kind::Statistics)));
        let (last, enqueued) = counts.find(|(_, fate)| *fate != Enqueued::Queued).unwrap();
        assert_eq!(enqueued, Enqueued::Flush);
        let waited_bytes = usize::try_from(outlet.queued_bytes()).unwrap();
        // With the headers, which do not count, and the last message.
        assert!(
            waited_bytes >= deferred_bytes && waited_bytes < 2 * deferred_bytes,
            "{waited_bytes}"
        );
        assert_eq!(outlet.ending(), None);
        flush(&outlet);
        assert_eq!(arrived(&socket).len() as u64, last);
    }
}
