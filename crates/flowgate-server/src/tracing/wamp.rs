//! Traces over WAMP: procedures and events, under our names and those of Crossbar.io.
//!
//! | prefix | procedures | events |
//! |---|---|---|
//! | `flowgate.tracing`, `crossbar.worker.router`, `crossbarfabriccenter.node.flowgate.worker.router` | `get_traces(include_stopped=false)`, `get_trace(trace_id)`, `start_trace(trace_id=null, trace_options=null)`, `stop_trace(trace_id)`, `get_trace_data(trace_id, from_seq=0, to_seq=null, limit=100)` | `on_trace_started(trace_id, trace)`, `on_trace_stopped(trace_id, trace)`, `on_trace_data(trace_id, period, records)` |
//! | `crossbarfabriccenter.remote.tracing` | the same, with `node_id` and `worker_id` as the first arguments | the same, likewise |
//! | `crossbarfabriccenter.mrealm.tracing` | `get_traces()`, `get_trace(trace_id)`, `create_trace(trace_id, traced_workers, trace_options=null, eligible_reader_roles=null, exclude_reader_roles=null)`, `start_trace(trace_id)`, `stop_trace(trace_id)`, `delete_trace(trace_id)`, `get_trace_data(trace_id, limit=100)` | `on_trace_created`, `on_trace_starting`, `on_trace_started`, `on_trace_stopping`, `on_trace_stopped`, `on_trace_deleted`, `on_trace_data` |
//! | `crossbarfabriccenter` | `mrealm.get_nodes`, `remote.node.get_workers(node_id)`, `remote.node.get_worker(node_id, worker_id)`: this router | |
//!
//! They are there in the realms some role of which [may trace](TraceGrant).
//! Whoever calls needs two permissions: that of the role to call the procedure, and that grant.

mod announcer;
mod arguments;
mod definitions;
mod error;
mod names;

use std::{collections::BTreeMap, sync::Arc};

use flowgate_event::Timestamp;
use flowgate_router::{Input, Reply};
use flowgate_trace::{DataRange, Info, Notice, Record, Status, WithStopped};
use flowgate_wire::{Payload, Value};
use serde::Serialize;
use tokio::sync::{broadcast, mpsc, watch};

use super::{Rights, TraceError, Tracing};
#[cfg(doc)]
use crate::config::TraceGrant;
use crate::{clock::Clock, listener::Stop, realm::ServiceCall, service::Realms};
use announcer::{Announcer, seen};
use arguments::Arguments;
use definitions::{Definition, Definitions};
use error::CallError;
pub(crate) use names::served;
use names::{CenterEvent, CenterProcedure, Procedure, TraceEvent, TraceProcedure};
pub(super) use names::{NODE_ID, WORKER_ID};

/// Most records in one event: a period that has more is told in several, so that an event stays
/// below what transports take.
const EVENT_RECORDS_MAX: usize = 500;

/// What a call gets.
type Answer = Result<Value<'static>, CallError>;

/// Answers the calls, and publishes the events.
#[derive(Debug)]
pub(crate) struct WampTracing {
    tracing: Tracing,
    announcer: Announcer,
    procedures: BTreeMap<String, Procedure>,
    definitions: Definitions,
    calls: mpsc::Receiver<ServiceCall>,
    notices: broadcast::Receiver<Arc<Notice>>,
    clock: Clock,
    began: Timestamp,
}

/// Who calls.
struct Caller {
    realm: Arc<str>,
    role: Box<str>,
    rights: Rights,
}

impl WampTracing {
    /// The service; it hears of all that happens from now on.
    pub(crate) fn new(
        tracing: &Tracing,
        realms: &Realms,
        calls: mpsc::Receiver<ServiceCall>,
        clock: Clock,
    ) -> Self {
        let grants = &tracing.shared.config.grants;
        Self {
            announcer: Announcer::new(tracing, grants, realms, clock),
            tracing: tracing.clone(),
            procedures: Procedure::by_name(),
            definitions: Definitions::default(),
            calls,
            notices: tracing.notices(),
            clock,
            began: clock.now(),
        }
    }

