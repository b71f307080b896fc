use flowgate_metrics::{Registry, encode};

use super::*;

fn families() -> (Registry, Families) {
    let registry = Registry::with_prefix("flowgate").unwrap();
    let realms = vec![("shop".to_owned(), Default::default())];
    let families =
        Families::register(&registry, realms, vec!["front".to_owned()], Vec::new()).unwrap();
    (registry, families)
}

#[test]
fn a_query_chooses_families_realm_and_number() {
    let (registry, families) = families();
    for (realm, count) in [("shop", 3), ("_none", 5)] {
        families.rated_messages.with([realm, "sent"]).add(count);
        families.rated_messages.with([realm, "received"]).add(10 * count);
    }
    families.violations.with(["shop"]).inc();
    for (query, expected) in [
        ("family=flowgate_rated_messages&realm=shop", ["3", "30"].as_slice()),
        ("family=flowgate_rated_messages_total&top=1", &["50"]),
        ("realm=shop&family=flowgate_violations&family=flowgate_rated&top=1", &["30", "1"]),
        ("realm=shop", &["3", "30", "1"]),
        ("realm=%73hop&family=flowgate%5Fviolations", &["1"]),
    ] {
        let scrape = registry.scrape();
        let filter = detailed(Some(query), &families, &scrape).unwrap();
        let mut page = String::new();
        encode::text(&scrape.filtered(&filter), &mut page);
        let samples = page.lines().filter(|line| !line.starts_with('#'));
        let mut values: Vec<_> =
            samples.filter_map(|line| Some(line.rsplit_once(' ')?.1)).collect();
        values.sort_unstable();
        let mut expected = expected.to_vec();
        expected.sort_unstable();
        assert_eq!(values, expected, "{query}:\n{page}");
    }
}

#[test]
fn what_is_wrong_with_a_query_is_said() {
    let (registry, families) = families();
    let detailed = |query| detailed(Some(query), &families, &registry.scrape()).err();
    let cases = [
        (detailed("famly=x"), "no such parameter as \"famly\"; use family, realm and top"),
        (detailed("family=nothing"), "family: no metric has a name that starts with \"nothing\""),
        (detailed("family="), "family: no metric has a name that starts with \"\""),
        (detailed("realm=other"), "realm: there is no realm \"other\""),
        (detailed("realm=shop&realm=shop"), "realm is given twice"),
        (detailed("top=0"), "top: \"0\" is no whole number above 0"),
        (detailed("top=-1"), "top: \"-1\" is no whole number above 0"),
        (detailed("top=1&top=2"), "top is given twice"),
        (
            none(Some("top=1")).err(),
            "no such parameter as \"top\"; for a part of the metrics, see /metrics/detailed",
        ),
        (
            stats(Some("callback=x")).err(),
            "no such parameter as \"callback\"; use cat, cont and stat",
        ),
        (stats(Some("cat=a&cat=b")).err(), "cat is given twice"),
        (show(Some("level=loud")).err(), "level: \"loud\" is neither info nor debug"),
        (
            report(Some("format=xml")).err(),
            "format: no such format as \"xml\"; use text, ndjson or openmetrics",
        ),
        (recording(None).err(), "do: say start or stop"),
        (recording(Some("do=pause")).err(), "do: \"pause\" is neither start nor stop"),
        (recording(Some("do=stop&every_ms=5")).err(), "do: stop takes nothing else"),
        (
            recording(Some("do=start&every_ms=0")).err(),
            "every_ms: \"0\" is no whole number above 0",
        ),
    ];
    for (error, expected) in cases {
        assert_eq!(error.map(|error| error.to_string()).as_deref(), Some(expected));
    }
}

#[test]
fn every_stat_parameter_has_its_own_meaning() {
    let filter = stats(Some("cont=realm+1&stat=Sent&cat=messages")).unwrap();
    assert_eq!(filter.category.as_deref(), Some("messages"));
    assert_eq!(filter.container.as_deref(), Some("realm 1"));
    assert_eq!(filter.short_name.as_deref(), Some("Sent"));
    assert_eq!(stats(None).unwrap(), StatFilter::default());
}
