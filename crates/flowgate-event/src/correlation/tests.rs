use super::*;

#[test]
fn a_correlation_is_written_as_a_uuid_and_read_back() {
    let text = "d5d9bcec-a3eb-4f0e-875b-6933680bb546";
    let correlation: Correlation = text.parse().unwrap();
    assert_eq!(correlation.get(), 0xd5d9_bcec_a3eb_4f0e_875b_6933_680b_b546);
    assert_eq!(correlation.to_string(), text);
    let smallest = Correlation::new(1).unwrap();
    assert_eq!(smallest.to_string(), "00000000-0000-0000-0000-000000000001");
    assert_eq!(smallest.to_string().parse(), Ok(smallest));
}

#[test]
fn what_is_no_uuid_is_refused() {
    for text in [
        "",
        "00000000-0000-0000-0000-000000000000",
        "d5d9bcec-a3eb-4f0e-875b-6933680bb54",
        "d5d9bcec-a3eb-4f0e-875b-6933680bb5466",
        "d5d9bcecaa3eb-4f0e-875b-6933680bb546",
        "g5d9bcec-a3eb-4f0e-875b-6933680bb546",
        "ü5d9bcec-a3eb-4f0e-875b-6933680bb54",
    ] {
        assert_eq!(text.parse::<Correlation>(), Err(CorrelationSyntax), "{text}");
    }
    assert_eq!(Correlation::new(0), None);
}

#[test]
fn counted_correlations_spread_evenly() {
    let of_quarter = |quarter: u64| {
        let spread = (1..=4096).map(|bits| Correlation::new(bits).unwrap().spread());
        spread.filter(|bits| bits >> 62 == quarter).count()
    };
    let counts = [0, 1, 2, 3].map(of_quarter);
    assert!(counts.iter().all(|count| (900..1150).contains(count)), "{counts:?}");
}
