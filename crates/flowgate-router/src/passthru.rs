//! Attributes of payloads that the router must not look into.
//!
//! Source: advanced profile, "Payload Passthru Mode".

use flowgate_wire::Value;

use crate::{details::Details, request_error::RequestError};

/// The attributes, passed on as they are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Passthru {
    values: [Option<String>; Passthru::KEYS.len()],
}

impl Passthru {
    /// What the attributes are called in options and details; the first tells that the mode is on.
    pub(crate) const KEYS: [&'static str; 4] =
        ["ppt_scheme", "ppt_serializer", "ppt_cipher", "ppt_keyid"];

    /// Takes an option that may be one of the attributes.
    pub(crate) fn take_option(
        &mut self,
        option: &str,
        value: &Value<'_>,
    ) -> Result<(), RequestError<'static>> {
        let attributes = Self::KEYS.into_iter().zip(&mut self.values);
        let Some((key, attribute)) = attributes.into_iter().find(|(key, _)| *key == option) else {
            return Ok(());
        };
        *attribute = match value.as_str() {
            None if *value != Value::Null => {
                return Err(RequestError::InvalidOption { option: key, expected: "a string" });
            }
            text => text.map(str::to_owned),
        };
        Ok(())
    }

    /// Whether the mode is on: it is if there is a scheme.
    pub(crate) fn is_on(&self) -> bool {
        let [scheme, ..] = &self.values;
        scheme.as_deref().is_some_and(|scheme| !scheme.is_empty())
    }

    /// Adds the attributes to details that have room for them.
    pub(crate) fn push_to<'a, const N: usize>(&'a self, details: &mut Details<'a, N>) {
        for (key, value) in Self::KEYS.into_iter().zip(&self.values) {
            if let Some(value) = value {
                details.push(key, value.as_str());
            }
        }
    }
}
