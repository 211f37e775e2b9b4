use proptest::collection::vec;
use proptest::prelude::*;

use super::{Challenge, Parser, Scheme};

fn parse(header: &str) -> Vec<Scheme> {
    let mut schemes = Vec::new();
    Parser { rest: header }.read_into(&mut schemes);
    schemes
}

fn scheme(name: &str, parameters: &[(&str, &str)]) -> Scheme {
    let parameters = parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Scheme { name: name.to_owned(), parameters }
}

#[test]
fn headers_are_read_as_servers_write_them() {
    let cases: &[(&str, Vec<Scheme>)] = &[
        ("", vec![]),
        ("Bearer", vec![scheme("Bearer", &[])]),
        ("Bearer realm=mcp", vec![scheme("Bearer", &[("realm", "mcp")])]),
        (
            r#"Bearer resource_metadata="https://a.example/b", scope="files:read mail""#,
            vec![scheme("Bearer", &[("resource_metadata", "https://a.example/b"), ("scope", "files:read mail")])],
        ),
        // Commas, equals signs and escapes within quotes.
        (
            r#"Bearer error_description="say \"please\", a=b", error = "invalid_token""#,
            vec![scheme("Bearer", &[("error_description", r#"say "please", a=b"#), ("error", "invalid_token")])],
        ),
        // Several challenges in one header.
        (
            r#"Basic realm="x", Bearer scope="a", Negotiate, DPoP algs="ES256""#,
            vec![
                scheme("Basic", &[("realm", "x")]),
                scheme("Bearer", &[("scope", "a")]),
                scheme("Negotiate", &[]),
                scheme("DPoP", &[("algs", "ES256")]),
            ],
        ),
        // Credentials without a name are none of ours.
        ("Negotiate YWJj==, Bearer scope=a", vec![scheme("Negotiate", &[]), scheme("Bearer", &[("scope", "a")])]),
        // An address without quotes.
        (
            "Bearer resource_metadata=https://a.example/b?c=d",
            vec![scheme("Bearer", &[("resource_metadata", "https://a.example/b?c=d")])],
        ),
        ("bearer SCOPE=a,,  , error=b", vec![scheme("bearer", &[("scope", "a"), ("error", "b")])]),
        // A quote that is never closed ends it all.
        (r#"Bearer scope=a, error="never"#, vec![scheme("Bearer", &[("scope", "a")])]),
        ("=, \"a, b\", Bearer scope=a", vec![scheme("Bearer", &[("scope", "a")])]),
        ("scope=a, Bearer", vec![scheme("Bearer", &[])]),
    ];
    for (header, expected) in cases {
        assert_eq!(&parse(header), expected, "{header}");
    }
}

#[test]
fn what_belongs_to_another_scheme_is_not_taken_for_a_bearers() {
    let challenge = Challenge::new(401, [r#"Other scope="a", error="b""#, r#"bearer scope="c""#]);
    assert_eq!(challenge.scopes().collect::<Vec<_>>(), ["c"]);
    assert_eq!(challenge.error(), None);
    // The place of the metadata is no parameter of one scheme.
    let challenge = Challenge::new(401, [r#"DPoP algs="ES256", resource_metadata="https://a.example/""#]);
    assert_eq!(challenge.resource_metadata(), Some("https://a.example/"));
}

#[test]
fn only_what_can_be_a_scope_is_one() {
    let challenge = Challenge::new(403, ["Bearer scope=\"a  b a \u{e9} c\\\"d \tx\""]);
    assert_eq!(challenge.scopes().collect::<Vec<_>>(), ["a", "b", "x"]);
}

fn name() -> impl Strategy<Value = String> {
    "[a-z][a-z0-9_-]{0,8}"
}

proptest! {
    #[test]
    fn any_text_is_read_to_its_end(headers in vec(any::<String>(), 0..4)) {
        let challenge = Challenge::new(401, &headers);
        let length: usize = headers.iter().map(String::len).sum();
        let found = challenge.schemes.iter().flat_map(|it| &it.parameters).map(|(name, value)| name.len() + value.len());
        prop_assert!(found.sum::<usize>() <= length);
    }

    #[test]
    fn text_like_a_header_is_read_to_its_end(header in r#"[Bb =,"\\a\t]{0,40}"#) {
        parse(&header);
    }

    #[test]
    fn what_is_written_by_the_rules_is_read_back(
        challenges in vec((name(), vec((name(), "[ -~]{0,12}"), 0..4)), 0..4),
        space in "[ \t]{0,2}",
    ) {
        let challenges: Vec<_> = challenges
            .into_iter()
            .map(|(name, parameters)| Scheme { name, parameters })
            .collect();
        let written: Vec<_> = challenges
            .iter()
            .map(|it| {
                let parameters: Vec<_> = it
                    .parameters
                    .iter()
                    .map(|(name, value)| {
                        let value = value.replace('\\', "\\\\").replace('"', "\\\"");
                        format!("{name}{space}={space}\"{value}\"")
                    })
                    .collect();
                format!("{} {}", it.name, parameters.join(","))
            })
            .collect();
        prop_assert_eq!(parse(&written.join(&format!("{space},{space}"))), challenges);
    }
}
