//! The flowgate server: listeners, links, timers, configuration and administration around the router core.
