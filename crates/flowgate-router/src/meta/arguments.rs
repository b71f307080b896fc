//! The arguments of the router's own procedures.

use flowgate_wire::{Entry, SessionId, Value};

use crate::request_error::RequestError;

/// What a caller has given: each argument by its place or by its name, as clients in the field do
/// either; `null` counts as absent.
#[derive(Debug, Clone, Copy)]
pub(super) struct Arguments<'v> {
    args: &'v [Value<'v>],
    kwargs: &'v [Entry<'v>],
}

impl<'v> Arguments<'v> {
    pub(super) fn new(args: &'v [Value<'v>], kwargs: &'v [Entry<'v>]) -> Self {
        Self { args, kwargs }
    }

    /// An argument; one given in its place goes before one of its name.
    pub(super) fn find(self, place: usize, name: &str) -> Option<&'v Value<'v>> {
        let keyword = || self.kwargs.iter().rfind(|(key, _)| key == name).map(|(_, value)| value);
        self.args.get(place).or_else(keyword).filter(|value| **value != Value::Null)
    }

    /// A string, if the argument is there.
    pub(super) fn text(
        self,
        place: usize,
        name: &'static str,
    ) -> Result<Option<&'v str>, RequestError<'static>> {
        let text = |value: &'v Value<'v>| {
            let error = RequestError::InvalidArgument { argument: name, expected: "a string" };
            value.as_str().ok_or(error)
        };
        self.find(place, name).map(text).transpose()
    }

    /// A string that must be there.
    pub(super) fn required_text(
        self,
        place: usize,
        name: &'static str,
    ) -> Result<&'v str, RequestError<'static>> {
        let missing = RequestError::InvalidArgument { argument: name, expected: "a string" };
        self.text(place, name)?.ok_or(missing)
    }

    /// The session that an argument names.
    pub(super) fn session(self, place: usize) -> Result<SessionId, RequestError<'static>> {
        let id = self.find(place, "session").and_then(Value::as_u64);
        id.and_then(|id| SessionId::new(id).ok()).ok_or(RequestError::InvalidArgument {
            argument: "session",
            expected: "a session identifier",
        })
    }

    /// A URI that must be there; it may be one that the realm does not accept.
    pub(super) fn uri(self, name: &'static str) -> Result<&'v str, RequestError<'static>> {
        let missing = RequestError::InvalidArgument { argument: name, expected: "a URI" };
        self.find(0, name).and_then(Value::as_str).ok_or(missing)
    }

    /// An argument, parsed; `expected` says what it has to be.
    pub(super) fn parsed<T>(
        self,
        place: usize,
        name: &'static str,
        expected: &'static str,
        parse: impl Fn(&'v Value<'v>) -> Option<T>,
    ) -> Result<Option<T>, RequestError<'static>> {
        let invalid = RequestError::InvalidArgument { argument: name, expected };
        self.find(place, name).map(|value| parse(value).ok_or(invalid)).transpose()
    }

    /// A list, empty if the argument is absent.
    pub(super) fn list(
        self,
        place: usize,
        name: &'static str,
    ) -> Result<&'v [Value<'v>], RequestError<'static>> {
        let error = RequestError::InvalidArgument { argument: name, expected: "a list" };
        self.find(place, name).map_or(Ok(&[]), |value| value.as_list().ok_or(error))
    }

    /// A dictionary, empty if the argument is absent.
    pub(super) fn dict(
        self,
        place: usize,
        name: &'static str,
    ) -> Result<&'v [Entry<'v>], RequestError<'static>> {
        let error = RequestError::InvalidArgument { argument: name, expected: "a dictionary" };
        self.find(place, name).map_or(Ok(&[]), |value| value.as_dict().ok_or(error))
    }
}
