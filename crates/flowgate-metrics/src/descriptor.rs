//! What a stat is called and what it means, said once for all views.

use std::borrow::Cow;

use crate::name::{self, NameError};

/// Everything that is said about a stat: the source of its name in every view.
///
/// ```
/// use flowgate_metrics::{Descriptor, Unit, Verbosity};
///
/// let served = Descriptor::new("http_requests", "Requests answered by the built-in server.")
///     .unit(Unit::Counted("requests"))
///     .stat("httpserver", "HTTPRequestsServed")
///     .container("9000")
///     .measured()
///     .verbosity(Verbosity::Debug);
/// ```
///
/// Registered as a counter, this is `http_requests_total` for Prometheus and
/// `httpserver.9000.HTTPRequestsServed : 42 requests, 3 requests/s, 2.5 requests/s` on the console.
///
/// A name is plural for counts (`sessions`, `rpc_calls`) and says what is measured for the rest
/// (`rpc_duration`); unit and `_total` are appended by the registry and must not be in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Descriptor {
    name: Text,
    help: Text,
    title: Option<Text>,
    unit: Unit,
    category: Option<Text>,
    short_name: Option<Text>,
    container: Container,
    verbosity: Verbosity,
    measures: Measures,
    naming: Naming,
}

type Text = Cow<'static, str>;

/// What a number counts, in base units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Unit {
    /// Nothing that needs saying.
    #[default]
    None,
    /// Time: recorded in nanoseconds, shown in seconds, `_seconds` in the name.
    Seconds,
    /// Octets, `_bytes` in the name.
    Bytes,
    /// A share of 1, `_ratio` in the name.
    Ratio,
    /// Things of this name, in the plural; said on the console, not in the metric's name.
    Counted(&'static str),
}

impl Unit {
    /// What Prometheus names end in: a base unit, or nothing.
    pub(crate) const fn base(self) -> Option<&'static str> {
        match self {
            Self::Seconds => Some("seconds"),
            Self::Bytes => Some("bytes"),
            Self::Ratio => Some("ratio"),
            Self::None | Self::Counted(_) => None,
        }
    }

    /// What is said after a value on the console.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Counted(things) => things,
            Self::Seconds => "seconds",
            Self::Bytes => "bytes",
            Self::None | Self::Ratio => "",
        }
    }

    /// How many decimal places of a recorded integer lie behind the point.
    pub(crate) const fn decimals(self) -> u32 {
        match self {
            Self::Seconds => 9,
            Self::None | Self::Bytes | Self::Ratio | Self::Counted(_) => 0,
        }
    }

    /// A recorded number, possibly between two integers, in this unit.
    pub(crate) fn scale(self, recorded: f64) -> f64 {
        recorded / self.divisor()
    }

    /// How many of what is recorded make one unit.
    pub(crate) const fn divisor(self) -> f64 {
        match self {
            Self::Seconds => 1e9,
            Self::None | Self::Bytes | Self::Ratio | Self::Counted(_) => 1.0,
        }
    }
}

/// Who wants to see a stat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Verbosity {
    /// Whoever runs the program, always.
    #[default]
    Info,
    /// Whoever looks for the cause of something.
    Debug,
}

/// What is derived from a stat over time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Measures {
    /// Nothing.
    #[default]
    None,
    /// The change per second, last and on average over a minute; see [`Rates`](crate::Rates).
    AverageChange,
}

/// Whether a name starts with what the registry says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Naming {
    Prefixed,
    /// It is the same in every program.
    Standard,
}

/// The object that a stat belongs to, between category and short name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Container {
    /// The same for the whole family.
    Fixed(Text),
    /// The value of this label.
    Label(Text),
}

impl Descriptor {
    /// A stat with the name that Prometheus sees, without prefix, unit and `_total`, and one
    /// sentence that says what it is.
    ///
    /// On the console it stands in the category that its name starts with (`http`), in the
    /// container `main`, until [`stat`](Self::stat) and [`container`](Self::container) say better.
    #[must_use]
    pub fn new(name: impl Into<Cow<'static, str>>, help: impl Into<Cow<'static, str>>) -> Self {
        Self {
            name: name.into(),
            help: help.into(),
            title: None,
            unit: Unit::None,
            category: None,
            short_name: None,
            container: Container::Fixed(Text::Borrowed("main")),
            verbosity: Verbosity::Info,
            measures: Measures::None,
            naming: Naming::Prefixed,
        }
    }

