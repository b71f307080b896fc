//! What a connection holds while it is idle.

use super::*;

/// Octets of the future that `run` makes, without a connection to run.
fn future_bytes<T, F: Future>(_run: impl FnOnce(T) -> F) -> usize {
    size_of::<F>()
}

#[test]
fn an_idle_connection_is_small() {
    let held_bytes = [
        ("task", future_bytes(Link::run), 384),
        ("link", size_of::<Link>(), 512),
        ("outlet", size_of::<Outlet>(), 512),
    ];
    for (what, bytes, limit_bytes) in held_bytes {
        assert!(bytes <= limit_bytes, "{what}: {bytes} of {limit_bytes} octets");
    }
}
