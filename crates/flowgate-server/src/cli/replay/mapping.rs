//! What is played otherwise than it was recorded.

use std::str::FromStr;

use flowgate_trace::Identity;

/// A change of who the sessions are: `KEY=VALUE` for all, `KEY:OLD=VALUE` for those that were `OLD`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mapping {
    key: Key,
    old: Option<String>,
    new: String,
}

/// What can be changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Key {
    Realm,
    Authid,
    Authrole,
}

/// A text that is no change; the user's fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "must be realm, authid or authrole with its new value, such as realm=realm2, or for one of several realm:realm1=realm2"
)]
pub(super) struct InvalidMapping;

/// Who a session is to be.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Who {
    pub(super) realm: String,
    /// What it asks for; `None` if it leaves that to the router.
    pub(super) authid: Option<String>,
    pub(super) authrole: Option<String>,
}

impl FromStr for Mapping {
    type Err = InvalidMapping;

    fn from_str(text: &str) -> Result<Self, InvalidMapping> {
        let (key, new) = text.split_once('=').ok_or(InvalidMapping)?;
        let (key, old) = match key.split_once(':') {
            Some((key, old)) => (key, Some(old.to_owned())),
            None => (key, None),
        };
        let key = match key {
            "realm" => Key::Realm,
            "authid" => Key::Authid,
            "authrole" => Key::Authrole,
            _ => return Err(InvalidMapping),
        };
        if new.is_empty() {
            return Err(InvalidMapping);
        }
        Ok(Self { key, old, new: new.to_owned() })
    }
}

impl Who {
    /// Who plays what somebody did: of the changes for all and those for its like, the latter.
    pub(super) fn playing(recorded: &Identity, mappings: &[Mapping]) -> Self {
        let new = |key: Key, old: Option<&str>| {
            let of_key = || mappings.iter().filter(|mapping| mapping.key == key);
            let own =
                of_key().find(|mapping| mapping.old.is_some() && mapping.old.as_deref() == old);
            own.or_else(|| of_key().find(|mapping| mapping.old.is_none()))
                .map(|mapping| mapping.new.clone())
        };
        Self {
            realm: new(Key::Realm, Some(&recorded.realm))
                .unwrap_or_else(|| recorded.realm.to_string()),
            authid: new(Key::Authid, recorded.authid.as_deref()),
            authrole: new(Key::Authrole, recorded.authrole.as_deref()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_become_who_they_are_mapped_to() {
        let was = Identity {
            realm: "realm1".into(),
            authid: Some("joe".into()),
            authrole: Some("user".into()),
            ..Identity::default()
        };
        let who = |texts: &[&str]| {
            let mappings: Vec<_> = texts.iter().map(|text| text.parse().unwrap()).collect();
            let Who { realm, authid, authrole } = Who::playing(&was, &mappings);
            (realm, authid.unwrap_or_default(), authrole.unwrap_or_default())
        };
        for (texts, wanted) in [
            (&[][..], ("realm1", "", "")),
            (&["realm=realm2"], ("realm2", "", "")),
            (&["realm:realm1=a:b=c"], ("a:b=c", "", "")),
            (&["realm:other=realm2"], ("realm1", "", "")),
            (&["authid=alice", "authrole=admin"], ("realm1", "alice", "admin")),
            (&["authid=alice", "authid:joe=jim", "authid:jane=june"], ("realm1", "jim", "")),
        ] {
            let (realm, authid, authrole) = who(texts);
            assert_eq!((&*realm, &*authid, &*authrole), wanted, "{texts:?}");
        }
    }

    #[test]
    fn what_is_no_mapping_is_refused() {
        for text in ["", "realm", "realm=", "colour=red", "authid:joe", ":a=b"] {
            assert_eq!(text.parse::<Mapping>(), Err(InvalidMapping), "{text}");
        }
    }
}
