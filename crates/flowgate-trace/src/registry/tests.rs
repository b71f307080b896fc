use std::time::Duration;

use flowgate_wire::MessageType;
use serde_json::json;

use super::*;
use crate::Position;
use crate::facts::Direction;
use crate::options::OptionsError;
use crate::record::tests::{START, at, call, call_frame, message};
use crate::record::{Outcome, Record};
use crate::store::tests::Disk;

fn options(json: &serde_json::Value) -> Result<TraceOptions, OptionsError> {
    TraceOptions::from_value(&serde_json::from_value(json.clone()).unwrap())
}

fn registry(disk: Option<Disk>) -> Registry {
    let node =
        Node { node_id: "node1".into(), worker_id: "worker1".into(), origin: START, seed: 7 };
    let open_files = disk.map(|disk| -> OpenFiles { Box::new(move || Box::new(disk.clone())) });
    Registry::new(Arc::new(Switch::new()), node, open_files)
}

/// A registry with one running trace.
fn running(json: &serde_json::Value) -> (Registry, String) {
    let mut registry = registry(Some(Disk::new(usize::MAX)));
    let id = registry.create(None, options(json).unwrap()).unwrap();
    registry.start(&id, START).unwrap();
    (registry, id)
}

fn feed(registry: &mut Registry, messages: &[MessageRecord]) {
    messages.iter().for_each(|message| registry.handle(message));
}

fn data(registry: &mut Registry, id: &str) -> Vec<Record> {
    registry.data(id, DataRange::new(0, None, Some(DATA_COUNT_MAX)).unwrap()).unwrap()
}

fn messages(records: &[Record]) -> Vec<&MessageRecord> {
    let mut found = Vec::new();
    for record in records {
        match record {
            Record::Message(message) => found.push(message),
            Record::Action(action) => panic!("{action:?}"),
        }
    }
    found
}

const SECOND: u64 = 1_000_000_000;

#[test]
fn a_trace_is_created_started_stopped_and_forgotten() {
    let mut registry = registry(None);
    let id = registry.create(None, options(&json!({"retention": 10})).unwrap()).unwrap();
    assert_eq!(id, "trace1");
    let status = |registry: &Registry| registry.info("trace1", at(0)).map(|info| info.status);
    assert_eq!(status(&registry).unwrap(), Status::Created);
    assert!(!registry.switch.is_on());
    registry.start(&id, at(0)).unwrap();
    assert!(registry.switch.is_on());
    feed(&mut registry, &call(1, 5));
    let info = registry.stop(&id, at(SECOND)).unwrap();
    assert_eq!((info.status, info.reason), (Status::Stopped, Some(StopReason::Request)));
    assert!(!registry.switch.is_on());
    feed(&mut registry, &call(2, 5));
    assert_eq!(data(&mut registry, &id).len(), 4);
    assert_eq!(registry.stop(&id, at(2 * SECOND)).unwrap().ended, Some(at(SECOND)));
    assert_eq!(registry.next_deadline(), Some(at(11 * SECOND)));
    registry.tick(at(11 * SECOND - 1));
    assert_eq!(data(&mut registry, &id).len(), 4);
    registry.tick(at(11 * SECOND));
    assert_eq!(status(&registry).unwrap_err().uri(), "crossbar.error.no_such_object");
    assert_eq!(registry.next_deadline(), None);
}

#[test]
fn a_trace_describes_itself_as_crossbar_does() {
    let (mut registry, id) = running(&json!({"duration": 5}));
    feed(&mut registry, &call(1, 5));
    let info = registry.info(&id, at(SECOND / 2)).unwrap();
    let json = serde_json::to_value(&info).unwrap();
    let keys =
        |json: &serde_json::Value| json.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    for (key, value) in [
        ("id", json!("trace1")),
        ("node_id", json!("node1")),
        ("worker_id", json!("worker1")),
        ("persistent_id", json!(null)),
        ("status", json!("running")),
        ("started", json!("2019-11-25T14:31:04.000Z".replace("14:31", "13:26"))),
        ("ended", json!(null)),
        ("runtime", json!(0.5)),
        ("next_period", json!(0)),
        ("next_seq", json!(4)),
    ] {
        assert_eq!(json[key], value, "{key} of {:?}", keys(&json));
    }
    for key in
        ["trace_level", "trace_app_payload", "batching_period", "persist", "duration", "limit"]
    {
        assert!(json["options"].get(key).is_some(), "{key}");
    }
}

