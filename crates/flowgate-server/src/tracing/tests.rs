use flowgate_trace::{
    Direction, Facts, Identity, Position, Recorded, RegistryError, Step, StopReason,
};
use flowgate_wire::{MessageType, SessionId};
use serde_json::json;

use super::*;
use crate::config::{AdminTracing, TraceGrant, TracedRealms};

/// Traces of a router, and a worker that records.
pub(super) struct Rig {
    pub(super) tracing: Tracing,
    thread: Option<TracingThread>,
    clock: Clock,
    recorder: Option<Recorder>,
}

pub(super) fn config() -> TracingConfig {
    let grant = |role: &str, traced, payload| TraceGrant {
        realm: "realm1".to_owned(),
        role: role.to_owned(),
        traced,
        payload,
    };
    TracingConfig {
        admin: AdminTracing::Payload,
        grants: vec![
            grant("root", TracedRealms::All, true),
            grant("guest", TracedRealms::Only(vec!["realm1".to_owned()]), false),
        ],
        ..TracingConfig::default()
    }
}

impl Rig {
    pub(super) fn new(config: TracingConfig) -> Self {
        let clock = Clock::start();
        let (tracing, thread) = Tracing::start(config, clock, Arc::default()).unwrap();
        Self { tracing, thread: Some(thread), clock, recorder: None }
    }

    pub(super) fn rights(&self, role: &str) -> Rights {
        self.tracing.rights_of_role("realm1", role, role.to_owned())
    }

    pub(super) async fn start(
        &self,
        id: &str,
        options: serde_json::Value,
    ) -> Result<Info, TraceError> {
        self.start_as("root", id, options).await
    }

    pub(super) async fn start_as(
        &self,
        role: &str,
        id: &str,
        options: serde_json::Value,
    ) -> Result<Info, TraceError> {
        let options = serde_json::from_value(options).unwrap();
        self.tracing.start_trace(&self.rights(role), Some(id.to_owned()), &options).await
    }

    /// An unacknowledged publication, in a realm.
    pub(super) fn publish(&mut self, realm: &str, correlation: u128) -> Recorded {
        let who = Identity {
            realm: realm.into(),
            session: SessionId::new(7).ok(),
            ..Identity::default()
        };
        let who = Arc::new(who);
        let mut facts = Facts::new(self.clock.now(), Direction::Rx, MessageType::Publish, &who);
        facts.step = Some(Step {
            correlation: Correlation::new(correlation).unwrap(),
            uri: Some("com.example.topic"),
            position: Position::Only,
            context: None,
        });
        let octets = Bytes::from_static(b"[16,1,{},\"com.example.topic\",[\"secret\"]]");
        facts.frame = Some((flowgate_wire::Format::Json, &octets));
        let tracing = &self.tracing;
        let recorder = self.recorder.get_or_insert_with(|| tracing.recorder().unwrap());
        recorder.record(&facts)
    }

    pub(super) async fn records(&self, role: &str, id: &str) -> Vec<serde_json::Value> {
        let wait = Duration::from_secs(20);
        let asked = self.tracing.query(&self.rights(role), id, Query::default(), wait).await;
        asked
            .unwrap()
            .0
            .records
            .iter()
            .map(|record| serde_json::to_value(record).unwrap())
            .collect()
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        if let Some(thread) = self.thread.take() {
            thread.stop();
        }
    }
}

