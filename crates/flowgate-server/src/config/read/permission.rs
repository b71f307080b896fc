//! The permission rules of a role.

use flowgate_event::Disclosure;
use flowgate_wire::MatchPolicy;

use crate::config::{
    Allow, Disclose, PermissionRule, Position,
    reader::{Field, Map, Reader},
    schema::{ALLOW, DISCLOSE, PERMISSION},
    tree::Value,
};

pub(super) const POLICIES: &[(&str, MatchPolicy)] = &[
    ("exact", MatchPolicy::Exact),
    ("prefix", MatchPolicy::Prefix),
    ("wildcard", MatchPolicy::Wildcard),
];

/// Reads the list of rules. Of two rules for one URI the later one counts, with a warning.
pub(super) fn read_rules(reader: &mut Reader<'_>, list: &Field<'_>) -> Vec<PermissionRule> {
    let mut rules: Vec<(PermissionRule, Position)> = Vec::new();
    for field in reader.items(list) {
        let Some(rule) = read_rule(reader, &field) else { continue };
        if let Some(index) = rules.iter().position(|(earlier, _)| same_key(earlier, &rule)) {
            let (_, first) = rules.remove(index);
            let message = format!("replaces the rule for the same URI in line {}", first.line);
            reader.warn_at(field.node.position, &field.path, message);
        }
        rules.push((rule, field.node.position));
    }
    rules.into_iter().map(|(rule, _)| rule).collect()
}

/// Whether one rule replaces the other: wildcard rules are kept apart from all others.
fn same_key(one: &PermissionRule, other: &PermissionRule) -> bool {
    let wildcard = |rule: &PermissionRule| rule.match_policy == MatchPolicy::Wildcard;
    one.uri == other.uri && wildcard(one) == wildcard(other)
}

fn read_rule(reader: &mut Reader<'_>, field: &Field<'_>) -> Option<PermissionRule> {
    let map = reader.section(field, &PERMISSION)?;
    let target = read_target(reader, &map);
    let allow = reader.optional_section(&map, "allow", &ALLOW).map(|allow| Allow {
        call: reader.boolean(&allow, "call", false),
        register: reader.boolean(&allow, "register", false),
        publish: reader.boolean(&allow, "publish", false),
        subscribe: reader.boolean(&allow, "subscribe", false),
    });
    let disclose = reader.optional_section(&map, "disclose", &DISCLOSE).map(|disclose| Disclose {
        caller: read_disclosure(reader, &disclose, "caller"),
        publisher: read_disclosure(reader, &disclose, "publisher"),
    });
    let (uri, match_policy) = target?;
    let (allow, disclose) = (allow.unwrap_or_default(), disclose.unwrap_or_default());
    Some(PermissionRule { uri, match_policy, allow, disclose })
}

/// `true` for always, `false` for those who ask, and the word `never`.
fn read_disclosure(reader: &mut Reader<'_>, map: &Map<'_>, key: &str) -> Disclosure {
    let is_never = |value: &Value| matches!(value, Value::Text(text) if text == "never");
    if map.get(key).is_some_and(|field| is_never(&field.node.value)) {
        return Disclosure::Never;
    }
    if reader.boolean(map, key, false) { Disclosure::Always } else { Disclosure::OnRequest }
}

/// The URI and how it matches.
fn read_target(reader: &mut Reader<'_>, map: &Map<'_>) -> Option<(String, MatchPolicy)> {
    let field = reader.required(map, "uri")?;
    let text = reader.text(&field)?;
    if text.contains(|letter: char| letter.is_whitespace() || letter == '#') {
        reader.error(&field, "a URI has neither white space nor `#`");
        return None;
    }
    let Some(policy) = map.get("match") else {
        return read_starred(reader, &field, text);
    };
    let policy = reader.choice(&policy, POLICIES, None)?;
    if text.contains('*') {
        let message = "a star is only understood without `match`; beside it, write the empty \
                       component or the prefix itself";
        let suggestion = text.replace('*', "");
        reader.error_suggesting(&field, message, Some(suggestion));
        return None;
    }
    if !flowgate_wire::Uri::new(text).is_valid(flowgate_wire::UriCheck::Loose, policy) {
        reader.error(&field, format!("not a valid URI for match `{}`", policy.name()));
        return None;
    }
    Some((text.to_owned(), policy))
}

/// Starred syntax: no star is exact, one star at the end is a prefix, else every star stands for
/// a component.
fn read_starred(
    reader: &mut Reader<'_>,
    field: &Field<'_>,
    text: &str,
) -> Option<(String, MatchPolicy)> {
    let stars = text.matches('*').count();
    let (uri, policy) = match text.strip_suffix('*') {
        Some(prefix) if stars == 1 => (prefix.to_owned(), MatchPolicy::Prefix),
        _ if stars == 0 => (text.to_owned(), MatchPolicy::Exact),
        _ => (text.replace('*', ""), MatchPolicy::Wildcard),
    };
    let partial = text.split('.').any(|part| part.contains('*') && part != "*");
    if policy == MatchPolicy::Wildcard && partial {
        reader.error(field, "a star stands for a whole component, or for the rest at the end");
        return None;
    }
    if !flowgate_wire::Uri::new(uri.as_str()).is_valid(flowgate_wire::UriCheck::Loose, policy) {
        let message = if uri.is_empty() {
            "an empty URI needs `match: prefix` to stand for all URIs"
        } else {
            "not a valid URI; empty components need `match: wildcard` or a star"
        };
        reader.error(field, message);
        return None;
    }
    Some((uri, policy))
}
