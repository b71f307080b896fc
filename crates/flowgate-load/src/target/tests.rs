use super::*;

#[test]
fn urls_are_read_and_written_back() {
    for url in ["ws://localhost:8080/ws", "rs://[::1]:80", "unix:/run/router.sock"] {
        assert_eq!(url.parse::<Target>().unwrap().url(), url);
    }
    assert_eq!("ws://a:1".parse::<Target>().unwrap().url(), "ws://a:1/");
}

#[test]
fn urls_without_a_known_scheme_or_a_port_are_refused() {
    assert!(matches!("http://a:1".parse::<Target>(), Err(TargetError::Scheme(_))));
    assert!(matches!("a:1".parse::<Target>(), Err(TargetError::Scheme(_))));
    assert!(matches!("ws://a/ws".parse::<Target>(), Err(TargetError::Port(_))));
}
