//! What the realm says, compared with what it should say.

use std::collections::BTreeMap;

use flowgate_event::Timestamp;
use flowgate_router::{Input, SessionKey};

use super::Model;
use crate::said::Said;

impl Model {
    /// Compares what the realm said to an input, in order, with what it should say.
    pub(crate) fn judge(
        &mut self,
        now: Timestamp,
        input: &Input<'_>,
        said: Vec<(SessionKey, Said)>,
    ) -> Result<(), String> {
        self.said = said;
        self.predict(now, input);
        if let Some(fault) = self.fault.take() {
            return Err(fault);
        }
        let mut actual: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for (key, mut said) in std::mem::take(&mut self.said) {
            self.hear(key, &said)?;
            said.forget_text();
            actual.entry(key).or_default().push(said);
        }
        let mut expected = std::mem::take(&mut self.expected);
        expected.values_mut().flatten().for_each(Said::forget_text);
        for (key, actual) in &actual {
            let expected = expected.get(key).map(Vec::as_slice).unwrap_or_default();
            if told_about(actual) != told_about(expected) {
                return Err(format!("{key:?} was told of things in the wrong order"));
            }
        }
        for said in actual.values_mut().chain(expected.values_mut()) {
            said.sort();
        }
        for key in actual.keys().chain(expected.keys()) {
            let (actual, expected) = (actual.get(key), expected.get(key));
            if actual != expected {
                let nothing = Vec::new();
                let (actual, expected) = (actual.unwrap_or(&nothing), expected.unwrap_or(&nothing));
                let missing: Vec<_> = expected.iter().filter(|one| !actual.contains(one)).collect();
                let wrong: Vec<_> = actual.iter().filter(|one| !expected.contains(one)).collect();
                return Err(format!(
                    "{key:?} was told {} things instead of {}; missing {missing:?}, wrong {wrong:?}",
                    actual.len(),
                    expected.len()
                ));
            }
        }
        Ok(())
    }

    /// Checks what must hold about the order in which a session is told things.
    pub(super) fn hear(&mut self, key: SessionKey, said: &Said) -> Result<(), String> {
        let Some(seat) = self.sessions.get_mut(&key) else {
            return Err(format!("{said:?} for {key:?}, where nobody is"));
        };
        let heard = &mut seat.heard;
        let is_in_time = match said {
            Said::Welcome { .. } => !heard.welcome && !heard.end,
            Said::Abort { .. } => !heard.end,
            Said::Close { .. } => !heard.close,
            _ => heard.welcome && !heard.end,
        };
        if !is_in_time || heard.close {
            return Err(format!("{said:?} for {key:?} at the wrong time: {heard:?}"));
        }
        match said {
            Said::Welcome { .. } => heard.welcome = true,
            Said::Abort { .. } | Said::Goodbye { .. } => heard.end = true,
            Said::Close { .. } => heard.close = true,
            Said::Subscribed { subscription, .. } => {
                heard.subscriptions.insert(*subscription);
            }
            Said::Registered { registration, .. } => {
                heard.registrations.insert(*registration);
            }
            Said::Event { subscription, .. } if !heard.subscriptions.contains(subscription) => {
                return Err(format!("EVENT before SUBSCRIBED: {said:?} for {key:?}"));
            }
            Said::Invocation { registration, .. }
                if !heard.registrations.contains(registration) =>
            {
                return Err(format!("INVOCATION before REGISTERED: {said:?} for {key:?}"));
            }
            _ => {}
        }
        Ok(())
    }
}

/// What the events of the router say about each subscription and registration, in order; about
/// several of them they may come as they like.
fn told_about(said: &[Said]) -> Vec<(u64, u64, &str)> {
    let events = said.iter().filter_map(|said| match said {
        Said::Event { subscription, about: Some(about), topic: Some(topic), .. } => {
            Some((*subscription, *about, topic.as_str()))
        }
        _ => None,
    });
    let mut events: Vec<_> = events.collect();
    events.sort_by_key(|(subscription, about, _)| (*subscription, *about));
    events
}
