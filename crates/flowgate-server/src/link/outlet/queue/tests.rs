use bytes::Bytes;

use super::{Chunk, Queue};

fn octets(queue: &Queue) -> Vec<u8> {
    queue.chunks.iter().flat_map(Chunk::octets).copied().collect()
}

#[test]
fn what_is_written_is_queued_in_order_with_shared_frames_between() {
    let mut queue = Queue::default();
    queue.write(|out| out.extend_from_slice(b"one "));
    queue.share(Bytes::from_static(b"two "));
    let (appended, result) = queue.write(|out| {
        out.extend_from_slice(b"three");
        7
    });
    assert_eq!((appended, result), (5, 7));
    assert_eq!(octets(&queue), b"one two three");
    assert_eq!(queue.position, 13);
}

#[test]
fn what_is_taken_back_leaves_no_trace() {
    let mut queue = Queue::default();
    let (appended, ()) = queue.write(|out| out.extend_from_slice(b"too large"));
    queue.take_back(appended);
    assert!(queue.chunks.is_empty());
    assert_eq!(queue.position, 0);
    queue.write(|out| out.extend_from_slice(b"kept"));
    let (appended, ()) = queue.write(|out| out.extend_from_slice(b" too large"));
    queue.take_back(appended);
    assert_eq!(octets(&queue), b"kept");
    assert_eq!(queue.position, 4);
    assert!(queue.wants_flush());
    queue.blocked = true;
    assert!(!queue.wants_flush());
}
