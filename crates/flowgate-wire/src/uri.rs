//! URIs and URI patterns.
//!
//! Source: WAMP basic profile, "URIs"; advanced profile, "Pattern-based Subscriptions".

use std::{borrow::Cow, fmt, ops::Deref};

use crate::block::{BLOCK, uri_dots};

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
    /// All policies.
    pub const ALL: [Self; 3] = [Self::Exact, Self::Prefix, Self::Wildcard];

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
        Self::ALL.into_iter().find(|policy| policy.name() == name)
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
    if check == UriCheck::Loose
        && let Some(dots) = plain_dots(uri.as_bytes())
    {
        // A dot after a dot, or at the beginning, ends an empty component.
        let in_pairs = dots & (dots << 1 | 1);
        return match policy {
            MatchPolicy::Exact => in_pairs == 0 && !uri.ends_with('.'),
            MatchPolicy::Prefix => in_pairs == 0,
            MatchPolicy::Wildcard => true,
        };
    }
    let mut seen = 0;
    // A dot after a dot, or at the beginning, ends an empty component.
    let mut in_pairs = 0;
    let mut previous = DOT;
    for octet in uri.bytes() {
        let class = class(octet);
        seen |= class;
        in_pairs |= class & previous;
        previous = class;
    }
    let empty_component = match policy {
        MatchPolicy::Exact => (in_pairs | previous) & DOT,
        MatchPolicy::Prefix => in_pairs & DOT,
        MatchPolicy::Wildcard => 0,
    };
    let allowed = match check {
        UriCheck::Strict => seen & NOT_STRICT == 0,
        UriCheck::Loose if seen & NOT_ASCII != 0 => {
            seen & NOT_LOOSE == 0 && !uri.contains(char::is_whitespace)
        }
        UriCheck::Loose => seen & NOT_LOOSE == 0,
    };
    empty_component == 0 && allowed
}

/// The dots of a URI that fits into a block and has nothing but octets that are allowed, as most
/// have; one bit each, the lowest for the first octet.
fn plain_dots(uri: &[u8]) -> Option<u64> {
    let mut block = [b'a'; BLOCK];
    block.get_mut(..uri.len())?.copy_from_slice(uri);
    uri_dots(&block)
}

/// The octet separates components.
const DOT: u8 = 1;
/// Refused by [`UriCheck::Strict`].
const NOT_STRICT: u8 = 1 << 1;
/// Refused by [`UriCheck::Loose`], as far as a single octet tells.
const NOT_LOOSE: u8 = 1 << 2;
/// Part of a character that may be white space.
const NOT_ASCII: u8 = 1 << 3;

/// What an octet is.
fn class(octet: u8) -> u8 {
    static CLASSES: [u8; 256] = classes();
    // There is a class for each octet.
    CLASSES.get(usize::from(octet)).copied().unwrap_or_default()
}

const fn classes() -> [u8; 256] {
    let mut classes = [0; 256];
    let mut rest: &mut [u8] = &mut classes;
    let mut octet = 0;
    while let [class, after @ ..] = rest {
        *class = match octet {
            b'.' => DOT,
            b'a'..=b'z' | b'0'..=b'9' | b'_' => 0,
            // 0x1c to 0x1f are white space in the regular expressions that the specification
            // gives, and in no use elsewhere.
            b'#' | b' ' | 0x09..=0x0d | 0x1c..=0x1f => NOT_STRICT | NOT_LOOSE,
            0x80..=0xff => NOT_STRICT | NOT_ASCII,
            0x00..=0x7f => NOT_STRICT,
        };
        rest = after;
        octet = octet.wrapping_add(1);
    }
    classes
}

#[cfg(test)]
mod tests;
