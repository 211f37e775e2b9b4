//! What can be seen of a message that was too long to be read: what it is, and its id. Whoever waits
//! for it, or for its answer, is told then.

use crate::protocol::RequestId;

/// A message of which only the beginning and the end are known.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Glimpse {
    Request(RequestId),
    Response(RequestId),
    /// A notification, or something else that nobody waits for.
    Other,
}

/// Looks at the beginning and the end of a message.
pub(crate) fn glimpse(head: &[u8], tail: &[u8]) -> Glimpse {
    let Seen { kind, id } = look(head);
    // Senders write the id among the first members, or as the last one.
    match (kind, id.or_else(|| last_id(tail))) {
        (Some(Kind::Request), Some(id)) => Glimpse::Request(id),
        (Some(Kind::Response), Some(id)) => Glimpse::Response(id),
        _ => Glimpse::Other,
    }
}

#[derive(Clone, Copy)]
enum Kind {
    Request,
    Response,
}

#[derive(Default)]
struct Seen {
    kind: Option<Kind>,
    id: Option<RequestId>,
}

/// The members of an object, as far as it goes.
fn look(head: &[u8]) -> Seen {
    let mut seen = Seen::default();
    let mut rest = head.trim_ascii_start();
    let Some(inside) = rest.strip_prefix(b"{") else { return seen };
    rest = inside;
    loop {
        let Some((key, after)) = split_value(rest.trim_ascii_start()) else { return seen };
        match key {
            b"\"method\"" | b"\"params\"" => seen.kind = Some(Kind::Request),
            b"\"result\"" | b"\"error\"" => seen.kind = Some(Kind::Response),
            _ => {}
        }
        let Some(after) = after.trim_ascii_start().strip_prefix(b":") else { return seen };
        let Some((value, after)) = split_value(after.trim_ascii_start()) else { return seen };
        if key == b"\"id\"" {
            seen.id = read_id(value);
        }
        let Some(after) = after.trim_ascii_start().strip_prefix(b",") else { return seen };
        rest = after;
    }
}

/// A whole value and what comes after it.
fn split_value(json: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = match json.first()? {
        b'"' => end_of_string(json)?,
        b'{' | b'[' => {
            let (mut at, mut depth) = (0, 0_usize);
            loop {
                match json.get(at)? {
                    b'"' => {
                        at += end_of_string(json.get(at..)?)?;
                        continue;
                    }
                    b'{' | b'[' => depth += 1,
                    b'}' | b']' => depth = depth.checked_sub(1)?,
                    _ => {}
                }
                at += 1;
                if depth == 0 {
                    break at;
                }
            }
        }
        _ => json.iter().position(|byte| b",:}] \t\r\n".contains(byte))?,
    };
    json.split_at_checked(end)
}

/// Where the string ends that this begins with.
fn end_of_string(json: &[u8]) -> Option<usize> {
    let mut escaped = false;
    let ends = |byte: &u8| {
        let ends = *byte == b'"' && !escaped;
        escaped = *byte == b'\\' && !escaped;
        ends
    };
    json.get(1..)?.iter().position(ends).map(|at| at + 2)
}

/// The id, if it is the last member of the object that ends here.
fn last_id(tail: &[u8]) -> Option<RequestId> {
    let members = tail.trim_ascii_end().strip_suffix(b"}")?.trim_ascii_end();
    let begin = match members.strip_suffix(b"\"") {
        // The quotes of an id that has some itself cannot be told apart from here.
        Some(text) => text.iter().rposition(|byte| *byte == b'"').filter(|_| !text.ends_with(b"\\"))?,
        None => members.iter().rposition(|byte| !byte.is_ascii_digit() && *byte != b'-')? + 1,
    };
    let (before, value) = members.split_at_checked(begin)?;
    let before = before.trim_ascii_end().strip_suffix(b":")?.trim_ascii_end().strip_suffix(b"\"id\"")?;
    before.trim_ascii_end().ends_with(b",").then(|| read_id(value)).flatten()
}

fn read_id(json: &[u8]) -> Option<RequestId> {
    match serde_json::from_str(std::str::from_utf8(json).ok()?).ok()? {
        serde_json::Value::String(id) => Some(RequestId::String(id)),
        serde_json::Value::Number(id) => id.as_i64().map(RequestId::Number),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_id_is_found_where_senders_write_it() {
        let five = || RequestId::Number(5);
        let text = || RequestId::String("a-5".to_owned());
        for (head, tail, expected) in [
            (r#"{"jsonrpc":"2.0","id":5,"result":{"a":"#, "aaa\"}}", Glimpse::Response(five())),
            (
                r#"{"jsonrpc": "2.0", "id": "a-5", "method": "tools/call", "params": {"#,
                "\"}}",
                Glimpse::Request(text()),
            ),
            (r#"{"result":{"a":["#, r#""]},"jsonrpc":"2.0","id":5}"#, Glimpse::Response(five())),
            (r#"{"method":"x","params":{"#, r#"},"jsonrpc":"2.0" , "id" : "a-5" } "#, Glimpse::Request(text())),
            (
                r#"{"error":{"code":1,"message":"a"#,
                r#""},"jsonrpc":"2.0","id":-5}"#,
                Glimpse::Response(RequestId::Number(-5)),
            ),
            (r#"{"jsonrpc":"2.0","id":{"a":[1,"]"]},"method":"x","params":{"#, "}}", Glimpse::Other),
            (r#"{"jsonrpc":"2.0","method":"x","params":{"#, r#""id":5}}"#, Glimpse::Other),
            (r#"{"jsonrpc":"2.0","method":"x","params":{"id":5,"#, "}}", Glimpse::Other),
            (r#"{"jsonrpc":"2.0","method":"x","params":{"#, r#"\",\"id\":\"5"}"#, Glimpse::Other),
            (r#"{"jsonrpc":"2.0","method":"x","params":{"#, r#","my id":5}"#, Glimpse::Other),
            (r#"{"jsonrpc":"2.0","id":5"#, "", Glimpse::Other),
            (r#"[{"jsonrpc":"2.0","id":5,"method":"#, "]", Glimpse::Other),
            ("aaaa", "aaaa", Glimpse::Other),
            ("", "", Glimpse::Other),
        ] {
            assert_eq!(glimpse(head.as_bytes(), tail.as_bytes()), expected, "{head} … {tail}");
        }
    }

    proptest! {
        #[test]
        fn anything_is_looked_at(head in "[{}\\[\\]\",:a-c\\\\0-9 ]{0,40}", tail in "[{}\\[\\]\",:id\\\\0-9 ]{0,40}") {
            glimpse(head.as_bytes(), tail.as_bytes());
        }
    }
}
