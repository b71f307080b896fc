use proptest::prelude::*;

use super::{MatchPolicy, Uri, UriCheck};

fn check(uri: &str, policy: MatchPolicy, loose: bool, strict: bool) {
    assert_eq!(Uri::from(uri).is_valid(UriCheck::Loose, policy), loose, "loose {policy:?} {uri:?}");
    assert_eq!(
        Uri::from(uri).is_valid(UriCheck::Strict, policy),
        strict,
        "strict {policy:?} {uri:?}"
    );
}

#[test]
fn an_exact_uri_has_no_empty_component() {
    check("com.example.topic_1", MatchPolicy::Exact, true, true);
    check("com.Example.topic", MatchPolicy::Exact, true, false);
    check("com.exämple", MatchPolicy::Exact, true, false);
    check("wamp", MatchPolicy::Exact, true, true);
    for bad in ["", ".", "com.", ".com", "com..x", "com.a b", "com.a#", "com.a\tb", "com.a\u{a0}b"]
    {
        check(bad, MatchPolicy::Exact, false, false);
    }
}

#[test]
fn a_pattern_may_have_empty_components_where_its_policy_allows() {
    check("", MatchPolicy::Prefix, true, true);
    check("com.", MatchPolicy::Prefix, true, true);
    check("com..x", MatchPolicy::Prefix, false, false);
    check("com..", MatchPolicy::Prefix, false, false);
    check(".", MatchPolicy::Prefix, false, false);
    check(".com", MatchPolicy::Prefix, false, false);
    check("com..x", MatchPolicy::Wildcard, true, true);
    check("..", MatchPolicy::Wildcard, true, true);
    check("com. .x", MatchPolicy::Wildcard, false, false);
}

#[test]
fn a_character_is_allowed_or_not_wherever_it_stands() {
    let beyond_ascii = ['\u{85}', '\u{a0}', '\u{2003}', '\u{3000}', 'ä', '中', '\u{1f6b0}'];
    let all = ('\0'..='\u{7f}').chain(beyond_ascii);
    for char in all.filter(|char| *char != '.') {
        let white = char.is_whitespace() || matches!(char, '\u{1c}'..='\u{1f}');
        let loose = !white && char != '#';
        let strict = matches!(char, 'a'..='z' | '0'..='9' | '_');
        for policy in MatchPolicy::ALL {
            check(&char.to_string(), policy, loose, strict);
            check(&format!("{char}om.example"), policy, loose, strict);
            check(&format!("com.{char}.example"), policy, loose, strict);
            check(&format!("com.exampl{char}"), policy, loose, strict);
            check(&format!("com.ö{char}.example"), policy, loose, false);
        }
    }
}

/// Whether a URI is valid, component by component.
fn naive(uri: &str, check: UriCheck, policy: MatchPolicy) -> bool {
    let allowed = |char: char| match check {
        UriCheck::Strict => matches!(char, 'a'..='z' | '0'..='9' | '_'),
        UriCheck::Loose => {
            !char.is_whitespace() && !matches!(char, '\u{1c}'..='\u{1f}') && char != '#'
        }
    };
    let components: Vec<&str> = uri.split('.').collect();
    let may_be_empty = |index: usize| match policy {
        MatchPolicy::Exact => false,
        MatchPolicy::Prefix => index + 1 == components.len(),
        MatchPolicy::Wildcard => true,
    };
    let mut indexed = components.iter().enumerate();
    indexed.all(|(index, component)| {
        component.chars().all(allowed) && (!component.is_empty() || may_be_empty(index))
    })
}

proptest! {
    /// Of lengths around those that are looked at as a whole.
    #[test]
    fn a_uri_is_as_valid_as_its_components(
        components in proptest::collection::vec(
            prop_oneof![9 => "[a-z0-9_]{1,9}", 2 => "[ -~äö\u{a0}\t]{1,3}", 1 => Just(String::new())],
            0..16,
        ),
    ) {
        let uri = components.join(".");
        for check in [UriCheck::Loose, UriCheck::Strict] {
            for policy in MatchPolicy::ALL {
                let valid = Uri::from(uri.as_str()).is_valid(check, policy);
                prop_assert_eq!(valid, naive(&uri, check, policy), "{:?} {:?}", check, policy);
            }
        }
    }
}

#[test]
fn a_dot_counts_wherever_it_stands() {
    for length in 1..70 {
        for dot in 0..length {
            for next in [dot, dot + 1] {
                let mut uri = vec![b'a'; length];
                for place in [dot, next] {
                    if let Some(octet) = uri.get_mut(place) {
                        *octet = b'.';
                    }
                }
                let uri = String::from_utf8(uri).expect("ASCII");
                for policy in MatchPolicy::ALL {
                    let valid = Uri::from(uri.as_str()).is_valid(UriCheck::Loose, policy);
                    assert_eq!(valid, naive(&uri, UriCheck::Loose, policy), "{policy:?} {uri}");
                }
            }
        }
    }
}

#[test]
fn policies_match_as_the_specification_says() {
    for (policy, pattern, uri, expected) in [
        (MatchPolicy::Exact, "com.a", "com.a", true),
        (MatchPolicy::Exact, "com.a", "com.ab", false),
        (MatchPolicy::Prefix, "com.a", "com.ab.c", true),
        (MatchPolicy::Prefix, "", "com", true),
        (MatchPolicy::Prefix, "com.ab", "com.a", false),
        (MatchPolicy::Wildcard, "com..x", "com.foo.x", true),
        (MatchPolicy::Wildcard, "com..x", "com.foo.y", false),
        (MatchPolicy::Wildcard, "com..x", "com.foo.x.y", false),
        (MatchPolicy::Wildcard, "com..x", "com.x", false),
        (MatchPolicy::Wildcard, "..", "a.b.c", true),
        (MatchPolicy::Wildcard, "", "abc", true),
        (MatchPolicy::Wildcard, "", "a.b", false),
    ] {
        assert_eq!(policy.matches(pattern, uri), expected, "{policy:?} {pattern:?} {uri:?}");
    }
}
