//! Static permissions: the rules of a role.

use flowgate_event::{Disclosure, Gate, GateAction, GateRequest, Verdict};
use flowgate_wire::MatchPolicy;

use crate::uri_table::{EntryKey, InsertError, UriTable};

/// One rule: what may be done with the URIs that a pattern matches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// The URI or pattern.
    pub pattern: String,
    /// How it matches.
    pub policy: MatchPolicy,
    /// What is allowed.
    pub allow: Allow,
    /// Who is disclosed.
    pub disclose: Disclose,
}

/// What a [`Rule`] allows; nothing unless it says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Allow {
    /// To call the procedure.
    pub call: bool,
    /// To register it.
    pub register: bool,
    /// To publish to the topic.
    pub publish: bool,
    /// To subscribe to it.
    pub subscribe: bool,
}

/// Whom a [`Rule`] discloses; those who ask for it unless it says otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Disclose {
    /// The caller, to the callee.
    pub caller: Disclosure,
    /// The publisher, to the subscribers.
    pub publisher: Disclosure,
}

/// The rules of one role: the [`Gate`] that a node configuration describes.
///
/// # Which rule decides
/// For a URI: the exact rule of that URI, else the most specific wildcard rule that matches (the
/// one whose runs of literal components are longest, from the left), else the longest prefix
/// rule that matches.
/// That rule alone decides; without one, the answer is no.
/// A wildcard rule goes before a prefix rule, as in Crossbar.io's configuration, and unlike in the
/// routing of calls.
///
/// A request with a pattern (`match` is prefix or wildcard) asks for many URIs at once, so it is
/// decided by a rule that covers *every* URI that the pattern can match, and otherwise refused: a
/// session that may subscribe to `com.a.b` gains nothing by subscribing to the prefix `com.a`.
/// - A prefix pattern is covered by the prefix rules whose text it begins with.
///   No wildcard rule covers it, since that fixes the number of components.
/// - A wildcard pattern is covered by the wildcard rules with as many components that have, in
///   each place, a wildcard or the same component; by the prefix rules whose text its literal
///   beginning (all before its first wildcard) begins with; and, if it has no wildcard at all, by
///   the exact rule of its text.
///
/// Among the rules that cover a pattern the choice is as above, so a rule with the very pattern
/// comes first.
/// A narrower rule that refuses a part of what the pattern matches does not count: the broad rule
/// gave the role the whole.
///
/// # Differences to Crossbar.io
/// There an exact rule for `com.a` also hides the prefix rule `com.` from `com.abc`, which is then
/// refused; here it decides about `com.a` only.
/// There an exact and a prefix rule with the same text replace each other; here a later rule
/// replaces an earlier one only if pattern and policy are the same.
#[derive(Debug)]
pub struct Permissions {
    rules: UriTable<Grant>,
}

/// What a rule says, without its pattern.
#[derive(Debug, Clone, Copy)]
struct Grant {
    allow: Allow,
    disclose: Disclose,
}

impl Allow {
    /// Everything.
    pub const ALL: Self = Self { call: true, register: true, publish: true, subscribe: true };

    fn allows(self, action: GateAction) -> bool {
        match action {
            GateAction::Call => self.call,
            GateAction::Register => self.register,
            GateAction::Publish => self.publish,
            GateAction::Subscribe => self.subscribe,
        }
    }
}

impl Disclose {
    fn disclosure(self, action: GateAction) -> Disclosure {
        match action {
            GateAction::Call => self.caller,
            GateAction::Publish => self.publisher,
            GateAction::Register | GateAction::Subscribe => Disclosure::OnRequest,
        }
    }
}

impl Permissions {
    /// The permissions that rules give; of rules with the same pattern and policy the last one
    /// counts.
    ///
    /// Patterns are taken as they are: a pattern that matches no valid URI is without effect.
    #[must_use]
    pub fn new(rules: impl IntoIterator<Item = Rule>) -> Self {
        // The rules come from the operator, who need not be kept from guessing collisions.
        let mut table = UriTable::new(0);
        for Rule { pattern, policy, allow, disclose } in rules {
            let grant = Grant { allow, disclose };
            match table.insert(policy, &pattern, grant) {
                Ok(_) => {}
                Err(InsertError::Occupied(key)) => {
                    if let Some(earlier) = table.get_mut(key) {
                        *earlier = grant;
                    }
                }
                // More rules than memory holds. Leaving one out could allow what it refuses, so
                // nothing is allowed.
                Err(InsertError::Exhausted) => return Self { rules: UriTable::new(0) },
            }
        }
        Self { rules: table }
    }

    /// Everything is allowed, on every URI and pattern.
    #[must_use]
    pub fn allow_all(disclose: Disclose) -> Self {
        let (pattern, policy) = (String::new(), MatchPolicy::Prefix);
        Self::new([Rule { pattern, policy, allow: Allow::ALL, disclose }])
    }

    /// The rule that decides about a URI or pattern. Cost: that of a look-up in a [`UriTable`].
    fn rule(&self, policy: MatchPolicy, uri: &str) -> Option<EntryKey> {
        let rules = &self.rules;
        match policy {
            MatchPolicy::Exact => rules
                .exact(uri)
                .or_else(|| rules.best_wildcard(uri))
                .or_else(|| rules.best_prefix(uri)),
            MatchPolicy::Prefix => rules.best_prefix(uri),
            MatchPolicy::Wildcard => {
                // The empty components of the pattern are matched by wildcards alone, so that the
                // rules that "match" the pattern's text are those that cover it.
                let has_wildcard = uri.split('.').any(str::is_empty);
                let exact = if has_wildcard { None } else { rules.exact(uri) };
                exact
                    .or_else(|| rules.best_wildcard(uri))
                    .or_else(|| rules.best_prefix(literal_beginning(uri)))
            }
        }
    }
}

impl Gate for Permissions {
    fn admit(&self, request: &GateRequest<'_>) -> Verdict {
        match self.rule(request.policy, request.uri).and_then(|key| self.rules.get(key)) {
            Some(grant) if grant.allow.allows(request.action) => {
                Verdict::Admit(grant.disclose.disclosure(request.action))
            }
            Some(_) | None => Verdict::Deny,
        }
    }
}

/// What every URI that a wildcard pattern matches begins with: the pattern up to its first
/// wildcard.
fn literal_beginning(pattern: &str) -> &str {
    let length = pattern
        .split('.')
        .take_while(|component| !component.is_empty())
        .map(|component| component.len() + 1)
        .sum();
    // The sum counts a dot after a last literal component, where there is none.
    pattern.get(..length).unwrap_or(pattern)
}

#[cfg(test)]
mod tests;