#[test]
fn errors_have_the_uris_of_crossbar() {
    let mut registry = registry(None);
    let defaults = TraceOptions::default;
    let id = registry.create(Some("mine"), defaults()).unwrap();
    registry.start(&id, at(0)).unwrap();
    let persistent = options(&json!({"persist": true})).unwrap();
    let no_such_object = "crossbar.error.no_such_object";
    let invalid_configuration = "crossbar.error.invalid_configuration";
    let already_running = "crossbar.error.already_running";
    let range = |from, to, limit| DataRange::new(from, to, limit).unwrap_err();
    for (error, uri, text) in [
        (registry.start("x", at(0)).unwrap_err(), no_such_object, "there is no trace `x`"),
        (registry.stop("x", at(0)).unwrap_err(), no_such_object, "there is no trace `x`"),
        (registry.info("x", at(0)).unwrap_err(), no_such_object, "there is no trace `x`"),
        (
            registry.start("mine", at(0)).unwrap_err(),
            already_running,
            "trace `mine` was started already",
        ),
        (
            registry.create(Some("mine"), defaults()).unwrap_err(),
            already_running,
            "trace `mine` was started already",
        ),
        (
            registry.create(Some("../x/y"), defaults()).unwrap_err(),
            invalid_configuration,
            "argument `trace_id` must have 1 to 64 letters, digits, `-`, `_` or `.`",
        ),
        (
            registry.create(None, persistent).unwrap_err(),
            invalid_configuration,
            "trace option `persist`: this router has no folder for traces",
        ),
        (
            options(&json!({"limit": 0})).unwrap_err().into(),
            invalid_configuration,
            "trace option `limit`: must be from 1 to 86400",
        ),
        (
            range(5, Some(4), None),
            invalid_configuration,
            "argument `to_seq` must not be below `from_seq`",
        ),
        (
            range(0, None, Some(0)),
            invalid_configuration,
            "argument `limit` must be from 1 to 10000",
        ),
        (
            range(0, None, Some(10_001)),
            invalid_configuration,
            "argument `limit` must be from 1 to 10000",
        ),
    ] {
        assert_eq!((error.uri(), error.to_string().as_str()), (uri, text));
    }
}

#[test]
fn names_are_given_listed_and_taken_anew_after_a_stop() {
    let mut registry = registry(None);
    for expected in ["trace1", "trace2"] {
        assert_eq!(registry.create(None, TraceOptions::default()).unwrap(), expected);
    }
    registry.start("trace1", at(0)).unwrap();
    registry.stop("trace1", at(1)).unwrap();
    assert_eq!(registry.ids(WithStopped::Yes).collect::<Vec<_>>(), ["trace1", "trace2"]);
    assert_eq!(registry.ids(WithStopped::No).collect::<Vec<_>>(), ["trace2"]);
    registry.create(Some("trace1"), TraceOptions::default()).unwrap();
    assert_eq!(registry.info("trace1", at(2)).unwrap().status, Status::Created);
    for number in 3..=TRACES_COUNT_MAX {
        assert_eq!(
            registry.create(None, TraceOptions::default()).unwrap(),
            format!("trace{number}")
        );
    }
    assert!(matches!(registry.create(None, TraceOptions::default()), Err(RegistryError::TooMany)));
}

