use super::*;

fn served() -> Served {
    let api = |prefix: &str, names: &[&str], traced| ServedApi {
        prefix: prefix.to_owned(),
        procedures: names.iter().map(|name| (*name).to_owned()).collect(),
        traced,
    };
    Served::new(vec![
        api("svc.store", &["put", "get"], Traced::Yes),
        api("svc.watch", &["start"], Traced::No),
    ])
}

#[test]
fn a_prefix_covers_itself_and_what_is_below_it() {
    let served = served();
    for uri in ["svc.store", "svc.store.get", "svc.store.what.ever", "svc.watch.", "svc.watch"] {
        assert!(served.covers(uri), "{uri}");
    }
    for uri in ["svc", "svc.", "svc.stores", "svc.storeget", "svc.watch2.start", "", "wamp.store"] {
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

#[test]
fn what_is_below_an_untraced_prefix_does_not_show_in_traces() {
    let served = served();
    assert_eq!(served.traced("svc.watch.on_data"), Traced::No);
    assert_eq!(served.traced("svc.watch"), Traced::No);
    assert_eq!(served.traced("svc.store.get"), Traced::Yes);
    assert_eq!(served.traced("com.example"), Traced::Yes);
}
