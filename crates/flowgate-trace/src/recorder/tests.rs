use std::collections::VecDeque;

use bytes::Bytes;
use flowgate_event::Correlation;
use flowgate_wire::Format;
use proptest::prelude::*;

use super::*;
use crate::facts::Direction;
use crate::record::tests::{START, at, identity};
use crate::sampling::Sampling;
use crate::{Position, Step};

fn recorder(capacity_count: usize, depth: Depth) -> (Recorder, Tap) {
    let switch = Arc::new(Switch::new());
    switch.set(depth, Sampling::ALL);
    Recorder::new(switch, capacity_count, START)
}

#[test]
fn nothing_is_recorded_while_the_switch_is_off() {
    let switch = Arc::new(Switch::new());
    let (mut recorder, mut tap) = Recorder::new(Arc::clone(&switch), 8, START);
    let who = identity(1);
    let facts = Facts::new(at(1), Direction::Rx, MessageType::Call, &who);
    assert!(!recorder.is_on());
    assert_eq!(recorder.record(&facts), Recorded::Unwanted);
    switch.set(Depth::Envelope, Sampling::ALL);
    assert!(recorder.is_on());
    assert_eq!(recorder.record(&facts), Recorded::Yes);
    assert_eq!(tap.pop().unwrap().pc_ns, 1);
    assert!(tap.pop().is_none());
}

#[test]
fn payload_is_shared_and_kept_only_where_a_trace_wants_it() {
    let bytes = Bytes::from(b"[48,1,{},\"a\"]".to_vec());
    let who = identity(1);
    let mut facts = Facts::new(at(1), Direction::Rx, MessageType::Call, &who);
    facts.frame = Some((Format::Json, &bytes));
    let (mut without, mut tap) = recorder(8, Depth::Envelope);
    without.record(&facts);
    assert_eq!(tap.pop().unwrap().frame, None);
    let (mut with, mut tap) = recorder(8, Depth::Payload);
    with.record(&facts);
    let frame = tap.pop().unwrap().frame.unwrap();
    assert_eq!(frame.bytes.as_ptr(), bytes.as_ptr());
}

#[test]
fn signatures_and_challenges_are_never_kept() {
    let bytes = Bytes::from(b"[5,\"secret\",{}]".to_vec());
    let who = identity(1);
    for message in [MessageType::Authenticate, MessageType::Challenge] {
        let mut facts = Facts::new(at(1), Direction::Rx, message, &who);
        facts.frame = Some((Format::Json, &bytes));
        let (mut recorder, mut tap) = recorder(8, Depth::Payload);
        assert_eq!(recorder.record(&facts), Recorded::Yes);
        assert_eq!(tap.pop().unwrap().frame, None);
    }
}

#[test]
fn uris_are_shared_and_do_not_pile_up() {
    let (mut recorder, mut tap) = recorder(8, Depth::Envelope);
    let who = identity(1);
    let mut record = |uri: &str| {
        let mut facts = Facts::new(at(1), Direction::Rx, MessageType::Call, &who);
        let correlation = Correlation::new(1).unwrap();
        facts.step =
            Some(Step { correlation, uri: Some(uri), position: Position::Only, context: None });
        recorder.record(&facts);
        let step = tap.pop().unwrap().step.unwrap();
        assert_eq!(step.uri.as_deref(), Some(uri));
        (step.uri.unwrap(), recorder.names.names.len())
    };
    assert!(Arc::ptr_eq(&record("com.a").0, &record("com.a").0));
    let most = (0..2 * NAMES_COUNT_MAX).map(|number| record(&format!("com.{number}")).1).max();
    assert_eq!(most, Some(NAMES_COUNT_MAX));
}

#[test]
fn actions_outside_of_every_sample_are_not_recorded() {
    let (mut recorder, _tap) = recorder(2048, Depth::Envelope);
    let sampling = Sampling::new(0.25).unwrap();
    recorder.switch.set(Depth::Envelope, sampling);
    let who = identity(1);
    for bits in 1..=1000 {
        let correlation = Correlation::new(bits).unwrap();
        let mut facts = Facts::new(at(1), Direction::Rx, MessageType::Call, &who);
        facts.step = Some(Step { correlation, uri: None, position: Position::Only, context: None });
        let wanted = if sampling.takes(correlation) { Recorded::Yes } else { Recorded::Unwanted };
        assert_eq!(recorder.record(&facts), wanted);
    }
}

proptest! {
    /// However writing and reading alternate: what comes out is what went in, in order, with the
    /// exact number of the missing in front of each.
    #[test]
    fn drops_are_counted_exactly_where_they_happen(
        steps in prop::collection::vec(any::<bool>(), 0..200),
        capacity_count in 1_usize..6,
    ) {
        let (mut recorder, mut tap) = recorder(capacity_count, Depth::Envelope);
        let who = identity(1);
        let mut model: VecDeque<(u64, u64)> = VecDeque::new();
        let (mut number, mut gap, mut dropped) = (0, 0, 0);
        for is_write in steps {
            if is_write {
                number += 1;
                let facts = Facts::new(at(number), Direction::Rx, MessageType::Call, &who);
                let recorded = recorder.record(&facts);
                if model.len() < capacity_count {
                    prop_assert_eq!(recorded, Recorded::Yes);
                    model.push_back((number, gap));
                    gap = 0;
                } else {
                    prop_assert_eq!(recorded, Recorded::Dropped);
                    gap += 1;
                    dropped += 1;
                }
            } else {
                let read = tap.pop().map(|record| (record.pc_ns, record.gap));
                prop_assert_eq!(read, model.pop_front());
            }
        }
        prop_assert_eq!(tap.dropped_count(), dropped);
    }
}
