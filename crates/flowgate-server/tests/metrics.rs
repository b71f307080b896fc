//! Metrics: what is counted is what went over the wire, and what is asked for is shown.

mod conservation;
mod page;
mod surfaces;