    /// Serves until `stop` says so for good.
    ///
    /// Cancellation leaves calls without an answer.
    pub(crate) async fn run(mut self, mut stop: watch::Receiver<Stop>) {
        loop {
            tokio::select! {
                Some(call) = self.calls.recv() => self.answer(call).await,
                notice = self.notices.recv() => match notice {
                    Ok(notice) => self.tell(&notice),
                    Err(broadcast::error::RecvError::Lagged(count)) => {
                        tracing::warn!(count, "subscribers of traces have missed events");
                    }
                    // The thread is gone, and so will be the router.
                    Err(broadcast::error::RecvError::Closed) => return,
                },
                changed = stop.changed() => if changed.is_err() || *stop.borrow() == Stop::Now {
                    return;
                },
            }
        }
    }

    async fn answer(&mut self, call: ServiceCall) {
        let ServiceCall { realm, call, procedure, caller, authid, authrole, payload } = call;
        let who = format!("{authid} with role {authrole} in realm {realm}, session {caller}");
        let rights = self.tracing.rights_of_role(&realm, &authrole, who);
        let caller = Caller { realm, role: authrole, rights };
        let answer = match self.procedures.get(&*procedure) {
            Some(procedure) => self.call(*procedure, &caller, &payload).await,
            None => {
                // Invariant: the core passes on the calls of these procedures only.
                debug_assert!(false, "{procedure} is not served here");
                return;
            }
        };
        let Some(cell) = self.announcer.cell(&caller.realm) else { return };
        match answer {
            Ok(result) => {
                let args = [result];
                let reply = Reply::Result(Payload::from_values(&args, &[]));
                self.announcer.tell(cell, Input::Served { call, reply });
            }
            Err(error) => {
                let args = [Value::from(error.to_string())];
                let payload = Payload::from_values(&args, &[]);
                let reply = Reply::Error { error: error.uri(), payload };
                self.announcer.tell(cell, Input::Served { call, reply });
            }
        }
    }

    async fn call(
        &mut self,
        procedure: Procedure,
        caller: &Caller,
        payload: &flowgate_wire::OwnedPayload,
    ) -> Answer {
        if !caller.rights.is_any() {
            return Err(TraceError::Denied { option: None }.into());
        }
        match procedure {
            Procedure::Router(procedure) => {
                let arguments = Arguments::read(payload, procedure.arguments(0))?;
                self.call_trace(procedure, caller, &arguments).await
            }
            Procedure::Worker(procedure) => {
                let arguments = Arguments::read(payload, procedure.arguments(2))?;
                check_node(&arguments)?;
                check_worker(&arguments)?;
                self.call_trace(procedure, caller, &arguments).await
            }
            Procedure::Center(procedure) => {
                let arguments = Arguments::read(payload, procedure.arguments())?;
                self.call_center(procedure, caller, &arguments).await
            }
            Procedure::Nodes => {
                let arguments = Arguments::read(payload, &["status"])?;
                let is_listed = arguments.text("status")?.is_none_or(|status| status == "online");
                let nodes = is_listed.then(|| Value::from(NODE_ID));
                Ok(Value::List(nodes.into_iter().collect()))
            }
            Procedure::Workers => {
                let arguments = Arguments::read(payload, &["node_id", "filter_types"])?;
                check_node(&arguments)?;
                let types = arguments.texts("filter_types")?.filter(|types| !types.is_empty());
                let is_listed =
                    types.is_none_or(|types| types.iter().any(|wanted| wanted == "router"));
                let workers = is_listed.then(|| Value::from(WORKER_ID));
                Ok(Value::List(workers.into_iter().collect()))
            }
            Procedure::WorkerInfo => {
                let arguments = Arguments::read(payload, &["node_id", "worker_id"])?;
                check_node(&arguments)?;
                check_worker(&arguments)?;
                let started = self.began.to_rfc3339();
                Ok(Value::dict([
                    ("id", Value::from(WORKER_ID)),
                    ("pid", u64::from(std::process::id()).into()),
                    ("type", "router".into()),
                    ("status", "started".into()),
                    ("created", started.clone().into()),
                    ("started", started.into()),
                    ("uptime", self.clock.now().since(self.began).as_secs_f64().into()),
                ]))
            }
        }
    }

