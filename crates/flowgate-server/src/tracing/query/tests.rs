use super::*;

fn problem(query: &str) -> String {
    records(Some(query)).unwrap_err().to_string()
}

#[test]
fn records_are_asked_for_by_number_time_action_and_conditions() {
    let query = "from_seq=3&to_seq=9&cursor=5&limit=7&from=1970-01-01T00:00:01Z&to=2000000000\
                 &correlation=00000000-0000-4000-8000-000000000001&uri=com.&match=prefix&session=4\
                 &realm=a&realm=b&errors_only=true&min_duration_ms=1.5&format=cbor&wait_ms=20";
    let Records { query, format, wait } = records(Some(query)).unwrap();
    assert_eq!((query.from_seq, query.to_seq, query.limit), (5, Some(9), Some(7)));
    let second = Timestamp::from_nanos(1_000_000_000);
    assert_eq!((query.from, query.to), (Some(second), Some(second.after(Duration::from_secs(1)))));
    assert!(query.correlation.is_some() && query.filter.errors_only);
    assert_eq!(query.filter.realms, ["a", "b"]);
    assert_eq!((format, wait), (Some(RecordsFormat::Cbor), Duration::from_millis(20)));
    let plain = records(None).unwrap();
    assert_eq!((plain.query, plain.format), (Query::default(), None));
}

#[test]
fn a_wrong_query_names_the_parameter() {
    for (query, named) in [
        ("from_seq=x", "from_seq"),
        ("to_seq=-1", "to_seq"),
        ("from=yesterday", "from"),
        ("correlation=7", "correlation"),
        ("format=xml", "format"),
        ("wait_ms=30001", "wait_ms"),
        ("limit=1&limit=2", "limit"),
        ("colour=red", "\"colour\""),
        ("msg_type=Shout", "`msg_type`"),
        ("match=prefix", "`match`"),
        ("persist=true", "\"persist\""),
    ] {
        assert!(problem(query).contains(named), "{query}: {}", problem(query));
    }
    assert!(traces(Some("stopped=maybe")).unwrap_err().to_string().contains("stopped"));
    assert!(traces(Some("all=1")).unwrap_err().to_string().contains("\"all\""));
    assert!(action(Some("trace=a&trace=b")).unwrap_err().to_string().contains("trace"));
    assert!(none(Some("x=1")).is_err());
}