#[test]
fn ranges_select_records_by_number() {
    let (mut registry, id) = running(&json!({}));
    for number in 0..50 {
        feed(&mut registry, &call(number + 1, 0));
    }
    let mut seqs = |from, to, limit| -> Vec<u64> {
        let records = registry.data(&id, DataRange::new(from, to, limit).unwrap()).unwrap();
        records.iter().map(Record::seq).collect()
    };
    assert_eq!(seqs(0, None, None), (0..100).collect::<Vec<_>>());
    assert_eq!(seqs(198, None, None), [198, 199]);
    assert_eq!(seqs(7, Some(9), None), [7, 8, 9]);
    assert_eq!(seqs(7, Some(9), Some(2)), [7, 8]);
    assert_eq!(seqs(200, None, None), [0; 0]);
}

#[test]
fn periods_give_each_record_once_and_no_empty_batches() {
    let (mut registry, id) = running(&json!({"batching_period": 100}));
    assert!(
        matches!(&registry.take_notices()[..], [Notice::Started(started, _)] if *started == id)
    );
    assert_eq!(registry.next_deadline(), Some(at(SECOND / 10)));
    feed(&mut registry, &call(1, 5));
    registry.tick(at(SECOND / 10 - 1));
    assert_eq!(registry.take_notices(), []);
    registry.tick(at(SECOND / 10));
    let notices = registry.take_notices();
    let [Notice::Data(_, period, records)] = &notices[..] else { panic!("{notices:?}") };
    assert_eq!((period.period, period.first_seq, period.last_seq, records.len()), (0, 0, 3, 4));
    let json = serde_json::to_value(period).unwrap();
    assert_eq!(json["period_start"], "2019-11-25T13:26:04.000Z");
    assert_eq!(json["finished_ts"], at(SECOND / 10).as_nanos());
    assert_eq!(json["finished_pc"], SECOND / 10);
    registry.tick(at(SECOND / 5));
    assert_eq!(registry.take_notices(), []);
    feed(&mut registry, &call(2, 5)[..1]);
    registry.stop(&id, at(SECOND / 4)).unwrap();
    let notices = registry.take_notices();
    let [Notice::Data(_, period, _), Notice::Stopped(..)] = &notices[..] else {
        panic!("{notices:?}")
    };
    assert_eq!((period.period, period.first_seq, period.last_seq), (2, 4, 4));
}

#[test]
fn a_trace_stops_when_its_time_is_over() {
    let (mut registry, id) = running(&json!({"duration": 2, "batching_period": 10_000}));
    assert_eq!(registry.next_deadline(), Some(at(2 * SECOND)));
    registry.tick(at(2 * SECOND));
    let info = registry.info(&id, at(3 * SECOND)).unwrap();
    assert_eq!((info.status, info.reason), (Status::Stopped, Some(StopReason::Duration)));
    assert_eq!(info.runtime, Some(Duration::from_secs(2)));
}

#[test]
fn history_in_memory_is_limited_by_age_and_stays_after_the_stop() {
    let (mut registry, id) = running(&json!({"limit": 1}));
    feed(&mut registry, &call(1, 0));
    feed(&mut registry, &call(2, SECOND / 2));
    registry.tick(at(SECOND + SECOND / 4));
    assert_eq!(data(&mut registry, &id)[0].seq(), 4);
    registry.stop(&id, at(SECOND + SECOND / 3)).unwrap();
    registry.tick(at(60 * SECOND));
    assert_eq!(data(&mut registry, &id).len(), 4);
}

#[test]
fn actions_are_numbered_as_they_end_and_those_that_do_not_end_say_so() {
    let (mut registry, id) = running(&json!({"trace_level": "action", "action_timeout": 1}));
    feed(&mut registry, &call(1, 0)[..1]);
    feed(&mut registry, &call(2, 10));
    registry.tick(at(SECOND));
    feed(&mut registry, &call(3, SECOND)[..2]);
    registry.stop(&id, at(SECOND + 50)).unwrap();
    let ends: Vec<_> = data(&mut registry, &id)
        .iter()
        .map(|record| match record {
            Record::Action(action) => (action.seq, action.correlation.get(), action.outcome),
            Record::Message(message) => panic!("{message:?}"),
        })
        .collect();
    assert_eq!(ends, [(0, 2, Outcome::Ok), (1, 1, Outcome::Expired), (2, 3, Outcome::Unfinished)]);
}