    async fn call_trace(
        &self,
        procedure: TraceProcedure,
        caller: &Caller,
        arguments: &Arguments,
    ) -> Answer {
        let rights = &caller.rights;
        let range = |from_seq| -> Result<DataRange, CallError> {
            let (to_seq, limit) = (arguments.number("to_seq")?, arguments.number("limit")?);
            Ok(DataRange::new(from_seq, to_seq, limit).map_err(TraceError::from)?)
        };
        match procedure {
            TraceProcedure::List => {
                let with_stopped = match arguments.flag("include_stopped")? {
                    Some(true) => WithStopped::Yes,
                    Some(false) | None => WithStopped::No,
                };
                let traces = self.tracing.get_traces(rights, with_stopped).await?;
                Ok(Value::List(traces.into_iter().map(|trace| Value::from(trace.id)).collect()))
            }
            TraceProcedure::Get => {
                let id = arguments.required_text("trace_id")?;
                to_value(&self.tracing.get_trace(rights, id).await?)
            }
            TraceProcedure::Start => {
                let id = arguments.text("trace_id")?.map(str::to_owned);
                arguments.dict("trace_options")?;
                let options = arguments.value("trace_options").unwrap_or(&Value::Null);
                to_value(&self.tracing.start_trace(rights, id, options).await?)
            }
            TraceProcedure::Stop => {
                let id = arguments.required_text("trace_id")?;
                to_value(&self.tracing.stop_trace(rights, id).await?)
            }
            TraceProcedure::Data => {
                let id = arguments.required_text("trace_id")?;
                let range = range(arguments.number("from_seq")?.unwrap_or(0))?;
                to_value(&self.tracing.get_trace_data(rights, id, range).await?)
            }
        }
    }

    async fn call_center(
        &mut self,
        procedure: CenterProcedure,
        caller: &Caller,
        arguments: &Arguments,
    ) -> Answer {
        let Caller { realm, role, rights } = caller;
        if procedure == CenterProcedure::List {
            let names = self.definitions.names(realm, role);
            return Ok(Value::List(names.map(|id| Value::from(id.to_owned())).collect()));
        }
        let id = arguments.required_text("trace_id")?;
        if procedure == CenterProcedure::Create {
            return self.create(caller, id, arguments);
        }
        let known = self.definitions.get(realm, &id);
        let known = known.filter(|definition| definition.has_reader(role)).cloned();
        let Some(definition) = known else {
            return match procedure {
                // Crossbar.io has no error for it, and its users rely on that.
                CenterProcedure::Get => Ok(Value::Null),
                CenterProcedure::List
                | CenterProcedure::Create
                | CenterProcedure::Start
                | CenterProcedure::Stop
                | CenterProcedure::Delete
                | CenterProcedure::Data => Err(CallError::NoSuchTrace(id)),
            };
        };
        let is_running = definition.running.is_some();
        let wrong = |id: String| CallError::Status { id, status: definition.status() };
        match procedure {
            CenterProcedure::List | CenterProcedure::Create | CenterProcedure::Get => {
                Ok(definition.to_value(&id))
            }
            CenterProcedure::Start if is_running => Err(wrong(id)),
            CenterProcedure::Start => self.start(caller, &id, &definition).await,
            CenterProcedure::Stop if !is_running => Err(wrong(id)),
            CenterProcedure::Stop => self.stop(caller, &id, &definition).await,
            CenterProcedure::Delete if is_running => Err(wrong(id)),
            CenterProcedure::Delete => {
                self.definitions.remove(realm, &id);
                self.tell_readers(CenterEvent::Deleted, realm, &id, &definition, nothing());
                Ok(nothing())
            }
            CenterProcedure::Data => {
                let range = DataRange::new(0, None, arguments.number("limit")?);
                let range = range.map_err(TraceError::from)?;
                let data = self.tracing.get_trace_data(rights, id, range).await;
                let (is_there, data) = match data {
                    Ok(records) => (true, to_value(&records)?),
                    Err(error) => (false, Value::from(error.to_string())),
                };
                let of_place = |(node, worker): &(String, String)| {
                    let found = (is_there && definition.is_here()).then(|| data.clone());
                    let answer = Value::dict([
                        ("success", Value::from(found.is_some())),
                        ("data", found.unwrap_or(Value::Null)),
                    ]);
                    (node.clone(), Value::dict([(worker.clone(), answer)]))
                };
                Ok(Value::dict(definition.places.iter().map(of_place)))
            }
        }
    }

