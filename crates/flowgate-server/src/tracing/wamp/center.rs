//! Traces of several workers, as Crossbar.io's master manages them.

use std::sync::Arc;

use flowgate_trace::{DataRange, Info, Status};
use flowgate_wire::Value;

use super::{
    Answer, Caller, WampTracing,
    arguments::Arguments,
    definitions::Definition,
    error::CallError,
    names::{CenterEvent, CenterProcedure, Lead, NODE_ID, WORKER_ID},
    to_value,
};
use crate::tracing::TraceError;

impl WampTracing {
    pub(super) async fn call_center(
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
            return self.create(caller, &id, arguments);
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
            CenterProcedure::Start | CenterProcedure::Delete if is_running => Err(wrong(id)),
            CenterProcedure::Start => self.start(caller, &id, &definition).await,
            CenterProcedure::Stop if !is_running => Err(wrong(id)),
            CenterProcedure::Stop => self.stop(caller, &id, &definition).await,
            CenterProcedure::Delete => {
                self.definitions.remove(realm, &id);
                self.tell_readers(CenterEvent::Deleted, realm, &id, &definition, &nothing());
                Ok(nothing())
            }
            CenterProcedure::Data => {
                let range = DataRange::new(0, None, arguments.number("limit")?);
                let range = range.map_err(TraceError::from)?;
                let data = self.tracing.get_trace_data(rights, id, range).await;
                let (is_there, data) = match data {
                    Ok(mut records) => {
                        records.retain(|record| Lead::Place.shows(record));
                        (true, to_value(&records)?)
                    }
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

    fn create(&mut self, caller: &Caller, id: &str, arguments: &Arguments) -> Answer {
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
        self.definitions.create(&caller.realm, id.to_owned(), definition.clone())?;
        self.tell_readers(CenterEvent::Created, &caller.realm, id, &definition, &nothing());
        Ok(nothing())
    }

    /// Starts the trace of a definition anew.
    async fn start(&mut self, caller: &Caller, id: &str, definition: &Definition) -> Answer {
        let Caller { realm, rights, .. } = caller;
        self.announcer.announce_definition(
            CenterEvent::Starting,
            realm,
            (id, definition),
            |_, _| vec![Vec::new()],
        );
        let started = if definition.is_here() {
            // If there is none, or none that may be seen, starting it says so.
            let there = self.tracing.get_trace(rights, id.to_owned()).await;
            if there.is_ok_and(|info| info.status == Status::Running) {
                self.tracing.stop_trace(rights, id.to_owned()).await?;
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
        let outcome = self.outcome("started", definition, started.as_ref())?;
        self.tell_readers(CenterEvent::Started, realm, id, definition, &outcome);
        Ok(outcome)
    }

    async fn stop(&mut self, caller: &Caller, id: &str, definition: &Definition) -> Answer {
        let Caller { realm, rights, .. } = caller;
        self.announcer.announce_definition(
            CenterEvent::Stopping,
            realm,
            (id, definition),
            |_, _| vec![Vec::new()],
        );
        let stopped = self.tracing.stop_trace(rights, id.to_owned()).await;
        if stopped.is_ok()
            && let Some(definition) = self.definitions.get_mut(realm, id)
        {
            definition.running = None;
        }
        let outcome = self.outcome("stopped", definition, Some(&stopped))?;
        self.tell_readers(CenterEvent::Stopped, realm, id, definition, &outcome);
        Ok(outcome)
    }

    /// What became of each place, in Crossbar.io's shape.
    fn outcome(
        &self,
        word: &'static str,
        definition: &Definition,
        here: Option<&Result<Info, TraceError>>,
    ) -> Answer {
        let (mut done, mut failed) = (Vec::new(), Vec::new());
        for (node, worker) in &definition.places {
            let is_here = node == NODE_ID && worker == WORKER_ID;
            let mut failure = vec![
                ("node_id", Value::from(node.clone())),
                ("worker_id", Value::from(worker.clone())),
            ];
            match here.filter(|_| is_here) {
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
        what: &Value<'static>,
    ) {
        self.announcer
            .announce_definition(event, realm, (id, definition), |_, _| vec![vec![what.clone()]]);
    }

    /// The trace of a definition has ended by itself, or somebody else has stopped it.
    pub(super) fn ended(&mut self, id: &str, info: &Info) {
        let mut ended = Vec::new();
        for (realm, definition) in self.definitions.running(id, info.started) {
            definition.running = None;
            ended.push((Arc::clone(realm), definition.clone()));
        }
        for (realm, definition) in ended {
            match self.outcome("stopped", &definition, Some(&Ok(info.clone()))) {
                Ok(outcome) => {
                    self.tell_readers(CenterEvent::Stopped, &realm, id, &definition, &outcome);
                }
                Err(error) => tracing::warn!(%error, trace = id, "readers of a trace miss its end"),
            }
        }
    }
}

impl CenterProcedure {
    pub(super) const fn arguments(self) -> &'static [&'static str] {
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

/// What Crossbar.io says where it has nothing to say.
fn nothing() -> Value<'static> {
    Value::Dict(Vec::new())
}
