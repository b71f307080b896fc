//! What the realm says, compared with what it should say.

use std::collections::BTreeMap;

use flowgate_router::SessionKey;

use super::Model;
use crate::said::Said;

impl Model {
    /// Compares what the realm said, in order, with the prediction.
    pub(crate) fn judge(&mut self, said: Vec<(SessionKey, Said)>) -> Result<(), String> {
        let mut actual: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for (key, mut said) in said {
            self.hear(key, &said)?;
            said.forget_text();
            actual.entry(key).or_default().push(said);
        }
        let mut expected = std::mem::take(&mut self.expected);
        expected.values_mut().flatten().for_each(Said::forget_text);
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
            Said::Welcome => !heard.welcome && !heard.end,
            Said::Abort { .. } => !heard.end,
            Said::Close { .. } => !heard.close,
            _ => heard.welcome && !heard.end,
        };
        if !is_in_time || heard.close {
            return Err(format!("{said:?} for {key:?} at the wrong time: {heard:?}"));
        }
        match said {
            Said::Welcome => heard.welcome = true,
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