    fn create(&mut self, caller: &Caller, id: String, arguments: &Arguments) -> Answer {
        let expected = "a list of pairs of node and worker";
        let wrong = CallError::Argument { argument: "traced_workers", expected };
        let places = arguments.value("traced_workers").and_then(Value::as_list).map(|places| {
            let place = |place: &Value<'static>| match place.as_list()? {
                [node, worker] => Some((node.as_str()?.to_owned(), worker.as_str()?.to_owned())),
                _ => None,
            };
            places.iter().map(place).collect::<Option<Vec<_>>>()
        });
        arguments.dict("trace_options")?;
        let definition = Definition {
            places: places.flatten().ok_or(wrong)?,
            options: arguments.value("trace_options").cloned().unwrap_or(Value::Null),
            eligible_roles: arguments.texts("eligible_reader_roles")?,
            exclude_roles: arguments.texts("exclude_reader_roles")?,
            running: None,
        };
        self.definitions.create(&caller.realm, id.clone(), definition.clone())?;
        self.tell_readers(CenterEvent::Created, &caller.realm, &id, &definition, nothing());
        Ok(nothing())
    }

    /// Starts the trace of a definition anew.
    async fn start(&mut self, caller: &Caller, id: &str, definition: &Definition) -> Answer {
        let Caller { realm, rights, .. } = caller;
        self.announcer.announce_definition(CenterEvent::Starting, realm, (id, definition), |_| {
            vec![Vec::new()]
        });
        let started = if definition.is_here() {
            match self.tracing.get_trace(rights, id.to_owned()).await {
                Ok(Info { status: Status::Running, .. }) => {
                    self.tracing.stop_trace(rights, id.to_owned()).await?;
                }
                // There is none, or none that may be seen: then starting it says so.
                Ok(_) | Err(_) => {}
            }
            let id = Some(id.to_owned());
            Some(self.tracing.start_trace(rights, id, &definition.options).await)
        } else {
            None
        };
        if let Some(definition) = self.definitions.get_mut(realm, id) {
            definition.running = match &started {
                Some(Ok(info)) => info.started,
                Some(Err(_)) | None => None,
            };
        }
        let outcome = self.outcome("started", definition, started)?;
        self.tell_readers(CenterEvent::Started, realm, id, definition, outcome.clone());
        Ok(outcome)
    }

    async fn stop(&mut self, caller: &Caller, id: &str, definition: &Definition) -> Answer {
        let Caller { realm, rights, .. } = caller;
        self.announcer.announce_definition(CenterEvent::Stopping, realm, (id, definition), |_| {
            vec![Vec::new()]
        });
        let stopped = self.tracing.stop_trace(rights, id.to_owned()).await;
        if stopped.is_ok()
            && let Some(definition) = self.definitions.get_mut(realm, id)
        {
            definition.running = None;
        }
        let outcome = self.outcome("stopped", definition, Some(stopped))?;
        self.tell_readers(CenterEvent::Stopped, realm, id, definition, outcome.clone());
        Ok(outcome)
    }

    /// What became of each place, in Crossbar.io's shape.
    fn outcome(
        &self,
        word: &'static str,
        definition: &Definition,
        here: Option<Result<Info, TraceError>>,
    ) -> Answer {
        let (mut done, mut failed) = (Vec::new(), Vec::new());
        for (node, worker) in &definition.places {
            let is_here = node == NODE_ID && worker == WORKER_ID;
            let mut failure = vec![
                ("node_id", Value::from(node.clone())),
                ("worker_id", Value::from(worker.clone())),
            ];
            match here.as_ref().filter(|_| is_here) {
                Some(Ok(info)) => done.push(to_value(info)?),
                Some(Err(error)) => {
                    failure.push(("node_status", "online".into()));
                    failure.push(("error", error.to_string().into()));
                    failed.push(Value::dict(failure));
                }
                None => {
                    let status = if node == NODE_ID { "online" } else { "offline" };
                    failure.push(("node_status", status.into()));
                    failed.push(Value::dict(failure));
                }
            }
        }
        Ok(Value::dict([(word, Value::List(done)), ("failed", Value::List(failed))]))
    }

    /// Tells the readers of a definition.
    fn tell_readers(
        &self,
        event: CenterEvent,
        realm: &str,
        id: &str,
        definition: &Definition,
        what: Value<'static>,
    ) {
        self.announcer
            .announce_definition(event, realm, (id, definition), |_| vec![vec![what.clone()]]);
    }

    /// Tells of what has happened to a trace.
    fn tell(&mut self, notice: &Notice) {
        match notice {
            Notice::Started(id, info) => self.tell_state(TraceEvent::Started, id, info),
            Notice::Stopped(id, info) => {
                self.tell_state(TraceEvent::Stopped, id, info);
                self.ended(id, info);
            }
            Notice::Data(id, period, records) => {
                let mut show = |rights: &Rights| data(*period, &seen(rights, records));
                self.announcer.announce(TraceEvent::Data, id, &mut show);
                for (realm, definition) in self.definitions.running(id, None) {
                    let of = (id.as_str(), &*definition);
                    self.announcer.announce_definition(CenterEvent::Data, realm, of, &mut show);
                }
            }
        }
    }

    fn tell_state(&self, event: TraceEvent, id: &str, info: &Info) {
        self.announcer.announce(event, id, |rights| {
            let shown = rights.may_see(info).then(|| to_value(info).ok()).flatten();
            shown.map(|info| vec![info]).into_iter().collect()
        });
    }

    /// The trace of a definition has ended by itself, or somebody else has stopped it.
    fn ended(&mut self, id: &str, info: &Info) {
        let mut ended = Vec::new();
        for (realm, definition) in self.definitions.running(id, info.started) {
            definition.running = None;
            ended.push((Arc::clone(realm), definition.clone()));
        }
        for (realm, definition) in ended {
            match self.outcome("stopped", &definition, Some(Ok(info.clone()))) {
                Ok(outcome) => {
                    self.tell_readers(CenterEvent::Stopped, &realm, id, &definition, outcome);
                }
                Err(error) => tracing::warn!(%error, trace = id, "readers of a trace miss its end"),
            }
        }
    }
}

