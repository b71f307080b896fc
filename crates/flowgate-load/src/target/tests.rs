use super::*;

#[test]
fn urls_are_read_and_written_back() {
    for url in [
        "ws://localhost:8080/ws",
        "rs://[::1]:80",
        "unix:/run/router.sock",
        "ws+unix:/run/router.sock:/ws",
    ] {
        assert_eq!(url.parse::<Target>().unwrap().to_string(), url);
    }
    for (url, same) in [
        ("ws://a:1", "ws://a:1/"),
        ("rs+unix:/run/router.sock", "unix:/run/router.sock"),
        ("unix:///run/router.sock", "unix:/run/router.sock"),
        ("ws+unix:/run/router.sock", "ws+unix:/run/router.sock:/"),
    ] {
        assert_eq!(url.parse::<Target>().unwrap().to_string(), same);
    }
}

#[test]
fn urls_without_a_known_scheme_or_a_port_are_refused() {
    assert!(matches!("http://a:1".parse::<Target>(), Err(TargetError::Scheme(_))));
    assert!(matches!("a:1".parse::<Target>(), Err(TargetError::Scheme(_))));
    assert!(matches!("ws://a/ws".parse::<Target>(), Err(TargetError::Port(_))));
    assert!(matches!("rs:a:1".parse::<Target>(), Err(TargetError::Scheme(_))));
    assert!(matches!("wss://a:1".parse::<Target>(), Err(TargetError::Tls(_))));
}
