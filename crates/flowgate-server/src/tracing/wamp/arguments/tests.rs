use flowgate_wire::Payload;

use super::*;

const NAMES: [&str; 3] = ["trace_id", "from_seq", "limit"];

fn read(args: &[Value<'static>], kwargs: &[(&str, Value<'static>)]) -> Result<Arguments, String> {
    let kwargs = kwargs.iter().map(|(key, value)| ((*key).to_owned().into(), value.clone()));
    let payload = Payload::from_vecs(args.to_vec(), kwargs.collect()).to_owned();
    Arguments::read(&payload, &NAMES).map_err(|error| format!("{} {error}", error.uri()))
}

#[test]
fn arguments_come_by_place_and_by_name() {
    let found = read(&["a".into()], &[("limit", 5_u64.into()), ("from_seq", Value::Null)]).unwrap();
    assert_eq!(found.required_text("trace_id").unwrap(), "a");
    assert_eq!(found.number("limit").unwrap(), Some(5));
    assert_eq!(found.number("from_seq").unwrap(), None);
}

#[test]
fn what_is_wrong_with_arguments_is_said_with_their_names() {
    let wrong = [
        (read(&[], &[("limits", 5_u64.into())]), "`limits`"),
        (read(&["a".into()], &[("trace_id", "b".into())]), "`trace_id`"),
        (read(&["a".into(), 1_u64.into(), 2_u64.into(), 3_u64.into()], &[]), "more than 3"),
    ];
    for (wrong, name) in wrong {
        let error = wrong.expect_err(name);
        assert!(
            error.starts_with("wamp.error.invalid_argument ") && error.contains(name),
            "{error}"
        );
    }
    let found = read(&[7_u64.into(), "x".into()], &[]).unwrap();
    let errors = [
        found.required_text("trace_id").map(drop),
        found.number("from_seq").map(drop),
        Arguments::required_text(&read(&[], &[]).unwrap(), "trace_id").map(drop),
    ];
    for (error, name) in errors.into_iter().zip(["trace_id", "from_seq", "trace_id"]) {
        let error = error.expect_err(name).to_string();
        assert!(error.starts_with(&format!("argument `{name}` must be")), "{error}");
    }
}
