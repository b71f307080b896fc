//! What the model answers when it is asked for events of the past.

use std::cmp::Ordering;

use flowgate_event::{GateAction, Timestamp};
use flowgate_router::SessionKey;
use flowgate_wire::{MatchPolicy, Payload, PublicationId, Uri, UriCheck, Value, uris};

use super::{Model, asked::Asked, events::Kept};
use crate::said;

const HISTORY_UNAVAILABLE: &str = "wamp.error.history_unavailable";

/// How an event is compared with a bound.
type Fits = fn(Ordering) -> bool;

/// The beginnings of keywords that bound what is asked for.
const BOUNDS: [(&str, Fits); 4] = [
    ("from", Ordering::is_ge),
    ("after", Ordering::is_gt),
    ("before", Ordering::is_lt),
    ("until", Ordering::is_le),
];

impl Model {
    /// `wamp.subscription.get_events`.
    pub(super) fn events(
        &mut self,
        from: SessionKey,
        asked: &Asked<'_>,
    ) -> Result<Payload<'static>, &'static str> {
        let ((policy, pattern), _) = self.subscription(asked)?;
        let (policy, pattern) = (*policy, Uri::from(pattern.clone()));
        self.admit(from, GateAction::Subscribe, policy, &pattern)?;
        let (_, subscription) = self.subscription(asked)?;
        let (records, most) = subscription.history.as_ref().ok_or(HISTORY_UNAVAILABLE)?;
        let kept: Vec<&Kept> = records.iter().skip(records.len().saturating_sub(*most)).collect();
        let seen = self.seen(from, &kept, asked)?;
        let has_found = !seen.is_empty();
        let seen = seen.into_iter().map(|kept| {
            let who = said::publisher(kept.publisher.as_deref(), kept.trustlevel);
            let (id, at) = (subscription.id, kept.at.to_rfc3339());
            Value::from(said::recorded(id, &at, &kept.topic, &who, &kept.payload))
        });
        let is_limit_reached = Value::from(records.len() > *most);
        let kwargs = vec![(said::LIMIT_REACHED.into(), is_limit_reached)];
        let found = Payload::from_vecs(seen.collect(), kwargs);
        for (keyword, _) in asked.kwargs.iter().filter(|_| has_found) {
            self.see(&format!("events found by {keyword}"));
        }
        Ok(found)
    }

    /// The events that a session asks for and may see.
    fn seen<'k>(
        &self,
        by: SessionKey,
        kept: &[&'k Kept],
        asked: &Asked<'_>,
    ) -> Result<Vec<&'k Kept>, &'static str> {
        let admits = |kept: &Kept| kept.lists.iter().all(|list| self.admits(list, by));
        let mut seen: Vec<(usize, &Kept)> = kept.iter().copied().enumerate().collect();
        seen.retain(|(_, kept)| admits(kept));
        for (name, fits) in BOUNDS {
            let parse = |value: &Value<'_>| value.as_str().and_then(Timestamp::from_rfc3339);
            if let Some(time) = asked.keyword(&format!("{name}_time"), parse)? {
                seen.retain(|(_, kept)| fits(kept.at.cmp(&time)));
            }
            let parse =
                |value: &Value<'_>| value.as_u64().and_then(|id| PublicationId::new(id).ok());
            if let Some(id) = asked.keyword(&format!("{name}_publication"), parse)? {
                let is_it = |kept: &&Kept| self.publications.get(&kept.number) == Some(&id.get());
                let place = kept.iter().position(is_it);
                seen.retain(|(index, _)| place.is_some_and(|place| fits(index.cmp(&place))));
            }
        }
        let topic = asked.keyword("topic", |value| {
            let topic = value.as_str()?.to_owned();
            Uri::from(topic.clone()).is_valid(UriCheck::Loose, MatchPolicy::Exact).then_some(topic)
        })?;
        seen.retain(|(_, kept)| topic.as_ref().is_none_or(|topic| *topic == kept.topic));
        if asked.keyword("reverse", Value::as_bool)? == Some(true) {
            seen.reverse();
        }
        if let Some(limit) = asked.keyword("limit", Value::as_u64)? {
            let limit = usize::try_from(limit).ok().filter(|limit| *limit > 0);
            seen.truncate(limit.ok_or(uris::error::INVALID_ARGUMENT)?);
        }
        Ok(seen.into_iter().map(|(_, kept)| kept).collect())
    }
}
