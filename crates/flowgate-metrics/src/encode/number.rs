//! Numbers as text.

use crate::descriptor::Unit;

/// Appends a recorded integer in its unit, exactly: `1500000000` nanoseconds are `1.5`.
pub(super) fn write_recorded(text: &mut String, recorded: u64, unit: Unit) {
    let places = unit.decimals();
    if places == 0 {
        text.push_str(itoa::Buffer::new().format(recorded));
        return;
    }
    let one = 10_u64.pow(places);
    text.push_str(itoa::Buffer::new().format(recorded / one));
    let mut rest = recorded % one;
    if rest == 0 {
        return;
    }
    let mut places = places;
    while rest.is_multiple_of(10) {
        rest /= 10;
        places -= 1;
    }
    text.push('.');
    let digits = rest.ilog10() + 1;
    (digits..places).for_each(|_| text.push('0'));
    text.push_str(itoa::Buffer::new().format(rest));
}

/// Appends a recorded signed integer in its unit.
pub(super) fn write_recorded_signed(text: &mut String, recorded: i64, unit: Unit) {
    if recorded < 0 {
        text.push('-');
    }
    write_recorded(text, recorded.unsigned_abs(), unit);
}

/// Appends a float as every text format reads it.
pub(super) fn write_float(text: &mut String, value: f64) {
    if value.is_nan() {
        text.push_str("NaN");
    } else if value.is_infinite() {
        text.push_str(if value > 0.0 { "+Inf" } else { "-Inf" });
    } else if value == value.trunc() && value.abs() < 1e15 {
        #[expect(clippy::cast_possible_truncation, reason = "it is an integer within range")]
        let integer = value as i64;
        text.push_str(itoa::Buffer::new().format(integer));
    } else {
        text.push_str(ryu::Buffer::new().format_finite(value));
    }
}

/// A bucket's bound as OpenMetrics wants it: always a float (`1.0`), with an exponent of two digits
/// and more below 10^-4 and from 10^6 on (`2.5e-05`).
///
/// Both text formats say it so, since a bound that is written in two ways makes two series.
/// Source: "Considerations: Canonical Numbers" in the OpenMetrics 1.0 specification.
pub(super) fn canonical_bound(value: f64) -> String {
    let scientific = format!("{value:e}");
    let Some((digits, exponent)) = scientific.split_once('e') else { return scientific };
    let exponent: i32 = exponent.parse().unwrap_or_default();
    if (-4..6).contains(&exponent) {
        return format!("{value:?}");
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.unsigned_abs())
}