impl TraceProcedure {
    /// The names of the arguments; of all but so many at the beginning of the longest list.
    fn arguments(self, place_count: usize) -> &'static [&'static str] {
        let all: &[&str] = match self {
            Self::List => &["node_id", "worker_id", "include_stopped"],
            Self::Get | Self::Stop => &["node_id", "worker_id", "trace_id"],
            Self::Start => &["node_id", "worker_id", "trace_id", "trace_options"],
            Self::Data => &["node_id", "worker_id", "trace_id", "from_seq", "to_seq", "limit"],
        };
        all.get(2_usize.saturating_sub(place_count)..).unwrap_or_default()
    }
}

impl CenterProcedure {
    fn arguments(self) -> &'static [&'static str] {
        match self {
            Self::List => &[],
            Self::Get | Self::Start | Self::Stop | Self::Delete => &["trace_id"],
            Self::Create => &[
                "trace_id",
                "traced_workers",
                "trace_options",
                "eligible_reader_roles",
                "exclude_reader_roles",
            ],
            Self::Data => &["trace_id", "limit"],
        }
    }
}

/// The arguments of `on_trace_data` after the trace, for as many events as it takes; none without
/// records.
fn data(period: flowgate_trace::Period, records: &[Record]) -> Vec<Vec<Value<'static>>> {
    let events = records.chunks(EVENT_RECORDS_MAX).filter_map(|records| {
        let (first_seq, last_seq) = (records.first()?.seq(), records.last()?.seq());
        let period = flowgate_trace::Period { first_seq, last_seq, ..period };
        let shown = to_value(&period).and_then(|period| Ok(vec![period, to_value(&records)?]));
        shown.inspect_err(|error| tracing::warn!(%error, "subscribers of traces miss data")).ok()
    });
    events.collect()
}

fn check_node(arguments: &Arguments) -> Result<(), CallError> {
    let id = arguments.required_text("node_id")?;
    if id == NODE_ID { Ok(()) } else { Err(CallError::NoSuchPlace { kind: "node", id }) }
}

fn check_worker(arguments: &Arguments) -> Result<(), CallError> {
    let id = arguments.required_text("worker_id")?;
    if id == WORKER_ID { Ok(()) } else { Err(CallError::NoSuchPlace { kind: "worker", id }) }
}

/// What Crossbar.io says where it has nothing to say.
fn nothing() -> Value<'static> {
    Value::Dict(Vec::new())
}

/// What serde says of something, as a value.
fn to_value<T: Serialize + ?Sized>(shown: &T) -> Answer {
    // By way of CBOR, which keeps octets as they are.
    let shown = ciborium::Value::serialized(shown);
    let value = shown.and_then(|shown| shown.deserialized());
    value.map_err(|error| CallError::Shape(error.to_string()))
}
