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
mod center;
mod definitions;
mod error;
mod names;

use std::{collections::BTreeMap, sync::Arc};

use flowgate_event::Timestamp;
use flowgate_router::{Input, Reply};
use flowgate_trace::{DataRange, Info, Notice, Period, Record, WithStopped};
use flowgate_wire::{OwnedPayload, Payload, Value};
use serde::Serialize;
use tokio::sync::{broadcast, mpsc, watch};

use super::{Rights, TraceError, Tracing};
#[cfg(doc)]
use crate::config::TraceGrant;
use crate::{clock::Clock, listener::Stop, realm::ServiceCall, service::Realms};
use announcer::{Announcer, seen};
use arguments::Arguments;
use definitions::Definitions;
use error::CallError;
use names::{CenterEvent, Lead, Procedure, TraceEvent, TraceProcedure};
pub(super) use names::{NODE_ID, WORKER_ID};
pub(crate) use names::{is_about_traces, served};

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
        let Some(cell) = self.announcer.cell(&caller.realm) else {
            // Invariant: calls come from the realms that have the procedures.
            debug_assert!(false, "traces of realm {} are answered", caller.realm);
            return;
        };
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
        payload: &OwnedPayload,
    ) -> Answer {
        if !caller.rights.is_any() {
            return Err(TraceError::Denied { option: None }.into());
        }
        match procedure {
            Procedure::Router(procedure) => {
                let arguments = Arguments::read(payload, procedure.arguments(Lead::Nothing))?;
                self.call_trace((procedure, Lead::Nothing), caller, &arguments).await
            }
            Procedure::Worker(procedure) => {
                let arguments = Arguments::read(payload, procedure.arguments(Lead::Place))?;
                check_node(&arguments)?;
                check_worker(&arguments)?;
                self.call_trace((procedure, Lead::Place), caller, &arguments).await
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
        (procedure, lead): (TraceProcedure, Lead),
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
                let mut records = self.tracing.get_trace_data(rights, id, range).await?;
                records.retain(|record| lead.shows(record));
                to_value(&records)
            }
        }
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
                let mut show = |rights: &Rights, lead| data(*period, &seen(rights, lead, records));
                self.announcer.announce(TraceEvent::Data, id, &mut show);
                for (realm, definition) in self.definitions.running(id, None) {
                    let of = (id.as_str(), &*definition);
                    self.announcer.announce_definition(CenterEvent::Data, realm, of, &mut show);
                }
            }
        }
    }

    fn tell_state(&self, event: TraceEvent, id: &str, info: &Info) {
        self.announcer.announce(event, id, |rights, _| {
            let shown = rights.may_see(info).then(|| to_value(info).ok()).flatten();
            shown.map(|info| vec![info]).into_iter().collect()
        });
    }
}

impl TraceProcedure {
    /// The names of the arguments, in their order.
    const fn arguments(self, lead: Lead) -> &'static [&'static str] {
        match (lead, self) {
            (Lead::Nothing, Self::List) => &["include_stopped"],
            (Lead::Nothing, Self::Get | Self::Stop) => &["trace_id"],
            (Lead::Nothing, Self::Start) => &["trace_id", "trace_options"],
            (Lead::Nothing, Self::Data) => &["trace_id", "from_seq", "to_seq", "limit"],
            (Lead::Place, Self::List) => &["node_id", "worker_id", "include_stopped"],
            (Lead::Place, Self::Get | Self::Stop) => &["node_id", "worker_id", "trace_id"],
            (Lead::Place, Self::Start) => &["node_id", "worker_id", "trace_id", "trace_options"],
            (Lead::Place, Self::Data) => {
                &["node_id", "worker_id", "trace_id", "from_seq", "to_seq", "limit"]
            }
        }
    }
}

/// The arguments of `on_trace_data` after the trace, for as many events as it takes; none without
/// records.
fn data(period: Period, records: &[Record]) -> Vec<Vec<Value<'static>>> {
    let events = records.chunks(EVENT_RECORDS_MAX).filter_map(|records| {
        let (first_seq, last_seq) = (records.first()?.seq(), records.last()?.seq());
        let period = Period { first_seq, last_seq, ..period };
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

/// What serde says of something, as a value.
fn to_value<T: Serialize + ?Sized>(shown: &T) -> Answer {
    // By way of CBOR, which keeps octets as they are.
    let shown = ciborium::Value::serialized(shown);
    let value = shown.and_then(|shown| shown.deserialized());
    value.map_err(|error| CallError::Shape(error.to_string()))
}
