//! Who may get an event: black- and whitelists.
//!
//! Source: advanced profile, "Subscriber Black- and Whitelisting".

use std::borrow::Borrow;

use flowgate_wire::{SessionId, Value};

use crate::{request_error::RequestError, session::Identity};

/// The lists of a publication.
///
/// A session gets the event if each list that is there admits it; an `eligible` list without items
/// admits nobody.
/// Lists are sorted once, so that a look-up costs O(log items).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Audience {
    sessions: Listing<SessionId>,
    authids: Listing<String>,
    authroles: Listing<String>,
}

/// The two lists of one property; `None` where the option is absent.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Listing<T> {
    exclude: Option<Vec<T>>,
    eligible: Option<Vec<T>>,
}

impl Audience {
    /// The options that name people instead of sessions, so that they mean the same tomorrow.
    pub(crate) const LASTING: [&'static str; 4] =
        ["exclude_authid", "exclude_authrole", "eligible_authid", "eligible_authrole"];

    /// Takes one of the six options of PUBLISH; whether `option` is one.
    pub(crate) fn take_option(
        &mut self,
        option: &str,
        value: &Value<'_>,
    ) -> Result<bool, RequestError<'static>> {
        match option {
            "exclude" => self.sessions.exclude = sessions("exclude", value)?,
            "eligible" => self.sessions.eligible = sessions("eligible", value)?,
            "exclude_authid" => self.authids.exclude = names("exclude_authid", value)?,
            "eligible_authid" => self.authids.eligible = names("eligible_authid", value)?,
            "exclude_authrole" => self.authroles.exclude = names("exclude_authrole", value)?,
            "eligible_authrole" => self.authroles.eligible = names("eligible_authrole", value)?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Roles alone: those that get the event, if not all do, and those that do not.
    pub(crate) fn of_roles(eligible: Option<&[String]>, exclude: Option<&[String]>) -> Self {
        let sorted = |names: &[String]| {
            let mut names = names.to_vec();
            names.sort_unstable();
            names
        };
        let (eligible, exclude) = (eligible.map(sorted), exclude.map(sorted));
        Self { authroles: Listing { exclude, eligible }, ..Self::default() }
    }

    /// Whether a session may get the event. Cost: O(log items of the lists).
    pub(crate) fn admits(&self, who: Identity<'_>) -> bool {
        self.sessions.admits(&who.session) && self.admits_person(who)
    }

    /// Whether a session may get the event, by who it is rather than which.
    pub(crate) fn admits_person(&self, who: Identity<'_>) -> bool {
        self.authids.admits(who.authid) && self.authroles.admits(who.authrole)
    }

    /// The only sessions that can get the event, each once, if they are listed.
    pub(crate) fn eligible_sessions(&self) -> Option<&[SessionId]> {
        self.sessions.eligible.as_deref()
    }

    /// Whether sessions are listed, which are others tomorrow.
    pub(crate) fn names_sessions(&self) -> bool {
        self.sessions.exclude.is_some() || self.sessions.eligible.is_some()
    }

    /// Whether everybody gets the event.
    pub(crate) fn is_everybody(&self) -> bool {
        *self == Self::default()
    }

    /// The lists that mean the same tomorrow, as [`take_option`](Self::take_option) takes them.
    pub(crate) fn lasting_options(&self) -> impl Iterator<Item = (&'static str, Value<'_>)> {
        let Self { authids, authroles, .. } = self;
        let lists = [&authids.exclude, &authroles.exclude, &authids.eligible, &authroles.eligible];
        let options = Self::LASTING.into_iter().zip(lists);
        options.filter_map(|(option, list)| {
            let names = list.as_ref()?.iter().map(|name| Value::from(name.as_str()));
            Some((option, Value::List(names.collect())))
        })
    }
}

impl<T> Listing<T> {
    fn admits<Q: Ord + ?Sized>(&self, one: &Q) -> bool
    where
        T: Borrow<Q>,
    {
        let lists = |list: &Vec<T>| list.binary_search_by(|item| item.borrow().cmp(one)).is_ok();
        self.eligible.as_ref().is_none_or(lists) && !self.exclude.as_ref().is_some_and(lists)
    }
}

impl<T> Default for Listing<T> {
    fn default() -> Self {
        Self { exclude: None, eligible: None }
    }
}

fn sessions(
    option: &'static str,
    value: &Value<'_>,
) -> Result<Option<Vec<SessionId>>, RequestError<'static>> {
    let item = |item: &Value<'_>| item.as_u64().and_then(|id| SessionId::new(id).ok());
    list(value, item)
        .ok_or(RequestError::InvalidOption { option, expected: "a list of session identifiers" })
}

fn names(
    option: &'static str,
    value: &Value<'_>,
) -> Result<Option<Vec<String>>, RequestError<'static>> {
    list(value, |item| item.as_str().map(str::to_owned))
        .ok_or(RequestError::InvalidOption { option, expected: "a list of strings" })
}

/// The sorted items of a list, without repetitions; `Some(None)` for null, which is absent.
fn list<T: Ord>(
    value: &Value<'_>,
    item: impl Fn(&Value<'_>) -> Option<T>,
) -> Option<Option<Vec<T>>> {
    if *value == Value::Null {
        return Some(None);
    }
    let mut items: Vec<T> = value.as_list()?.iter().map(item).collect::<Option<_>>()?;
    items.sort_unstable();
    items.dedup();
    Some(Some(items))
}
