//! Automation of the Flowgate repository.
fn main() {}
