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
    check("com..x", MatchPolicy::Wildcard, true, true);
    check("..", MatchPolicy::Wildcard, true, true);
    check("com. .x", MatchPolicy::Wildcard, false, false);
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
