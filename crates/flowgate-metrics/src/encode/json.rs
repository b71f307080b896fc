//! The JSON tree.

use serde_json::{Map, Value as Json};

use crate::stats::{Stat, Stats, Value};

/// Which stats are wanted: everything, unless something is set.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StatFilter {
    /// Of this category.
    pub category: Option<String>,
    /// In this container.
    pub container: Option<String>,
    /// With this short name.
    pub short_name: Option<String>,
}

impl StatFilter {
    fn wants(&self, stat: &Stat) -> bool {
        let is_or_any =
            |wanted: &Option<String>, is: &str| wanted.as_deref().is_none_or(|w| w == is);
        is_or_any(&self.category, &stat.category)
            && is_or_any(&self.container, &stat.container)
            && is_or_any(&self.short_name, &stat.short_name)
    }
}

/// The stats as a tree: category, container, short name, and for each stat a map.
///
/// `StatType` (`Stat`, `PercentageStat` or `HistogramStat`), `Category`, `Container`, `ShortName`,
/// `Name`, `Description`, `UnitName` and `Value`, as OpenSimulator calls them;
/// `LastChangeOverTime` and `AverageChangeOverTime`, per second, if the stat is measured;
/// `Antecedent` and `Consequent` of percentages; `Sum`, `P50`, `P95` and `P99` of histograms, whose
/// value is their count. A number that is none is `null`.
#[must_use]
pub fn json(stats: &Stats, filter: &StatFilter) -> String {
    let mut tree = Map::new();
    for stat in stats.iter().filter(|stat| filter.wants(stat)) {
        let category = child(&mut tree, &stat.category);
        let container = category.and_then(|category| child(category, &stat.container));
        if let Some(container) = container {
            container.insert(stat.short_name.clone(), Json::Object(map(stat)));
        }
    }
    Json::Object(tree).to_string()
}

/// The object of this name within another, made if it is not there.
fn child<'a>(map: &'a mut Map<String, Json>, name: &str) -> Option<&'a mut Map<String, Json>> {
    map.entry(name).or_insert_with(|| Json::Object(Map::new())).as_object_mut()
}

fn map(stat: &Stat) -> Map<String, Json> {
    let mut map = Map::new();
    let mut put = |name: &str, value: Json| drop(map.insert(name.to_owned(), value));
    put("Category", stat.category.as_str().into());
    put("Container", stat.container.as_str().into());
    put("ShortName", stat.short_name.as_str().into());
    put("Name", stat.title.as_str().into());
    put("Description", stat.help.as_str().into());
    put("UnitName", stat.unit_word().into());
    put("Value", stat.number().into());
    if let Some(rates) = stat.rates {
        put("LastChangeOverTime", rates.last.into());
        put("AverageChangeOverTime", rates.average.into());
    }
    let stat_type = match &stat.value {
        Value::Count(_) | Value::Level(_) => "Stat",
        Value::Percentage { part, whole } => {
            put("Antecedent", (*part).into());
            put("Consequent", (*whole).into());
            "PercentageStat"
        }
        Value::Distribution(distribution) => {
            put("Sum", distribution.sum_in_units().into());
            for (name, share) in [("P50", 0.5), ("P95", 0.95), ("P99", 0.99)] {
                put(name, distribution.quantile(share).into());
            }
            "HistogramStat"
        }
    };
    put("StatType", stat_type.into());
    map
}
