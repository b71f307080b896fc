use std::collections::BTreeMap;
use std::sync::Arc;

use flowgate_event::Correlation;
use flowgate_wire::MessageType;
use proptest::prelude::*;

use super::*;
use crate::facts::{Direction, Facts};
use crate::options::TraceOptions;
use crate::record::Record;
use crate::record::tests::{START, at, identity};
use crate::recorder::{Recorded, Recorder};
use crate::registry::{DATA_COUNT_MAX, DataRange, Node};
use crate::switch::Switch;
use crate::{Position, Step};

fn started() -> (Registry, Arc<Switch>, String) {
    let switch = Arc::new(Switch::new());
    let node = Node { node_id: String::new(), worker_id: String::new(), origin: START, seed: 1 };
    let mut registry = Registry::new(Arc::clone(&switch), node, None);
    let id = registry.create(None, TraceOptions::default()).unwrap();
    registry.start(&id, START).unwrap();
    (registry, switch, id)
}

fn record(recorder: &mut Recorder, ns: u64) -> Recorded {
    let who = identity(1);
    let mut facts = Facts::new(at(ns), Direction::Rx, MessageType::Publish, &who);
    let correlation = Correlation::new(u128::from(ns) + 1).unwrap();
    facts.step = Some(Step {
        correlation,
        uri: Some("com.example"),
        position: Position::Only,
        context: None,
    });
    recorder.record(&facts)
}

fn moments(registry: &mut Registry, id: &str) -> Vec<u64> {
    let range = DataRange::new(0, None, Some(DATA_COUNT_MAX)).unwrap();
    let records = registry.data(id, range).unwrap();
    records.iter().map(|record| record.at().as_nanos() - START.as_nanos()).collect()
}

#[test]
fn records_of_several_workers_are_put_in_the_order_of_time() {
    let (mut registry, switch, id) = started();
    let mut collector = Collector::new(Duration::from_nanos(100));
    let (mut one, tap) = Recorder::new(Arc::clone(&switch), 8, START);
    collector.add(tap);
    let (mut two, tap) = Recorder::new(switch, 8, START);
    collector.add(tap);
    record(&mut two, 10);
    record(&mut two, 90);
    collector.collect(at(120), &mut registry);
    assert_eq!(moments(&mut registry, &id), [10]);
    // The first worker was slower, but not too slow.
    record(&mut one, 50);
    collector.collect(at(190), &mut registry);
    assert_eq!(moments(&mut registry, &id), [10, 50, 90]);
    record(&mut one, 195);
    collector.flush(&mut registry);
    assert_eq!(moments(&mut registry, &id), [10, 50, 90, 195]);
}

#[test]
fn the_ring_of_a_worker_that_is_gone_is_emptied_and_its_losses_stay_counted() {
    let (mut registry, switch, id) = started();
    let mut collector = Collector::new(Duration::ZERO);
    let (mut recorder, tap) = Recorder::new(switch, 1, START);
    collector.add(tap);
    assert_eq!(record(&mut recorder, 1), Recorded::Yes);
    assert_eq!(record(&mut recorder, 2), Recorded::Dropped);
    drop(recorder);
    assert_eq!(collector.dropped_count(), 1);
    collector.collect(at(10), &mut registry);
    assert_eq!((collector.taps.len(), collector.dropped_count()), (0, 1));
    assert_eq!(moments(&mut registry, &id), [1]);
}

proptest! {
    /// Whatever is lost on the way, the trace knows: records, gaps in front of them, and what was
    /// dropped after the last record of each worker add up to what was offered.
    #[test]
    fn records_and_gaps_add_up(
        steps in prop::collection::vec(prop::option::weighted(0.9, 0_usize..3), 0..150),
        capacity_count in 1_usize..5,
    ) {
        let (mut registry, switch, id) = started();
        let mut collector = Collector::new(Duration::ZERO);
        let mut recorders: Vec<_> = (0..3).map(|_| {
            let (recorder, tap) = Recorder::new(Arc::clone(&switch), capacity_count, START);
            collector.add(tap);
            recorder
        }).collect();
        let mut after_last: BTreeMap<usize, u64> = BTreeMap::new();
        let mut offered = 0;
        for (ns, step) in (0..).zip(steps) {
            match step {
                Some(worker) => {
                    offered += 1;
                    match record(&mut recorders[worker], ns) {
                        Recorded::Dropped => *after_last.entry(worker).or_default() += 1,
                        Recorded::Yes | Recorded::Unwanted => drop(after_last.remove(&worker)),
                    }
                }
                None => collector.collect(at(ns), &mut registry),
            }
        }
        collector.flush(&mut registry);
        let range = DataRange::new(0, None, Some(DATA_COUNT_MAX)).unwrap();
        let records = registry.data(&id, range).unwrap();
        let gaps: u64 = records.iter().map(Record::gap).sum();
        prop_assert_eq!(records.len() as u64 + gaps + after_last.values().sum::<u64>(), offered);
        prop_assert_eq!(gaps + after_last.values().sum::<u64>(), collector.dropped_count());
        prop_assert!(records.is_sorted_by_key(Record::seq));
    }
}

#[test]
fn a_trace_whose_duration_is_over_has_all_that_belongs_to_it_and_nothing_else() {
    let switch = Arc::new(Switch::new());
    let node = Node { node_id: String::new(), worker_id: String::new(), origin: START, seed: 1 };
    let settle = Duration::from_nanos(100);
    let mut registry = Registry::new(Arc::clone(&switch), node, None).with_delay(settle);
    let end = Duration::from_secs(1);
    let id = registry.create(None, TraceOptions { duration: end, ..Default::default() }).unwrap();
    registry.start(&id, START).unwrap();
    let mut collector = Collector::new(settle);
    let (mut recorder, tap) = Recorder::new(switch, 8, START);
    collector.add(tap);
    let second = 1_000_000_000;
    let mut pass = |registry: &mut Registry, ns| {
        collector.collect(at(ns), registry);
        registry.tick(at(ns));
        registry.info(&id, at(ns)).unwrap()
    };
    record(&mut recorder, second - 1);
    record(&mut recorder, second + 1);
    assert_eq!(pass(&mut registry, second).ended, None, "what came last has not settled");
    assert_eq!(registry.next_deadline(), Some(at(second + 100)));
    let info = pass(&mut registry, second + 500);
    assert_eq!((info.ended, info.runtime), (Some(at(second)), Some(end)));
    assert_eq!(moments(&mut registry, &id), [second - 1]);
}