#[test]
fn an_action_is_found_by_its_callee() {
    let (mut registry, id) = running(&json!({"trace_level": "action", "session": 2}));
    feed(&mut registry, &call(1, 0));
    let mut other = call(2, 0);
    other[1].who = crate::record::tests::identity(3);
    other[2].who = crate::record::tests::identity(3);
    feed(&mut registry, &other);
    let records = data(&mut registry, &id);
    assert_eq!(records.len(), 1);
    assert_eq!(records[0].correlation().unwrap().get(), 1);
}

#[test]
fn messages_wait_for_what_becomes_of_their_action() {
    let (mut registry, id) = running(&json!({"errors_only": true}));
    feed(&mut registry, &call(1, 0));
    let mut failed = call(2, 0);
    failed[3].message = MessageType::Error;
    failed[3].error = Some("com.example.error".into());
    feed(&mut registry, &failed[..3]);
    assert_eq!(data(&mut registry, &id), []);
    feed(&mut registry, &failed[3..]);
    let single = message(MessageType::Hello, Direction::Rx, 1, 0, Position::Only, 0);
    feed(&mut registry, &[single]);
    let records = data(&mut registry, &id);
    assert_eq!(records.len(), 4);
    assert!(messages(&records).iter().all(|message| message.correlation().unwrap().get() == 2));
}

#[test]
fn what_the_rate_limit_keeps_out_is_a_gap() {
    let (mut registry, id) = running(&json!({"max_rate": 3}));
    feed(&mut registry, &call(1, 0));
    feed(&mut registry, &call(2, 10));
    let mut late = call(3, SECOND);
    late[0].gap = 2;
    feed(&mut registry, &late);
    let records = data(&mut registry, &id);
    let gaps: Vec<_> = records.iter().map(|record| (record.seq(), record.gap())).collect();
    assert_eq!(gaps, [(0, 0), (1, 0), (2, 0), (3, 5 + 2), (4, 0), (5, 0)]);
    let info = registry.info(&id, at(0)).unwrap();
    assert_eq!((info.limited_count, info.missing_count), (6, 1));
}

#[test]
fn sampling_takes_whole_actions_and_all_that_belong_to_none() {
    let (mut registry, id) = running(&json!({"sample": 0.5}));
    for number in 1..=100 {
        feed(&mut registry, &call(number, 0));
    }
    let single = message(MessageType::Hello, Direction::Rx, 1, 0, Position::Only, 0);
    feed(&mut registry, &[single]);
    let records = data(&mut registry, &id);
    let count = records.len() - 1;
    assert!((120..280).contains(&count) && count.is_multiple_of(4), "{count}");
    assert!(
        records[..count]
            .chunks(4)
            .all(|four| four.iter().all(|one| one.correlation() == four[0].correlation()))
    );
}

#[test]
fn payload_is_kept_only_where_it_is_wanted_and_the_switch_knows() {
    let mut one = message(MessageType::Call, Direction::Rx, 1, 1, Position::Only, 0);
    one.frame = Some(call_frame(vec!["x".repeat(2000).into()], Vec::new()));
    let (mut registry, id) = running(&json!({}));
    assert!(!registry.switch.wants_payload());
    let kept = options(&json!({"trace_app_payload": true, "max_payload": 100})).unwrap();
    let other = registry.create(None, kept).unwrap();
    registry.start(&other, at(0)).unwrap();
    assert!(registry.switch.wants_payload());
    feed(&mut registry, &[one]);
    let (without, with) = (data(&mut registry, &id), data(&mut registry, &other));
    assert_eq!(messages(&without)[0].frame, None);
    let message = messages(&with)[0];
    assert!(message.truncated_bytes.is_some_and(|bytes| bytes > 2000));
    assert!(message.frame.as_ref().unwrap().bytes.len() < 200);
    registry.stop(&other, at(1)).unwrap();
    assert!(registry.switch.is_on() && !registry.switch.wants_payload());
    assert_eq!(registry.action(Correlation::new(1).unwrap()).len(), 2);
    assert_eq!(registry.action(Correlation::new(2).unwrap()).len(), 0);
}

