use super::Timestamp;

#[test]
fn a_timestamp_is_text_in_utc_and_milliseconds() {
    for (nanos, text) in [
        (0, "1970-01-01T00:00:00.000Z"),
        (951_782_399_000_000_000, "2000-02-28T23:59:59.000Z"),
        (951_782_400_000_000_000, "2000-02-29T00:00:00.000Z"),
        (951_868_800_000_000_000, "2000-03-01T00:00:00.000Z"),
        (1_574_692_288_000_000_000, "2019-11-25T14:31:28.000Z"),
        (1_574_692_288_518_998_111, "2019-11-25T14:31:28.518Z"),
        (4_107_542_400_000_000_000, "2100-03-01T00:00:00.000Z"),
        (1_709_210_096_123_999_999, "2024-02-29T12:34:56.123Z"),
        (u64::MAX, "2554-07-21T23:34:33.709Z"),
    ] {
        let timestamp = Timestamp::from_nanos(nanos);
        assert_eq!(timestamp.to_rfc3339(), text);
        assert_eq!(Timestamp::from_rfc3339(text), Some(timestamp.to_millis()));
    }
}

#[test]
fn offsets_fractions_and_times_out_of_range_are_understood() {
    for (text, nanos) in [
        ("2024-02-29T14:34:56.123456789+02:00", 1_709_210_096_123_456_789),
        ("2024-02-29t12:34:56z", 1_709_210_096_000_000_000),
        ("1969-12-31T23:59:59Z", 0),
        ("9999-12-31T23:59:59Z", u64::MAX),
    ] {
        assert_eq!(Timestamp::from_rfc3339(text), Some(Timestamp::from_nanos(nanos)), "{text}");
    }
    for text in ["", "2024-02-29", "2023-02-29T00:00:00Z", "2024-02-29T12:34:56", "yesterday"] {
        assert_eq!(Timestamp::from_rfc3339(text), None, "{text}");
    }
}
