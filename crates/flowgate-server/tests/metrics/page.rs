//! A page of metrics in the text format, read back.

use std::collections::BTreeMap;

use crate::support::router::Router;

/// The samples of a page, by name and labels as they are written.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Page(BTreeMap<String, f64>);

impl Page {
    pub(super) async fn fetch(router: &Router) -> Self {
        let (status, body) = router.admin("/metrics").await;
        assert_eq!(status, 200, "{body}");
        Self::parse(&body)
    }

    pub(super) fn parse(body: &str) -> Self {
        let samples = body.lines().filter(|line| !line.starts_with('#')).map(|line| {
            let (series, value) = line.rsplit_once(' ').unwrap();
            (series.to_owned(), value.parse().unwrap())
        });
        Self(samples.collect())
    }

    /// The value of one series; 0 if nobody has counted it yet.
    pub(super) fn value(&self, series: &str) -> f64 {
        self.0.get(series).copied().unwrap_or_default()
    }

    /// A count.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "counts of a test are small whole numbers"
    )]
    pub(super) fn count(&self, series: &str) -> u64 {
        let value = self.value(series);
        assert_eq!(value.fract(), 0.0, "{series} {value}");
        value as u64
    }

    /// The sum of all series of a name that have these labels.
    pub(super) fn sum(&self, name: &str, labels: &[&str]) -> u64 {
        let matches = |series: &&String| {
            series.strip_prefix(name).is_some_and(|rest| {
                rest.starts_with('{') && labels.iter().all(|label| rest.contains(label))
            })
        };
        self.0.keys().filter(matches).map(|series| self.count(series)).sum()
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(|series| series.split('{').next().unwrap())
    }
}
