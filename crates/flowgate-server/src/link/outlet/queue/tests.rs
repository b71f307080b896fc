//! What is queued, and what is taken back.

use super::Queue;

#[test]
fn what_is_taken_back_leaves_nothing_to_write() {
    let mut queue = Queue::default();
    queue.write(|out| out.extend_from_slice(b"too long"));
    queue.take_back(8);
    assert!(!queue.wants_flush());
    assert_eq!(queue.position, 0);
}

#[test]
fn what_was_queued_before_is_not_taken_back() {
    let mut queue = Queue::default();
    queue.write(|out| out.extend_from_slice(b"stays"));
    queue.write(|out| out.extend_from_slice(b"too long"));
    queue.take_back(8);
    assert!(queue.wants_flush());
    assert_eq!(queue.chunks.front().map(super::Chunk::octets), Some(&b"stays"[..]));
    assert_eq!(queue.position, 5);
}
