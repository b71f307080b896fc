use flowgate_event::Timestamp;

use super::{DeadlineKey, Deadlines};

/// Deadlines against a sorted list, over random settings, expiries and callings off.
#[test]
fn deadlines_expire_in_the_order_of_a_sorted_list() {
    for seed in 0..200 {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut deadlines = Deadlines::new();
        let mut list: Vec<(u64, u64, DeadlineKey)> = Vec::new();
        for number in 0..300 {
            match random.u8(..4) {
                0 | 1 => {
                    let at = random.u64(..50);
                    let key = deadlines.set(Timestamp::from_nanos(at), number);
                    list.push((at, number, key));
                    list.sort_unstable_by_key(|(at, number, _)| (*at, *number));
                }
                2 if !list.is_empty() => {
                    let (_, number, key) = list.remove(random.usize(..list.len()));
                    assert_eq!(deadlines.call_off(key), Some(number));
                }
                _ => {
                    let now = random.u64(..50);
                    while list.first().is_some_and(|(at, ..)| *at <= now) {
                        let (_, number, _) = list.remove(0);
                        assert_eq!(deadlines.expire(Timestamp::from_nanos(now)), Some(number));
                    }
                    assert_eq!(deadlines.expire(Timestamp::from_nanos(now)), None);
                }
            }
            let next = list.first().map(|(at, ..)| Timestamp::from_nanos(*at));
            assert_eq!(deadlines.next(), next);
            assert_eq!(deadlines.is_empty(), list.is_empty());
            deadlines.check().expect("the heap is in order");
        }
    }
}
