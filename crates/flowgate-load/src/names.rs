//! What the topics and procedures of a load are called, and which entries match them.

use clap::ValueEnum;
use flowgate_wire::MatchPolicy;

use crate::opening::Role;

/// How the entries of a run, subscriptions or registrations, match.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Policies {
    /// The whole URI.
    Exact,
    /// The beginning.
    Prefix,
    /// All components but one.
    Wildcard,
    /// A third of each; the one that is hit is a wildcard, which is looked for last.
    Mixed,
}

impl Policies {
    /// The policy of the entries that are hit.
    pub(crate) const fn of_hit(self) -> MatchPolicy {
        match self {
            Self::Exact => MatchPolicy::Exact,
            Self::Prefix => MatchPolicy::Prefix,
            Self::Wildcard | Self::Mixed => MatchPolicy::Wildcard,
        }
    }

    /// The policy of the other entry at `index`.
    pub(crate) const fn of_other(self, index: usize) -> MatchPolicy {
        match self {
            Self::Exact => MatchPolicy::Exact,
            Self::Prefix => MatchPolicy::Prefix,
            Self::Wildcard => MatchPolicy::Wildcard,
            Self::Mixed => match index % 3 {
                0 => MatchPolicy::Exact,
                1 => MatchPolicy::Prefix,
                _ => MatchPolicy::Wildcard,
            },
        }
    }

    /// The name, as on the command line.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Prefix => "prefix",
            Self::Wildcard => "wildcard",
            Self::Mixed => "mixed",
        }
    }
}

/// The topic or procedure at `index`.
pub(crate) fn uri(role: Role, index: usize) -> String {
    format!("com.example.load.{}.{index}.value", role.noun())
}

/// The entry that matches the topic or procedure at `index`, and no other.
pub(crate) fn entry(role: Role, policy: MatchPolicy, index: usize) -> String {
    match policy {
        MatchPolicy::Exact => uri(role, index),
        MatchPolicy::Prefix => format!("com.example.load.{}.{index}.", role.noun()),
        MatchPolicy::Wildcard => format!("com.example.load..{index}.value"),
    }
}

/// The detail of an EVENT or INVOCATION that tells the URI, where a pattern has matched.
pub(crate) const fn detail(role: Role, policy: MatchPolicy) -> Option<&'static str> {
    match policy {
        MatchPolicy::Exact => None,
        MatchPolicy::Prefix | MatchPolicy::Wildcard => Some(role.noun()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_match_their_own_uri_only() {
        for policy in MatchPolicy::ALL {
            for role in [Role::Subscriber, Role::Callee] {
                let pattern = entry(role, policy, 12);
                assert!(policy.matches(&pattern, &uri(role, 12)), "{pattern}");
                for other in [1, 2, 120, 121, 0] {
                    assert!(!policy.matches(&pattern, &uri(role, other)), "{pattern} {other}");
                }
            }
        }
    }

    #[test]
    fn mixed_entries_are_a_third_of_each() {
        let policies: Vec<MatchPolicy> = (0..4).map(|n| Policies::Mixed.of_other(n)).collect();
        let [exact, prefix, wildcard] =
            [MatchPolicy::Exact, MatchPolicy::Prefix, MatchPolicy::Wildcard];
        assert_eq!(policies, [exact, prefix, wildcard, exact]);
    }
}