    /// The unit of its values.
    #[must_use]
    pub fn unit(mut self, unit: Unit) -> Self {
        self.unit = unit;
        self
    }

    /// Category and short name on the console and in the JSON tree.
    ///
    /// Dots and white space in them become `#`, so that a full name can be taken apart and typed.
    #[must_use]
    pub fn stat(
        mut self,
        category: impl Into<Cow<'static, str>>,
        short_name: impl Into<Cow<'static, str>>,
    ) -> Self {
        self.category = Some(undotted(category.into()));
        self.short_name = Some(undotted(short_name.into()));
        self
    }

    /// The container on the console and in the JSON tree.
    #[must_use]
    pub fn container(mut self, container: impl Into<Cow<'static, str>>) -> Self {
        self.container = Container::Fixed(container.into());
        self
    }

    /// The label whose value is the container, such as `realm`.
    ///
    /// Series that differ in other labels only are one stat: its value is their sum.
    #[must_use]
    pub fn container_label(mut self, label: impl Into<Cow<'static, str>>) -> Self {
        self.container = Container::Label(label.into());
        self
    }

    /// The stat's name in words; the help text where nothing is said.
    #[must_use]
    pub fn title(mut self, title: impl Into<Cow<'static, str>>) -> Self {
        self.title = Some(title.into());
        self
    }

    /// Who wants to see it.
    #[must_use]
    pub fn verbosity(mut self, verbosity: Verbosity) -> Self {
        self.verbosity = verbosity;
        self
    }

    /// Derive the [`Rates`](crate::Rates) of change, on the console and in the JSON tree.
    #[must_use]
    pub fn measured(mut self) -> Self {
        self.measures = Measures::AverageChange;
        self
    }

    /// Without the registry's prefix: for names that are the same in every program, such as
    /// `process_open_fds`.
    #[must_use]
    pub fn unprefixed(mut self) -> Self {
        self.naming = Naming::Standard;
        self
    }

    pub(crate) fn recorded_unit(&self) -> Unit {
        self.unit
    }
}

/// A descriptor as it was registered, with its full names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    descriptor: Descriptor,
    /// Prefix, name and unit, as in `flowgate_send_stall_seconds`: what OpenMetrics calls the
    /// family.
    pub(crate) family: String,
    pub(crate) category: String,
    pub(crate) short_name: String,
}

impl Identity {
    pub(crate) fn new(prefix: &str, descriptor: Descriptor) -> Result<Self, NameError> {
        let base = descriptor.unit.base();
        if let Some(suffix) = base.filter(|suffix| ends_in_word(&descriptor.name, suffix)) {
            return Err(NameError::Suffix { name: descriptor.name.into_owned(), suffix });
        }
        name::check_metric(&descriptor.name)?;
        let mut family = String::with_capacity(64);
        let prefix = match descriptor.naming {
            Naming::Prefixed => prefix,
            Naming::Standard => "",
        };
        for part in [prefix, &descriptor.name, base.unwrap_or_default()] {
            if !part.is_empty() && !family.is_empty() {
                family.push('_');
            }
            family.push_str(part);
        }
        name::check_metric(&family)?;
        let (first, rest) = descriptor.name.split_once('_').unwrap_or(("main", &descriptor.name));
        let category = descriptor.category.as_deref().unwrap_or(first).to_owned();
        let short_name = descriptor.short_name.as_deref().unwrap_or(rest).to_owned();
        name::check_category(&category)?;
        Ok(Self { family, category, short_name, descriptor })
    }

    pub(crate) fn help(&self) -> &str {
        &self.descriptor.help
    }

    pub(crate) fn title(&self) -> &str {
        self.descriptor.title.as_deref().unwrap_or(&self.descriptor.help)
    }

    pub(crate) fn unit(&self) -> Unit {
        self.descriptor.unit
    }

    pub(crate) fn container(&self) -> &Container {
        &self.descriptor.container
    }

    pub(crate) fn verbosity(&self) -> Verbosity {
        self.descriptor.verbosity
    }

    pub(crate) fn measures(&self) -> Measures {
        self.descriptor.measures
    }
}

fn ends_in_word(name: &str, word: &str) -> bool {
    name.strip_suffix(word).is_some_and(|rest| rest.is_empty() || rest.ends_with('_'))
}

/// The text without what separates names on the console.
fn undotted(text: Text) -> Text {
    let separates = |c: char| c == '.' || c.is_whitespace();
    if text.contains(separates) { text.replace(separates, "#").into() } else { text }
}