#[test]
fn a_persistent_trace_is_read_from_its_files_when_memory_has_forgotten() {
    let disk = Disk::new(usize::MAX);
    let mut registry = registry(Some(disk.clone()));
    let options = options(&json!({"persist": true, "limit": 1, "batching_period": 100})).unwrap();
    let id = registry.create(None, options).unwrap();
    let info = registry.start(&id, START).unwrap();
    let persistent_id = info.persistent_id.unwrap();
    for second in 0..5 {
        feed(&mut registry, &call(u128::from(second) + 1, second * SECOND));
        registry.tick(at(second * SECOND + SECOND / 2));
    }
    let seqs: Vec<_> = data(&mut registry, &id).iter().map(Record::seq).collect();
    assert_eq!(seqs, (0..20).collect::<Vec<_>>());
    registry.stop(&id, at(5 * SECOND)).unwrap();
    let limits = SegmentsLimits::default();
    let mut segments = Segments::recover(Box::new(disk), persistent_id, limits).unwrap();
    assert_eq!(segments.about().get("id").and_then(Value::as_str), Some("trace1"));
    assert_eq!(segments.read(0, u64::MAX, 100).unwrap().len(), 20);
}

#[test]
fn a_persistent_trace_outlives_its_process_until_its_retention_is_over() {
    let disk = Disk::new(usize::MAX);
    let persistent = options(&json!({"persist": true, "retention": 10, "sample": 0.5})).unwrap();
    let mut before = registry(Some(disk.clone()));
    let id = before.create(Some("mine"), persistent.clone()).unwrap();
    before.start(&id, START).unwrap();
    // Half of all actions: as many as are needed for one.
    (1..20).for_each(|number| feed(&mut before, &call(number, 0)));
    before.tick(at(SECOND));
    let records = data(&mut before, &id);
    assert!(!records.is_empty());
    drop(before);

    let mut after = registry(Some(disk.clone()));
    assert_eq!(after.recover(at(2 * SECOND)).unwrap(), ["mine"]);
    assert_eq!(data(&mut after, "mine"), records);
    let info = after.info("mine", at(2 * SECOND)).unwrap();
    assert_eq!((info.status, info.reason), (Status::Stopped, Some(StopReason::Restart)));
    assert_eq!(info.next_seq, records.len() as u64);
    assert_eq!(info.options, persistent.to_value());
    assert_eq!(
        after.next_deadline(),
        records.iter().map(|record| record.at().after(Duration::from_secs(10))).max()
    );
    after.tick(at(11 * SECOND));
    assert_eq!(after.ids(WithStopped::Yes).count(), 0);
    assert_eq!(disk.list(), [""; 0]);
}

#[test]
fn a_trace_that_is_replaced_takes_its_files_along() {
    let disk = Disk::new(usize::MAX);
    let mut registry = registry(Some(disk.clone()));
    let persistent = options(&json!({"persist": true, "batching_period": 100})).unwrap();
    for round in 1..=2 {
        registry.create(Some("mine"), persistent.clone()).unwrap();
        registry.start("mine", START).unwrap();
        feed(&mut registry, &call(round, 0));
        registry.stop("mine", at(SECOND)).unwrap();
        assert_eq!(disk.list().len(), 1);
    }
}

#[test]
fn a_trace_in_files_with_a_name_that_is_taken_is_found_by_its_identifier() {
    let disk = Disk::new(usize::MAX);
    let mut first = registry(Some(disk.clone()));
    let (id, _) = persisted(&mut first);
    let mut second = registry(Some(disk.clone()));
    second.create(Some(&id), TraceOptions::default()).unwrap();
    let recovered = second.recover(at(SECOND)).unwrap();
    let info = second.info(&recovered[0], at(SECOND)).unwrap();
    assert_eq!(info.persistent_id.as_deref(), Some(&*recovered[0]));
}

