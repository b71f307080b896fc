//! Publications and what came of them, by topic if the configuration says by which.

use std::cell::OnceCell;

use flowgate_metrics::{LocalCounter, OTHER};

use super::{RealmIndex, local::Local};

/// What the `topic` label says while no topics are configured: nothing, so that it is not there.
const UNTOLD: &str = "";

/// One thread's counters for the publications of one realm.
#[derive(Debug)]
pub(super) struct Publications {
    /// Of topics that no pattern matches; of all topics, if there are no patterns.
    others: Counts,
    /// By the place of the pattern.
    by_pattern: Box<[OnceCell<Counts>]>,
}

/// The counters for one value of the `topic` label.
#[derive(Debug)]
pub(super) struct Counts {
    pub(super) accepted: LocalCounter,
    pub(super) refused: LocalCounter,
    pub(super) events: LocalCounter,
}

impl Publications {
    pub(super) fn new(local: &Local, realm: RealmIndex) -> Self {
        let patterns = &local.families.topics;
        let others = if patterns.is_empty() { UNTOLD } else { OTHER };
        Self {
            others: Counts::new(local, realm, others),
            by_pattern: patterns.iter().map(|_| OnceCell::new()).collect(),
        }
    }

    /// The counters for a topic. Cost: one comparison for each pattern up to the one that matches.
    #[inline]
    pub(super) fn of(&self, local: &Local, realm: RealmIndex, topic: &str) -> &Counts {
        let mut patterns = local.families.topics.iter().zip(&self.by_pattern);
        match patterns.find(|(pattern, _)| pattern.matches(topic)) {
            Some((pattern, counts)) => {
                counts.get_or_init(|| Counts::new(local, realm, &pattern.uri))
            }
            None => &self.others,
        }
    }
}

impl Counts {
    fn new(local: &Local, realm: RealmIndex, topic: &str) -> Self {
        let families = &local.families;
        let realm = families.realm_name(realm);
        Self {
            accepted: local.handle(&families.publications, [realm, topic, "ok"]),
            refused: local.handle(&families.publications, [realm, topic, "refused"]),
            events: local.handle(&families.events, [realm, topic]),
        }
    }
}
