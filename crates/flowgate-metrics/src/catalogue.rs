//! What is registered, for documentation.

use crate::{
    collector::CollectorKind,
    descriptor::{Container, Identity},
    label::Label,
    registry::AnyFamily,
};

/// A family as it was registered; made by [`Registry::catalogue`](crate::Registry::catalogue).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// What text 0.0.4 calls it: with `_total`, if it is a counter.
    pub name: String,
    /// `counter`, `gauge`, `histogram` or `info`.
    pub kind: &'static str,
    /// The names of its labels, in their order.
    pub labels: Vec<&'static str>,
    /// What it is.
    pub help: String,
    /// The stat on the console, with the name of a label in brackets where its value stands.
    pub stat: String,
}

impl Listed {
    pub(crate) fn new(family: &AnyFamily) -> Self {
        let (kind, suffix, labels) = match family {
            AnyFamily::Counter(core) => ("counter", "_total", &core.labels),
            AnyFamily::Gauge(core) => ("gauge", "", &core.labels),
            AnyFamily::Histogram(core) => ("histogram", "", &core.labels),
            AnyFamily::Percentage(core) => ("gauge", "", &core.labels),
            AnyFamily::Collector(collector) => match collector.kind {
                CollectorKind::Counter => ("counter", "_total", &collector.labels),
                CollectorKind::Gauge => ("gauge", "", &collector.labels),
                CollectorKind::Info => ("info", "_info", &collector.labels),
            },
        };
        let Identity { family: name, category, short_name, .. } = family.identity();
        let container = match family.identity().container() {
            Container::Fixed(container) => container.to_string(),
            Container::Label(label) => format!("[{label}]"),
        };
        Self {
            name: format!("{name}{suffix}"),
            kind,
            labels: labels.iter().map(|Label { name, .. }| *name).collect(),
            help: family.identity().help().to_owned(),
            stat: format!("{category}.{container}.{short_name}"),
        }
    }
}
