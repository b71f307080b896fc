use std::fs;

use flowgate_event::Timestamp;
use flowgate_router::{
    Action, CallSettings, ClientFeatures, EventStore, EventsConfig, HistoryConfig, Input, Join,
    MetaApi, Outbox, Permissions, Realm, RealmConfig, RequestIds, Role, SessionKey,
};
use flowgate_wire::{Dict, MatchPolicy, Payload, Publish, RequestId, UriCheck, Value};

use super::*;

/// Keeps what a realm appends.
struct Kept(std::sync::mpsc::Sender<Arc<EventRecord>>);

impl EventStore for Kept {
    fn append(&mut self, _history: HistoryKey, record: &Arc<EventRecord>) {
        self.0.send(Arc::clone(record)).unwrap();
    }
}

struct Nobody;

impl Outbox for Nobody {
    fn push(&mut self, _action: Action<'_>) {}
}

/// Records as a realm makes them, with the numbers 0 and on as payloads.
fn records(count: u64) -> Vec<Arc<EventRecord>> {
    let (kept, records) = std::sync::mpsc::channel();
    let (pattern, policy, records_before) = (String::new(), MatchPolicy::Prefix, Vec::new());
    let events = EventsConfig {
        histories: vec![HistoryConfig { pattern, policy, limit: 1, records: records_before }],
        store: Some(Box::new(Kept(kept))),
        ..EventsConfig::default()
    };
    let role = Role {
        name: "user".to_owned(),
        gate: Box::new(Permissions::allow_all(Default::default())),
        trustlevel: None,
    };
    let config = RealmConfig {
        name: "realm1".to_owned(),
        uri_check: UriCheck::Loose,
        meta_api: MetaApi::Disabled,
        served: Vec::new(),
        request_ids: RequestIds::Tolerant,
        calls: CallSettings::default(),
        roles: vec![role],
        agent: "test".to_owned(),
        events,
    };
    let mut realm = Realm::new(config, 1, ());
    let session = SessionKey(0);
    let join = Join {
        session,
        authid: None,
        authrole: "user".to_owned(),
        authmethod: "anonymous",
        authprovider: "static",
        features: ClientFeatures::default(),
        serializer: "json",
        transport: Value::Null,
    };
    realm.handle(Timestamp::EPOCH, Input::Join(join), &mut Nobody);
    for number in 0..count {
        let payload = [Value::from(number)];
        let message = Publish {
            request: RequestId::MIN,
            options: Dict::EMPTY,
            topic: "com.a".into(),
            payload: Payload::from_values(&payload, &[]),
        };
        let message = &message.into();
        realm.handle(Timestamp::EPOCH, Input::Message { session, message }, &mut Nobody);
    }
    records.try_iter().collect()
}

fn rule(uri: &str, limit: usize) -> HistoryRule {
    HistoryRule { uri: uri.to_owned(), match_policy: MatchPolicy::Exact, limit }
}

/// The records of each history as octets.
fn octets(records: &[Vec<Arc<EventRecord>>]) -> Vec<Vec<Vec<u8>>> {
    let of_history =
        |records: &Vec<Arc<EventRecord>>| records.iter().map(|record| record.to_bytes()).collect();
    records.iter().map(of_history).collect()
}

fn scratch(name: &str) -> std::path::PathBuf {
    let directory = std::env::temp_dir().join(format!("flowgate-{}-{name}", std::process::id()));
    fs::create_dir_all(&directory).unwrap();
    directory
}

#[test]
fn histories_are_found_again_within_their_limits_and_whatever_their_order() {
    let directory = scratch("order");
    let path = directory.join("events.redb");
    let records = records(5);
    let (mut file, restored) = HistoryFile::open(&path, &[rule("a", 3), rule("b", 9)]).unwrap();
    assert_eq!(octets(&restored.records), [vec![], vec![]] as [Vec<Vec<u8>>; 2]);
    let append = |key, record: &Arc<EventRecord>| (HistoryKey(key), Arc::clone(record));
    file.append(&[append(0, &records[0]), append(1, &records[0]), append(0, &records[1])]).unwrap();
    file.append(&[append(0, &records[2]), append(0, &records[3]), append(1, &records[4])]).unwrap();
    drop(file);
    let (file, restored) = HistoryFile::open(&path, &[rule("b", 9), rule("a", 3)]).unwrap();
    let expected =
        octets(&[vec![Arc::clone(&records[0]), Arc::clone(&records[4])], records[1..4].to_vec()]);
    assert_eq!((octets(&restored.records), restored.damaged_count), (expected, 0));
    drop(file);
    let (file, restored) = HistoryFile::open(&path, &[rule("a", 1)]).unwrap();
    assert_eq!(octets(&restored.records), octets(&[records[3..4].to_vec()]));
    drop(file);
    let (mut file, restored) = HistoryFile::open(&path, &[rule("a", 9)]).unwrap();
    assert_eq!(restored.records[0].len(), 1, "what was beyond a limit is gone");
    file.append(&[append(0, &records[4])]).unwrap();
    drop(file);
    let (_, restored) = HistoryFile::open(&path, &[rule("a", 9)]).unwrap();
    assert_eq!(octets(&restored.records), octets(&[records[3..5].to_vec()]));
    fs::remove_dir_all(directory).unwrap();
}

#[test]
fn a_file_that_is_none_of_ours_is_refused_and_left_alone() {
    let directory = scratch("foreign");
    let path = directory.join("events.redb");
    fs::write(&path, "notes, and no database ".repeat(1000)).unwrap();
    let before = fs::read(&path).unwrap();
    let error = HistoryFile::open(&path, &[rule("a", 1)]).map(drop).unwrap_err();
    assert!(matches!(error, FileError::Database(_)), "{error}");
    assert_eq!(fs::read(&path).unwrap(), before);
    fs::remove_dir_all(directory).unwrap();
}

#[test]
fn a_file_of_another_version_is_refused_and_damaged_records_are_counted() {
    let directory = scratch("version");
    let path = directory.join("events.redb");
    let (mut file, _) = HistoryFile::open(&path, &[rule("a", 9)]).unwrap();
    file.append(&[(HistoryKey(0), Arc::clone(&records(1)[0]))]).unwrap();
    let transaction = file.database.begin_write().unwrap();
    transaction.open_table(EVENTS).unwrap().insert(("exact:a", 7), [0, 1, 2].as_slice()).unwrap();
    transaction.commit().unwrap();
    drop(file);
    let (file, restored) = HistoryFile::open(&path, &[rule("a", 9)]).unwrap();
    assert_eq!((restored.records[0].len(), restored.damaged_count), (1, 1));
    let transaction = file.database.begin_write().unwrap();
    transaction.open_table(ABOUT).unwrap().insert(RECORD_VERSION, 999).unwrap();
    transaction.commit().unwrap();
    drop(file);
    let error = HistoryFile::open(&path, &[rule("a", 9)]).map(drop).unwrap_err();
    assert!(matches!(error, FileError::Version { found: 999 }), "{error}");
    fs::remove_dir_all(directory).unwrap();
}
