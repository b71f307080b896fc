use super::*;

fn served() -> Served {
    let api = |prefix: &str, names: &[&str]| ServedApi {
        prefix: prefix.to_owned(),
        procedures: names.iter().map(|name| (*name).to_owned()).collect(),
    };
    Served::new(vec![
        api("svc.store", &["put", "get"]),
        api("svc.watch", &["start"]),
        api("io", &["go"]),
    ])
}

#[test]
fn a_prefix_covers_itself_and_what_is_below_it() {
    let served = served();
    for uri in [
        "svc.store",
        "svc.store.get",
        "svc.store.what.ever",
        "svc.watch.",
        "svc.watch",
        "io.go",
        "io",
    ] {
        assert!(served.covers(uri), "{uri}");
    }
    for uri in [
        "svc",
        "svc.",
        "svc.stores",
        "svc.storeget",
        "svc.watch2.start",
        "",
        "wamp.store",
        "iox",
        "i",
    ] {
        assert!(!served.covers(uri), "{uri}");
    }
}

#[test]
fn procedures_are_known_by_their_whole_names() {
    let served = served();
    for uri in ["svc.store.get", "svc.store.put", "svc.watch.start"] {
        assert_eq!(served.procedure(uri).map(|known| &**known), Some(uri));
    }
    for uri in ["svc.store", "get", "svc.store.start", "svc.watch.get", "svc.store.get.more"] {
        assert_eq!(served.procedure(uri), None, "{uri}");
    }
}
