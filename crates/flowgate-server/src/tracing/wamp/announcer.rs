//! Events about traces: each role hears what it may see.

use std::{collections::BTreeMap, sync::Arc};

use flowgate_router::{Announcement, Input};
use flowgate_trace::Record;
use flowgate_wire::{Payload, Value};

use super::{
    definitions::Definition,
    names::{CenterEvent, Lead, NODE_ID, TraceEvent, WORKER_ID},
};
use crate::{
    clock::Clock,
    config::TraceGrant,
    realm::{RealmCell, deliver},
    scratch::Scratch,
    service::Realms,
    tracing::{Rights, Tracing},
};

/// Publishes events in the realms whose roles may trace.
#[derive(Debug)]
pub(super) struct Announcer {
    clock: Clock,
    realms: BTreeMap<Arc<str>, Audience>,
}

/// A realm, and its roles that may trace.
#[derive(Debug)]
struct Audience {
    cell: Arc<RealmCell>,
    groups: Vec<Group>,
}

/// Roles that may see the same.
#[derive(Debug)]
pub(super) struct Group {
    roles: Vec<String>,
    rights: Rights,
}

impl Announcer {
    pub(super) fn new(
        tracing: &Tracing,
        grants: &[TraceGrant],
        realms: &Realms,
        clock: Clock,
    ) -> Self {
        let audience = |(name, cell): (&String, &Arc<RealmCell>)| {
            let mut groups: Vec<Group> = Vec::new();
            for TraceGrant { role, .. } in grants.iter().filter(|grant| grant.realm == *name) {
                let rights = tracing.rights_of_role(name, role, String::new());
                match groups.iter_mut().find(|group| group.rights == rights) {
                    Some(group) => group.roles.push(role.clone()),
                    None => groups.push(Group { roles: vec![role.clone()], rights }),
                }
            }
            let cell = Arc::clone(cell);
            (!groups.is_empty()).then(|| (Arc::from(name.as_str()), Audience { cell, groups }))
        };
        Self { clock, realms: realms.iter().filter_map(audience).collect() }
    }

    /// The realm of a name, to be answered.
    pub(super) fn cell(&self, realm: &str) -> Option<&Arc<RealmCell>> {
        self.realms.get(realm).map(|audience| &audience.cell)
    }

    /// Tells all realms of a trace of this router. `show` gives the arguments after the trace as
    /// a group may see them there, several times for several events, or not at all.
    pub(super) fn announce(
        &self,
        event: TraceEvent,
        trace: &str,
        mut show: impl FnMut(&Rights, Lead) -> Vec<Vec<Value<'static>>>,
    ) {
        let topics = [Lead::Nothing, Lead::Place].map(|lead| (lead, event.topics(lead)));
        for Audience { cell, groups } in self.realms.values() {
            for (lead, topics) in &topics {
                let heard: Vec<_> = topics.iter().filter(|topic| cell.is_heard(topic)).collect();
                if heard.is_empty() {
                    continue;
                }
                for Group { roles, rights } in groups {
                    for shown in show(rights, *lead) {
                        let args = arguments(*lead, trace, shown);
                        heard.iter().for_each(|topic| self.publish(cell, topic, roles, &args));
                    }
                }
            }
        }
    }

    /// Tells a realm of one of its definitions: its readers, as they may see it.
    pub(super) fn announce_definition(
        &self,
        event: CenterEvent,
        realm: &str,
        (trace, definition): (&str, &Definition),
        mut show: impl FnMut(&Rights, Lead) -> Vec<Vec<Value<'static>>>,
    ) {
        let Some(Audience { cell, groups }) = self.realms.get(realm) else { return };
        let topic = event.topic();
        if !cell.is_heard(&topic) {
            return;
        }
        let lead = match event {
            CenterEvent::Data => Lead::Place,
            CenterEvent::Created
            | CenterEvent::Starting
            | CenterEvent::Started
            | CenterEvent::Stopping
            | CenterEvent::Stopped
            | CenterEvent::Deleted => Lead::Nothing,
        };
        for Group { roles, rights } in groups {
            let readers = roles.iter().filter(|role| definition.has_reader(role));
            let readers: Vec<String> = readers.cloned().collect();
            if readers.is_empty() {
                continue;
            }
            for shown in show(rights, lead) {
                self.publish(cell, &topic, &readers, &arguments(lead, trace, shown));
            }
        }
    }

    fn publish(&self, cell: &RealmCell, topic: &str, roles: &[String], args: &[Value<'static>]) {
        let announcement = Announcement {
            topic,
            payload: Payload::from_values(args, &[]),
            eligible_authroles: Some(roles),
            exclude_authroles: None,
        };
        self.tell(cell, Input::Publish(announcement));
    }

    /// Gives a realm an input.
    pub(super) fn tell(&self, cell: &RealmCell, input: Input<'_>) {
        let now = self.clock.now();
        Scratch::with(|scratch| {
            cell.turn(now, scratch, |turn| turn.handle(input));
            deliver(now, scratch);
        });
    }
}

/// Records as they may be seen.
pub(super) fn seen(rights: &Rights, lead: Lead, records: &[Record]) -> Vec<Record> {
    let records = records.iter().filter(|record| lead.shows(record));
    records.filter_map(|record| rights.show(record.clone())).collect()
}

fn arguments(lead: Lead, trace: &str, mut shown: Vec<Value<'static>>) -> Vec<Value<'static>> {
    let mut args = match lead {
        Lead::Nothing => Vec::new(),
        Lead::Place => vec![Value::from(NODE_ID), Value::from(WORKER_ID)],
    };
    args.push(Value::from(trace.to_owned()));
    args.append(&mut shown);
    args
}
