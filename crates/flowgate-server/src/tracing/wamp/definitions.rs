//! Traces that are defined before they are started, as Crossbar.io's master has them.

use std::{collections::BTreeMap, sync::Arc};

use flowgate_event::Timestamp;
use flowgate_wire::Value;

use super::{
    error::CallError,
    names::{NODE_ID, WORKER_ID},
};

/// Most definitions of a realm.
const DEFINITIONS_MAX: usize = 64;

/// The definitions of all realms; each realm sees its own.
#[derive(Debug, Default)]
pub(super) struct Definitions {
    all: BTreeMap<(Arc<str>, String), Definition>,
}

/// One of them.
#[derive(Debug, Clone)]
pub(super) struct Definition {
    /// Node and worker of each place that is traced.
    pub(super) places: Vec<(String, String)>,
    /// The options of the trace, as they were given.
    pub(super) options: Value<'static>,
    /// Whose sessions may see it, of those that may see traces at all; `None` for all of them.
    pub(super) eligible_roles: Option<Vec<String>>,
    /// Whose sessions may not.
    pub(super) exclude_roles: Option<Vec<String>>,
    /// When the trace was started that is running now.
    pub(super) running: Option<Timestamp>,
}

impl Definition {
    /// Whether a role is among the readers.
    pub(super) fn has_reader(&self, role: &str) -> bool {
        let lists = |roles: &Vec<String>| roles.iter().any(|listed| listed == role);
        self.eligible_roles.as_ref().is_none_or(lists)
            && !self.exclude_roles.as_ref().is_some_and(lists)
    }

    /// Whether this router is traced.
    pub(super) fn is_here(&self) -> bool {
        self.places.iter().any(|(node, worker)| node == NODE_ID && worker == WORKER_ID)
    }

    pub(super) const fn status(&self) -> &'static str {
        match self.running {
            Some(_) => "running",
            None => "stopped",
        }
    }

    /// The definition in Crossbar.io's shape.
    pub(super) fn to_value(&self, id: &str) -> Value<'static> {
        let texts = |texts: &[String]| {
            Value::List(texts.iter().map(|text| Value::from(text.clone())).collect())
        };
        let roles = |roles: &Option<Vec<String>>| roles.as_deref().map_or(Value::Null, texts);
        let places = self.places.iter();
        let places = places.map(|(node, worker)| texts(&[node.clone(), worker.clone()]));
        Value::dict([
            ("trace_id", Value::from(id.to_owned())),
            ("traced_workers", Value::List(places.collect())),
            ("trace_options", self.options.clone()),
            ("eligible_reader_roles", roles(&self.eligible_roles)),
            ("exclude_reader_roles", roles(&self.exclude_roles)),
            ("status", Value::from(self.status())),
        ])
    }
}

impl Definitions {
    pub(super) fn create(
        &mut self,
        realm: &Arc<str>,
        id: String,
        definition: Definition,
    ) -> Result<(), CallError> {
        let key = (Arc::clone(realm), id);
        if self.all.contains_key(&key) {
            return Err(CallError::Exists(key.1));
        }
        if self.all.keys().filter(|(of, _)| of == realm).count() >= DEFINITIONS_MAX {
            return Err(CallError::TooManyTraces);
        }
        self.all.insert(key, definition);
        Ok(())
    }

    pub(super) fn get(&self, realm: &Arc<str>, id: &str) -> Option<&Definition> {
        self.all.get(&(Arc::clone(realm), id.to_owned()))
    }

    pub(super) fn get_mut(&mut self, realm: &Arc<str>, id: &str) -> Option<&mut Definition> {
        self.all.get_mut(&(Arc::clone(realm), id.to_owned()))
    }

    pub(super) fn remove(&mut self, realm: &Arc<str>, id: &str) {
        self.all.remove(&(Arc::clone(realm), id.to_owned()));
    }

    /// The names of a realm's definitions that a role may read, sorted.
    pub(super) fn names(&self, realm: &Arc<str>, role: &str) -> impl Iterator<Item = &str> {
        let of_realm = self.all.iter().filter(move |((of, _), _)| of == realm);
        let read = of_realm.filter(move |(_, definition)| definition.has_reader(role));
        read.map(|((_, id), _)| id.as_str())
    }

    /// The definitions of a name whose trace was started at a moment, with their realms.
    pub(super) fn running(
        &mut self,
        id: &str,
        started: Option<Timestamp>,
    ) -> impl Iterator<Item = (&Arc<str>, &mut Definition)> {
        let named = self.all.iter_mut().filter(move |((_, of), _)| of == id);
        let running = named.filter(move |(_, definition)| {
            definition.running.is_some() && (started.is_none() || definition.running == started)
        });
        running.map(|((realm, _), definition)| (realm, definition))
    }
}
