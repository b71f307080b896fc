use serde_json::{Value, json};

fn ask(lines: &str) -> Vec<Value> {
    let mut output = Vec::new();
    super::run(lines.as_bytes(), &mut output).unwrap();
    String::from_utf8(output)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn octets_become_a_list_and_the_same_octets() {
    // [16, 1, {}, "a.b", [h'00ff']]
    let hex = "851001a063612e62814200ff";
    let answers = ask(&format!(r#"{{"id": 7, "serializer": "cbor", "hex": "{hex}"}}"#));
    let message = json!([16, 1, {}, "a.b", ["\u{0}AP8="]]);
    assert_eq!(answers, [json!({"id": 7, "ok": true, "message": message, "hex": hex})]);
}

#[test]
fn a_list_becomes_octets_with_unknown_options_kept() {
    let line = r#"{"id": "x", "serializer": "msgpack", "message": [48, 2, {"_x": [1]}, "a.b"]}"#;
    let answer = ask(line).remove(0);
    assert_eq!(answer["ok"], true);
    assert_eq!(answer["hex"], "94300281a25f789101a3612e62");
    assert_eq!(answer["message"], json!([48, 2, {"_x": [1]}, "a.b"]));
}

#[test]
fn a_bad_line_is_answered_and_the_next_one_too() {
    let answers = ask(concat!(
        "{\"id\": 1, \"serializer\": \"json\", \"hex\": \"5b5d\"}\n",
        "\n",
        "nonsense\n",
        "{\"id\": 2, \"serializer\": \"bson\", \"hex\": \"00\"}\n",
        "{\"id\": 3, \"serializer\": \"json\", \"hex\": \"5\"}\n",
        "{\"id\": 4, \"serializer\": \"json\", \"hex\": \"zz\"}\n",
        "{\"id\": 5, \"serializer\": \"json\"}\n",
        "{\"id\": 6, \"serializer\": \"json\", \"message\": [35, 1]}\n",
    ));
    let ids: Vec<_> = answers.iter().map(|answer| answer["id"].clone()).collect();
    assert_eq!(ids, [json!(1), Value::Null, json!(2), json!(3), json!(4), json!(5), json!(6)]);
    for answer in &answers[..6] {
        assert_eq!(answer["ok"], false, "{answer}");
        assert!(answer["error"].is_string(), "{answer}");
    }
    assert_eq!(answers[6]["ok"], true);
}