/// A stopped trace with one call in its files, and its persistent identifier.
fn persisted(registry: &mut Registry) -> (String, String) {
    let persistent = options(&json!({"persist": true})).unwrap();
    let id = registry.create(None, persistent).unwrap();
    registry.start(&id, START).unwrap();
    feed(registry, &call(1, 0));
    let info = registry.stop(&id, at(SECOND)).unwrap();
    (id, info.persistent_id.unwrap())
}

#[test]
fn a_full_disk_stops_the_trace_with_a_reason_and_keeps_the_data() {
    let mut registry = registry(Some(Disk::new(1500)));
    let persistent = options(&json!({"persist": true, "batching_period": 100})).unwrap();
    let id = registry.create(None, persistent).unwrap();
    registry.start(&id, START).unwrap();
    feed(&mut registry, &call(1, 0));
    registry.tick(at(SECOND / 10));
    let info = registry.info(&id, at(SECOND)).unwrap();
    assert_eq!((info.status, info.reason), (Status::Stopped, Some(StopReason::DiskFull)));
    assert!(!registry.switch.is_on());
    assert_eq!(data(&mut registry, &id).len(), 4);
    let stopped = registry.take_notices().pop();
    assert!(
        matches!(stopped, Some(Notice::Stopped(_, info)) if info.reason == Some(StopReason::DiskFull))
    );
}

/// The numbers of the records on each page of what is asked for.
fn pages(registry: &mut Registry, id: &str, mut query: Query) -> Vec<Vec<u64>> {
    let mut pages = Vec::new();
    loop {
        let page = registry.query(id, &query).unwrap();
        assert!(page.next_seq > query.from_seq || !page.has_more, "it goes on");
        pages.push(page.records.iter().map(Record::seq).collect());
        if !page.has_more {
            return pages;
        }
        query.from_seq = page.next_seq;
    }
}

#[test]
fn queries_select_by_time_action_and_filter_in_pages() {
    let (mut registry, id) = running(&json!({}));
    for number in 1..=3 {
        feed(&mut registry, &call(number, 5));
    }
    let all = data(&mut registry, &id);
    let first = all.first().unwrap();
    let of = |query| pages(&mut registry, &id, query);
    let mut of = of;
    assert_eq!(of(Query::default()), [(0..12).collect::<Vec<_>>()]);
    let limit = Some(5);
    assert_eq!(
        of(Query { limit, ..Query::default() }),
        [vec![0, 1, 2, 3, 4], vec![5, 6, 7, 8, 9], vec![10, 11]]
    );
    let (from_seq, to_seq) = (3, Some(5));
    assert_eq!(of(Query { from_seq, to_seq, ..Query::default() }), [[3, 4, 5]]);
    let correlation = first.correlation();
    assert_eq!(of(Query { correlation, ..Query::default() }), [[0, 1, 2, 3]]);
    let to = Some(first.at());
    let before: Vec<_> = all.iter().filter(|record| record.at() <= first.at()).collect();
    assert_eq!(of(Query { to, ..Query::default() }).concat().len(), before.len());
    let from = Some(first.at().after(Duration::from_nanos(1)));
    let after = of(Query { from, ..Query::default() }).concat();
    assert_eq!(after.len() + before.len(), all.len());
    let filter = options(&json!({"msg_type": "Yield"})).unwrap().filter;
    assert_eq!(of(Query { filter, ..Query::default() }).concat(), [2, 6, 10]);
    let (from_seq, to_seq) = (5, Some(4));
    let wrong = registry.query(&id, &Query { from_seq, to_seq, ..Query::default() });
    assert!(wrong.unwrap_err().to_string().contains("`to_seq`"));
    let wrong = registry.query(&id, &Query { from, to, ..Query::default() }).unwrap_err();
    assert_eq!(wrong.to_string(), "argument `to` must not be below `from`");
    for limit in [0, DATA_COUNT_MAX + 1] {
        let query = Query { limit: Some(limit), ..Query::default() };
        assert!(registry.query(&id, &query).unwrap_err().to_string().contains("`limit`"));
    }
    assert_eq!(
        registry.query("nope", &Query::default()).unwrap_err().uri(),
        "crossbar.error.no_such_object"
    );
}

