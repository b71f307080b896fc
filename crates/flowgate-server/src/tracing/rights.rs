//! Who may trace what, and who may see payload.

use flowgate_trace::{Info, PayloadCapture, Record, TraceOptions};

use super::TraceError;
use crate::config::{AdminTracing, TracedRealms, TracingConfig};

/// What somebody may do with traces, and who that is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rights {
    who: String,
    realms: TracedRealms,
    payload: bool,
}

impl Rights {
    pub(super) fn of_role(config: &TracingConfig, realm: &str, role: &str, who: String) -> Self {
        let grant = config.grants.iter().find(|grant| grant.realm == realm && grant.role == role);
        match grant {
            Some(grant) => Self { who, realms: grant.traced.clone(), payload: grant.payload },
            None => Self { who, realms: TracedRealms::Only(Vec::new()), payload: false },
        }
    }

    pub(super) fn of_admin(config: &TracingConfig, who: String) -> Self {
        let (realms, payload) = match config.admin {
            AdminTracing::Off => (TracedRealms::Only(Vec::new()), false),
            AdminTracing::Messages => (TracedRealms::All, false),
            AdminTracing::Payload => (TracedRealms::All, true),
        };
        Self { who, realms, payload }
    }

    /// Who asks, for the log.
    pub(crate) fn who(&self) -> &str {
        &self.who
    }

    /// Whether there is any realm that may be traced.
    pub(crate) fn is_any(&self) -> bool {
        self.realms != TracedRealms::Only(Vec::new())
    }

    /// Whether a realm may be traced.
    fn takes(&self, realm: &str) -> bool {
        match &self.realms {
            TracedRealms::All => true,
            TracedRealms::Only(realms) => realms.iter().any(|known| known == realm),
        }
    }

    /// Whether a trace with these options may be started; one that names no realm is of all that
    /// may be traced.
    pub(super) fn admit(&self, options: &mut TraceOptions) -> Result<(), TraceError> {
        if !self.is_any() {
            return Err(TraceError::Denied { option: None });
        }
        let wanted = &mut options.filter.realms;
        if wanted.iter().any(|realm| !self.takes(realm)) {
            return Err(TraceError::Denied { option: Some("realm") });
        }
        if let TracedRealms::Only(realms) = &self.realms
            && wanted.is_empty()
        {
            wanted.clone_from(realms);
        }
        if options.payload == PayloadCapture::Keep && !self.payload {
            return Err(TraceError::Denied { option: Some("trace_app_payload") });
        }
        Ok(())
    }

    /// Whether a trace that takes these realms, all if there are none, may be seen at all.
    pub(super) fn may_see(&self, info: &Info) -> bool {
        let mut realms = realms_of(info).peekable();
        match realms.peek() {
            None => self.is_any(),
            Some(_) => realms.any(|realm| self.takes(realm)),
        }
    }

    /// Whether a trace may be stopped: whoever may trace all that it does.
    pub(super) fn may_stop(&self, info: &Info) -> bool {
        let mut realms = realms_of(info).peekable();
        match realms.peek() {
            None => self.realms == TracedRealms::All,
            Some(_) => realms.all(|realm| self.takes(realm)),
        }
    }

    /// A record as it may be seen: not at all, without the message, or as it is.
    #[must_use]
    pub(crate) fn show(&self, mut record: Record) -> Option<Record> {
        if !self.takes(record.realm()) {
            return None;
        }
        if !self.payload {
            record.drop_payload();
        }
        Some(record)
    }
}

/// The realms that a trace is confined to; none if it is not.
fn realms_of(info: &Info) -> impl Iterator<Item = &str> {
    let realms = info.options.get("realm").and_then(flowgate_wire::Value::as_list);
    realms.unwrap_or_default().iter().filter_map(flowgate_wire::Value::as_str)
}