fn folder(name: &str) -> std::path::PathBuf {
    let path = std::env::temp_dir().join(format!("flowgate-{name}-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&path);
    path
}

#[tokio::test]
async fn what_a_worker_records_is_in_the_trace_and_is_told_of() {
    let mut rig = Rig::new(config());
    let mut notices = rig.tracing.notices();
    assert!(!rig.tracing.switch().is_on());
    let info = rig.start("mine", json!({"batching_period": 10})).await.unwrap();
    assert_eq!(info.id, "mine");
    assert!(rig.tracing.switch().is_on());
    assert_eq!(rig.publish("realm1", 1), Recorded::Yes);
    let records = rig.records("root", "mine").await;
    assert_eq!(records.len(), 1);
    assert_eq!(records[0]["msg_type"], "Publish");
    let stopped = rig.tracing.stop_trace(&rig.rights("root"), "mine".to_owned()).await.unwrap();
    assert_eq!(stopped.reason, Some(StopReason::Request));
    assert!(!rig.tracing.switch().is_on());
    let mut heard = Vec::new();
    while let Ok(notice) = notices.try_recv() {
        heard.push(match &*notice {
            Notice::Started(id, _) => format!("started {id}"),
            Notice::Data(id, _, records) => format!("data {id} {}", records.len()),
            Notice::Stopped(id, _) => format!("stopped {id}"),
        });
    }
    assert_eq!(heard, ["started mine", "data mine 1", "stopped mine"]);
}

#[tokio::test]
async fn a_query_that_waits_ends_when_the_trace_stops_and_when_its_time_is_over() {
    let rig = Rig::new(config());
    rig.start("mine", json!({})).await.unwrap();
    let rights = rig.rights("root");
    let asked =
        |ms| rig.tracing.query(&rights, "mine", Query::default(), Duration::from_millis(ms));
    let (page, info) = asked(20).await.unwrap();
    assert_eq!((page.records.len(), info.status), (0, Status::Running));
    let stop = rig.tracing.stop_trace(&rights, "mine".to_owned());
    let (asked, stopped) = tokio::join!(asked(60_000), stop);
    stopped.unwrap();
    assert_eq!(asked.unwrap().1.status, Status::Stopped);
}

#[tokio::test]
async fn rights_bound_what_is_traced_and_what_is_seen() {
    let mut rig = Rig::new(config());
    let denied = |result: Result<Info, TraceError>| match result {
        Err(error @ TraceError::Denied { option }) => {
            assert_eq!(error.uri(), "wamp.error.not_authorized");
            option.unwrap_or("nothing at all")
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(denied(rig.start_as("stranger", "a", json!({})).await), "nothing at all");
    assert_eq!(denied(rig.start_as("guest", "a", json!({"realm": "realm2"})).await), "realm");
    let payload = json!({"trace_app_payload": true});
    assert_eq!(denied(rig.start_as("guest", "a", payload.clone()).await), "trace_app_payload");
    let mine = rig.start_as("guest", "guests", json!({})).await.unwrap();
    let realms = mine.options.get("realm").and_then(Value::as_list).map(<[_]>::len);
    assert_eq!(realms, Some(1), "confined to what may be traced");
    rig.start("all", payload).await.unwrap();
    rig.start("other", json!({"realm": "realm2"})).await.unwrap();
    rig.publish("realm2", 1);
    rig.publish("realm1", 2);
    let seen = async |role: &str| {
        let infos = rig.tracing.get_traces(&rig.rights(role), WithStopped::Yes).await.unwrap();
        infos.into_iter().map(|info| info.id).collect::<Vec<_>>()
    };
    assert_eq!(seen("root").await, ["all", "guests", "other"]);
    assert_eq!(seen("guest").await, ["all", "guests"]);
    assert_eq!(seen("stranger").await, [""; 0]);
    // All is stopped first, so that all is there.
    let guest = rig.rights("guest");
    let stopped = rig.tracing.stop_trace(&guest, "all".to_owned()).await;
    assert_eq!(denied(stopped), "realm");
    let both = json!({"realm": ["realm1", "realm2"]});
    rig.start("both", both).await.unwrap();
    let stopped = rig.tracing.stop_trace(&guest, "both".to_owned()).await;
    assert_eq!(denied(stopped), "realm");
    rig.tracing.stop_trace(&guest, "guests".to_owned()).await.unwrap();
    rig.tracing.stop_trace(&rig.rights("root"), "all".to_owned()).await.unwrap();
    let full = rig.records("root", "all").await;
    assert_eq!(full.len(), 2);
    assert!(full[0].to_string().contains("secret"));
    let part = rig.records("guest", "all").await;
    assert_eq!(part.len(), 1);
    assert_eq!((&part[0]["realm"], part[0].get("msg")), (&json!("realm1"), None));
    let range = DataRange::new(0, None, None).unwrap();
    let data = rig.tracing.get_trace_data(&guest, "all".to_owned(), range).await.unwrap();
    assert_eq!(data.len(), 1);
    let hidden = rig.tracing.get_trace(&guest, "other".to_owned()).await.unwrap_err();
    assert_eq!(hidden.uri(), "crossbar.error.no_such_object");
    let taken = rig.start_as("guest", "other", json!({})).await.unwrap_err();
    assert_eq!(taken.uri(), "crossbar.error.already_running");
    let correlation = |number| Correlation::new(number).unwrap();
    assert!(rig.tracing.action(&guest, correlation(1), None).await.unwrap().is_none());
    assert!(rig.tracing.action(&guest, correlation(2), None).await.unwrap().is_some());
}

#[tokio::test]
async fn persistent_traces_outlive_the_router_and_share_the_room() {
    let directory = folder("traces");
    let max_disk_bytes = 3 << 20;
    let config = TracingConfig { directory: Some(directory.clone()), max_disk_bytes, ..config() };
    let mut rig = Rig::new(config.clone());
    let max = |info: &Info| info.options.get("max_disk").and_then(Value::as_u64);
    let first = rig.start("a", json!({"persist": true, "max_disk": 2 << 20})).await.unwrap();
    assert_eq!(max(&first), Some(2 << 20));
    let second = rig.start("b", json!({"persist": true})).await.unwrap();
    assert_eq!(max(&second), Some(1 << 20), "what is left");
    let third = rig.start("c", json!({"persist": true})).await.unwrap_err();
    assert!(third.to_string().contains("`persist`"), "{third}");
    rig.publish("realm1", 1);
    let taken = Tracing::start(config.clone(), Clock::start(), Arc::default()).map(drop);
    assert!(matches!(taken, Err(TracingError::Taken { .. })), "{taken:?}");
    drop(rig);
    let rig = Rig::new(config);
    let known = rig.tracing.get_trace(&rig.rights("root"), "a".to_owned()).await.unwrap();
    assert_eq!((known.status, known.reason), (Status::Stopped, Some(StopReason::Restart)));
    assert_eq!(rig.records("root", "a").await.len(), 1);
    let correlation = Correlation::new(1).unwrap();
    let action = rig.tracing.action(&rig.rights("root"), correlation, None).await.unwrap();
    assert_eq!(action.map(|(_, records)| records.len()), Some(1), "found in files");
    drop(rig);
    std::fs::remove_dir_all(directory).unwrap();
}

#[tokio::test]
async fn without_a_folder_nothing_is_persistent() {
    let rig = Rig::new(config());
    let refused = rig.start("a", json!({"persist": true})).await;
    assert!(matches!(refused, Err(TraceError::Registry(RegistryError::NoFiles))), "{refused:?}");
}

#[tokio::test]
async fn whoever_asks_after_the_end_is_told_so() {
    let mut rig = Rig::new(config());
    rig.thread.take().unwrap().stop();
    let refused = rig.start("a", json!({})).await.unwrap_err();
    assert_eq!(refused.uri(), "wamp.error.system_shutdown");
    assert!(rig.tracing.recorder().is_none());
}
