//! The arguments of a call, by name or by place.

use flowgate_wire::{Entry, OwnedPayload, Value};

use super::error::CallError;

/// Arguments, each at most once; those that are null count as absent.
#[derive(Debug)]
pub(super) struct Arguments {
    all: Vec<(&'static str, Value<'static>)>,
}

impl Arguments {
    /// Reads the arguments of a procedure, which are named in their order.
    pub(super) fn read(payload: &OwnedPayload, names: &[&'static str]) -> Result<Self, CallError> {
        let payload = payload.as_payload();
        let (args, kwargs) = payload.decode();
        if args.len() > names.len() {
            return Err(CallError::TooMany(names.len()));
        }
        let mut all: Vec<_> = names.iter().copied().zip(args).collect();
        for (key, value) in kwargs {
            let known = names.iter().find(|name| **name == key);
            match known {
                Some(name) if all.iter().all(|(other, _)| other != name) => all.push((name, value)),
                Some(_) | None => return Err(CallError::UnknownArgument(key.into_owned())),
            }
        }
        let given = all.into_iter().filter(|(_, value)| *value != Value::Null);
        Ok(Self { all: given.map(|(name, value)| (name, value.into_owned())).collect() })
    }

    /// An argument of any type.
    pub(super) fn value(&self, argument: &'static str) -> Option<&Value<'static>> {
        self.all.iter().find(|(name, _)| *name == argument).map(|(_, value)| value)
    }

    pub(super) fn text(&self, argument: &'static str) -> Result<Option<&str>, CallError> {
        self.typed(argument, "a string", |value| value.as_str())
    }

    pub(super) fn number(&self, argument: &'static str) -> Result<Option<u64>, CallError> {
        self.typed(argument, "a number from 0 on", Value::as_u64)
    }

    pub(super) fn flag(&self, argument: &'static str) -> Result<Option<bool>, CallError> {
        self.typed(argument, "a boolean", Value::as_bool)
    }

    pub(super) fn dict(
        &self,
        argument: &'static str,
    ) -> Result<Option<&[Entry<'static>]>, CallError> {
        self.typed(argument, "a dictionary", |value| value.as_dict())
    }

    pub(super) fn texts(&self, argument: &'static str) -> Result<Option<Vec<String>>, CallError> {
        self.typed(argument, "a list of strings", |value| {
            value.as_list()?.iter().map(|item| item.as_str().map(str::to_owned)).collect()
        })
    }

    /// A string that has to be there.
    pub(super) fn required_text(&self, argument: &'static str) -> Result<String, CallError> {
        let missing = CallError::Argument { argument, expected: "a string" };
        self.text(argument)?.map(str::to_owned).ok_or(missing)
    }

    fn typed<'a, T>(
        &'a self,
        argument: &'static str,
        expected: &'static str,
        read: impl FnOnce(&'a Value<'static>) -> Option<T>,
    ) -> Result<Option<T>, CallError> {
        let value = self.value(argument);
        let read = value.map(|value| read(value).ok_or(CallError::Argument { argument, expected }));
        read.transpose()
    }
}

#[cfg(test)]
mod tests;
