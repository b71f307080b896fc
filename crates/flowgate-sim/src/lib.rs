//! A seeded world of model clients, faults and invariant checks over the router core.
