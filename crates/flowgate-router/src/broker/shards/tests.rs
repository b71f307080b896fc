use super::*;

const KEYS: u32 = 4000;

fn shards(count: u32) -> Shards {
    let mut shards = Shards::default();
    for node in 0..count {
        shards.set(SessionKey(node), Some(&format!("node{node}")));
    }
    shards
}

/// The node that each of many keys belongs to.
fn owners(shards: &Shards) -> Vec<SessionKey> {
    let owner = |key: u32| {
        let mut receivers: Vec<_> = shards.sessions().collect();
        shards.choose(&format!("sensor{key}"), &mut receivers);
        assert_eq!(receivers.len(), 1);
        receivers[0]
    };
    (0..KEYS).map(owner).collect()
}

#[test]
fn keys_are_spread_over_all_nodes() {
    let owners = owners(&shards(4));
    for node in 0..4 {
        let count = owners.iter().filter(|owner| **owner == SessionKey(node)).count();
        assert!((900..1100).contains(&count), "{count} of node {node}");
    }
}

#[test]
fn only_the_keys_of_a_node_that_goes_move() {
    let mut shards = shards(4);
    let before = owners(&shards);
    shards.set(SessionKey(2), None);
    for (before, after) in before.into_iter().zip(owners(&shards)) {
        assert!(before == after || before == SessionKey(2));
        assert_ne!(after, SessionKey(2));
    }
}

#[test]
fn of_the_sessions_of_one_node_one_is_chosen() {
    let mut shards = Shards::default();
    shards.set(SessionKey(1), Some("node"));
    shards.set(SessionKey(2), Some("node"));
    let mut receivers = vec![SessionKey(2), SessionKey(3), SessionKey(1)];
    shards.choose("key", &mut receivers);
    assert_eq!(receivers, [SessionKey(2), SessionKey(3)]);
}