#[test]
fn a_query_looks_at_a_bounded_number_of_records_and_goes_on_after_what_is_forgotten() {
    let (mut registry, id) = running(&json!({"limit": 1, "max_rate": 1_000_000}));
    for number in 1..=SCAN_COUNT_MAX as u128 / 4 + 1 {
        feed(&mut registry, &call(number, 5));
    }
    let filter = options(&json!({"uri": "nowhere"})).unwrap().filter;
    let page = registry.query(&id, &Query { filter, ..Query::default() }).unwrap();
    assert_eq!((page.records.len(), page.has_more), (0, true));
    assert_eq!(page.next_seq, SCAN_COUNT_MAX as u64);
    registry.tick(at(100 * SECOND));
    let page = registry.query(&id, &Query::default()).unwrap();
    assert_eq!((page.records.len(), page.has_more), (0, false));
    assert_eq!(page.next_seq, SCAN_COUNT_MAX as u64 + 4);
}

#[test]
fn actions_are_asked_for_by_whoever_took_part() {
    let (mut registry, id) = running(&json!({"trace_level": "action"}));
    feed(&mut registry, &call(1, 5));
    let action = data(&mut registry, &id).remove(0);
    let Record::Action(action) = action else { panic!("{action:?}") };
    let callee = action.responders[0].who.session.unwrap().get();
    for (filter, is_taken) in [
        (json!({"session": callee}), true),
        (json!({"session": 9_999_999}), false),
        (json!({"errors_only": true}), false),
        (json!({"min_duration_ms": 3_600_000}), false),
        (json!({"msg_type": "Call"}), true),
        (json!({"msg_type": "Publish"}), false),
        (json!({"uri": action.uri.as_deref().unwrap()}), true),
        (json!({"uri": "com.other"}), false),
    ] {
        let query = Query { filter: options(&filter).unwrap().filter, ..Query::default() };
        let found = registry.query(&id, &query).unwrap().records;
        assert_eq!(found.len(), usize::from(is_taken), "{filter}");
    }
}

#[test]
fn readers_without_the_right_get_no_payload() {
    let (mut registry, id) = running(&json!({"trace_app_payload": true}));
    let [mut message, ..] = call(1, 5);
    message.frame = Some(call_frame(vec![Value::from(1_u64)], Vec::new()));
    registry.handle(&message);
    let mut record = data(&mut registry, &id).remove(0);
    assert!(serde_json::to_value(&record).unwrap().get("msg").is_some());
    record.drop_payload();
    assert!(serde_json::to_value(&record).unwrap().get("msg").is_none());
    assert_eq!(record.realm(), "realm1");
}

#[test]
fn totals_outlive_the_traces_but_not_what_these_take() {
    let mut registry = registry(Some(Disk::new(usize::MAX)));
    assert_eq!(registry.totals(), Totals::default());
    let first = options(&json!({"persist": true, "max_rate": 3, "retention": 10})).unwrap();
    let id = registry.create(None, first.clone()).unwrap();
    registry.start(&id, START).unwrap();
    feed(&mut registry, &call(1, 5));
    registry.stop(&id, at(SECOND)).unwrap();
    let totals = registry.totals();
    assert_eq!((totals.records_count, totals.limited_count), (3, 1));
    assert!(totals.memory_bytes > 0 && totals.file_bytes > 0, "{totals:?}");
    // Another takes its name, and is forgotten in turn.
    registry.create(Some(&id), first).unwrap();
    registry.start(&id, at(SECOND)).unwrap();
    feed(&mut registry, &call(2, 2 * SECOND)[..2]);
    registry.stop(&id, at(3 * SECOND)).unwrap();
    assert_eq!(registry.totals().records_count, 5);
    registry.tick(at(13 * SECOND));
    let left = Totals { records_count: 5, limited_count: 1, ..Totals::default() };
    assert_eq!(registry.totals(), left);
}
