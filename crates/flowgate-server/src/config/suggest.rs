//! The nearest valid word to one that is not valid.

/// The candidate nearest to `given`, if it is near enough to be what was meant.
///
/// Case, `-` and `_` do not count; beyond that, one slip (a letter more, less, wrong or swapped)
/// is forgiven for every three letters, and so is a missing or superfluous ending.
pub(super) fn nearest<'a>(
    given: &str,
    candidates: impl Iterator<Item = &'a str>,
) -> Option<String> {
    /// Longer words cannot be near to any key, and comparing costs the product of the lengths.
    const MAX_LENGTH: usize = 64;
    if given.len() > MAX_LENGTH {
        return None;
    }
    let given = simplified(given);
    candidates
        .filter_map(|candidate| Some((distance(&given, &simplified(candidate))?, candidate)))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate.to_owned())
}

/// How far two words are apart, if they are near; an ending counts more than any slips.
fn distance(given: &str, candidate: &str) -> Option<usize> {
    /// Shorter beginnings say nothing.
    const MIN_BEGINNING: usize = 3;
    let slips = strsim::osa_distance(given, candidate);
    if slips <= (given.len() / 3).max(1) {
        return Some(slips);
    }
    let beginning = given.starts_with(candidate) || candidate.starts_with(given);
    let length = given.len().min(candidate.len());
    (beginning && length >= MIN_BEGINNING).then_some(usize::MAX)
}

fn simplified(word: &str) -> String {
    word.chars()
        .filter(|letter| !matches!(letter, '-' | '_'))
        .map(|letter| letter.to_ascii_lowercase())
        .collect()
}
