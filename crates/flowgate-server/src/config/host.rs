//! Names of hosts.

use std::str::FromStr;

/// The name of a host, as requests have it in `Host`; upper and lower case are the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostName(String);

/// A text that is no name of a host; the operator's fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be the name of a host without a port, such as \"flowgate.example\"")]
pub struct InvalidHostName;

impl FromStr for HostName {
    type Err = InvalidHostName;

    fn from_str(text: &str) -> Result<Self, InvalidHostName> {
        let name = without_root(text);
        let is_name = |octet: u8| octet.is_ascii_alphanumeric() || b"-._".contains(&octet);
        if name.is_empty() || !name.bytes().all(is_name) {
            return Err(InvalidHostName);
        }
        Ok(Self(name.to_owned()))
    }
}

impl HostName {
    /// Whether a request that names `host`, without a port, means this one.
    pub(crate) fn is(&self, host: &str) -> bool {
        without_root(host).eq_ignore_ascii_case(&self.0)
    }
}

/// A name without the dot at its end that stands for the root of all names.
fn without_root(name: &str) -> &str {
    name.strip_suffix('.').unwrap_or(name)
}
