//! URIs and URI patterns.
//!
//! Source: WAMP basic profile, "URIs"; advanced profile, "Pattern-based Subscriptions".

use std::{borrow::Cow, fmt, ops::Deref};

/// A URI or URI pattern as it came from the wire: any string, not yet checked.
///
/// Whether it is acceptable depends on the realm's [`UriCheck`] and on what it is used for, so
/// the router asks [`is_valid`](Self::is_valid) and answers `wamp.error.invalid_uri` itself.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uri<'a>(Cow<'a, str>);

/// How strictly URIs are checked; a setting of the realm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum UriCheck {
    /// Components are not empty and hold no white space, `.` or `#`.
    #[default]
    Loose,
    /// Components consist of `a` to `z`, digits and `_`.
    Strict,
}

/// How a URI or pattern matches: the `match` option.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum MatchPolicy {
    /// The same string.
    #[default]
    Exact,
    /// Every URI that begins with the pattern, on the level of characters.
    Prefix,
    /// Every URI with as many components, equal to the pattern's where that is not empty.
    Wildcard,
}

impl MatchPolicy {
    /// The word of the `match` option.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Prefix => "prefix",
            Self::Wildcard => "wildcard",
        }
    }

    /// The policy that a `match` option names.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Exact, Self::Prefix, Self::Wildcard].into_iter().find(|policy| policy.name() == name)
    }

    /// Whether `pattern` under this policy matches `uri`. Cost: the length of the pattern.
    #[must_use]
    pub fn matches(self, pattern: &str, uri: &str) -> bool {
        match self {
            Self::Exact => pattern == uri,
            Self::Prefix => uri.starts_with(pattern),
            Self::Wildcard => {
                let mut components = uri.split('.');
                pattern.split('.').all(|wanted| {
                    components.next().is_some_and(|given| wanted.is_empty() || wanted == given)
                }) && components.next().is_none()
            }
        }
    }
}

impl<'a> Uri<'a> {
    /// Wraps a string.
    pub fn new(uri: impl Into<Cow<'a, str>>) -> Self {
        Self(uri.into())
    }

    /// The string.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the string is a valid URI (for [`MatchPolicy::Exact`]) or pattern.
    ///
    /// An exact URI has no empty component.
    /// A wildcard pattern may have empty components anywhere.
    /// A prefix pattern may end in an empty component, and may itself be empty, which matches
    /// every URI.
    #[must_use]
    pub fn is_valid(&self, check: UriCheck, policy: MatchPolicy) -> bool {
        is_valid(&self.0, check, policy)
    }

    /// The same URI without borrowed parts.
    #[must_use]
    pub fn into_owned(self) -> Uri<'static> {
        Uri(Cow::Owned(self.0.into_owned()))
    }
}

impl Deref for Uri<'_> {
    type Target = str;
    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Uri<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'a> From<&'a str> for Uri<'a> {
    fn from(uri: &'a str) -> Self {
        Self(Cow::Borrowed(uri))
    }
}

impl<'a> From<Cow<'a, str>> for Uri<'a> {
    fn from(uri: Cow<'a, str>) -> Self {
        Self(uri)
    }
}

impl From<String> for Uri<'_> {
    fn from(uri: String) -> Self {
        Self(Cow::Owned(uri))
    }
}

fn is_valid(uri: &str, check: UriCheck, policy: MatchPolicy) -> bool {
    if uri.is_empty() {
        return policy != MatchPolicy::Exact;
    }
    let mut components = uri.split('.').peekable();
    while let Some(component) = components.next() {
        if component.is_empty() {
            let allowed = match policy {
                MatchPolicy::Exact => false,
                MatchPolicy::Prefix => components.peek().is_none(),
                MatchPolicy::Wildcard => true,
            };
            if !allowed {
                return false;
            }
        } else if !component_is_valid(component, check) {
            return false;
        }
    }
    true
}

fn component_is_valid(component: &str, check: UriCheck) -> bool {
    match check {
        UriCheck::Strict => component
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_'),
        UriCheck::Loose => {
            if component.is_ascii() {
                // The common case, without decoding characters. 0x1c to 0x1f are white space in
                // the regular expressions that the specification gives, and in no use elsewhere.
                component
                    .bytes()
                    .all(|byte| !matches!(byte, b'#' | b' ' | 0x09..=0x0d | 0x1c..=0x1f))
            } else {
                !component.chars().any(|char| char == '#' || char.is_whitespace())
            }
        }
    }
}

#[cfg(test)]
mod tests;
