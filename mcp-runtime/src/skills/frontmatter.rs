//! The YAML at the head of a `SKILL.md`, as JSON ([Agent Skills](https://agentskills.io/specification)).
//!
//! It comes from servers that nobody vouches for: its length and its depth are bounded, and there are no aliases, with
//! which a few lines can become a few gigabytes.

use saphyr_parser::{Event, Parser, ScalarStyle, Tag};
use serde_json::{Map, Number, Value};

/// How long it may be, in bytes.
const LONGEST: usize = 64 << 10;
/// How deep things may stand in each other.
const DEEPEST: u32 = 16;

/// Why it cannot be read.
type Wrong = String;

/// The frontmatter of a file.
///
/// # Errors
///
/// That there is none, or what is wrong with it.
pub(crate) fn of_text(text: &str) -> Result<Map<String, Value>, Wrong> {
    let yaml = yaml_of(text).ok_or("it does not begin with frontmatter, between two lines of `---`")?;
    if yaml.len() > LONGEST {
        return Err(format!("its frontmatter has more than {LONGEST} bytes"));
    }
    let mut reader = Reader { parser: Parser::new_from_str(yaml) };
    loop {
        match reader.next()? {
            Event::StreamStart | Event::DocumentStart(_) | Event::Nothing => {}
            Event::MappingStart(..) => return reader.mapping(DEEPEST),
            _ => return Err("its frontmatter is not a mapping".to_owned()),
        }
    }
}

/// What stands between the lines.
fn yaml_of(text: &str) -> Option<&str> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let yaml = text.strip_prefix("---\n").or_else(|| text.strip_prefix("---\r\n"))?;
    let mut length = 0;
    for line in yaml.split_inclusive('\n') {
        if line.trim_end() == "---" {
            return yaml.get(..length);
        }
        length += line.len();
    }
    None
}

struct Reader<'y> {
    parser: Parser<'y, saphyr_parser::StrInput<'y>>,
}

impl<'y> Reader<'y> {
    fn next(&mut self) -> Result<Event<'y>, Wrong> {
        match self.parser.next() {
            Some(Ok((event, _))) => Ok(event),
            Some(Err(error)) => Err(format!("its frontmatter is no YAML: {error}")),
            None => Err("its frontmatter ends in the middle".to_owned()),
        }
    }

    /// What stands in a mapping that has begun.
    fn mapping(&mut self, depth: u32) -> Result<Map<String, Value>, Wrong> {
        let mut map = Map::new();
        loop {
            let key = match self.next()? {
                Event::MappingEnd => return Ok(map),
                Event::Scalar(key, ..) => key.into_owned(),
                _ => return Err("its frontmatter has a key that is no text".to_owned()),
            };
            let event = self.next()?;
            let value = self.value(event, depth)?;
            if map.contains_key(&key) {
                return Err(format!("its frontmatter has `{}` twice", key.escape_debug()));
            }
            map.insert(key, value);
        }
    }

    fn value(&mut self, event: Event<'y>, depth: u32) -> Result<Value, Wrong> {
        let deeper = || depth.checked_sub(1).ok_or("its frontmatter is too deep");
        match event {
            Event::Scalar(text, style, _, tag) => scalar(&text, style, tag.as_deref()),
            Event::MappingStart(_, None) => Ok(Value::Object(self.mapping(deeper()?)?)),
            Event::SequenceStart(_, None) => {
                let (depth, mut items) = (deeper()?, Vec::new());
                loop {
                    match self.next()? {
                        Event::SequenceEnd => return Ok(Value::Array(items)),
                        event => items.push(self.value(event, depth)?),
                    }
                }
            }
            Event::Alias(_) => Err("its frontmatter has an alias, which is not taken from others".to_owned()),
            _ => Err("its frontmatter has a tag, for which JSON has no word".to_owned()),
        }
    }
}

/// A scalar in the [core schema](https://yaml.org/spec/1.2.2/#103-core-schema).
fn scalar(text: &str, style: ScalarStyle, tag: Option<&Tag>) -> Result<Value, Wrong> {
    match tag {
        None if style == ScalarStyle::Plain => {}
        None => return Ok(Value::from(text)),
        Some(tag) if tag.is_yaml_core_schema() && tag.suffix == "str" => return Ok(Value::from(text)),
        Some(_) => return Err("its frontmatter has a tag, for which JSON has no word".to_owned()),
    }
    Ok(match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        _ => number(text).map_or_else(|| Value::from(text), Value::Number),
    })
}

/// A number, if it is one. What JSON cannot write is none.
fn number(text: &str) -> Option<Number> {
    if let Some(digits) = text.strip_prefix("0x") {
        return plain_digits(digits, 16);
    }
    if let Some(digits) = text.strip_prefix("0o") {
        return plain_digits(digits, 8);
    }
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    // Rust knows more words for numbers than YAML.
    let begins = unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.');
    if !begins || !unsigned.bytes().all(|it| it.is_ascii_digit() || b".eE+-".contains(&it)) {
        return None;
    }
    match text.strip_prefix('+').unwrap_or(text) {
        text if unsigned.bytes().all(|it| it.is_ascii_digit()) => text
            .parse::<i64>()
            .map(Number::from)
            .or_else(|_| text.parse::<u64>().map(Number::from))
            .ok()
            .or_else(|| Number::from_f64(text.parse().ok()?)),
        text => Number::from_f64(text.parse().ok()?),
    }
}

fn plain_digits(digits: &str, radix: u32) -> Option<Number> {
    let is_plain = digits.bytes().all(|it| it.is_ascii_alphanumeric());
    is_plain.then(|| u64::from_str_radix(digits, radix).ok().map(Number::from)).flatten()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(yaml: &str) -> Result<Value, String> {
        of_text(&format!("---\n{yaml}\n---\n\n# Body\n---\n")).map(Value::Object)
    }

    #[test]
    fn frontmatter_is_what_stands_between_the_lines() {
        let expected = json!({ "name": "a", "description": "b" });
        for text in [
            "---\nname: a\ndescription: b\n---\n",
            "---\nname: a\ndescription: b\n---",
            "---\r\nname: a\r\ndescription: b\r\n--- \r\nBody",
            "\u{feff}---\nname: a\ndescription: b\n---\n---\nname: c\n---\n",
        ] {
            assert_eq!(of_text(text).map(Value::Object), Ok(expected.clone()), "{text:?}");
        }
        for text in ["", "name: a", "\n---\nname: a\n---\n", "---\nname: a\n", "--- \nname: a\n---\n", "---\n---\n"] {
            assert!(of_text(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn yaml_becomes_json() {
        let yaml = "
name: pdf-processing
description: >-
  Extract, fill,
  and assemble
license: 'Apache-2.0'
metadata: { version: \"2.1.0\", stable: true, since: 2024-01-01, no: no, n: ~ }
allowed-tools: [Read, 'Bash']
numbers: [1, -2, +3, 0x1F, 0o17, 1.5, 2.0, 1e3, .5, 18446744073709551615, 1_000, .inf, 0x, 1.2.3, -., e5]
text: |
  two
  lines
tagged: !!str 7
empty:";
        let expected = json!({
            "name": "pdf-processing",
            "description": "Extract, fill, and assemble",
            "license": "Apache-2.0",
            "metadata": { "version": "2.1.0", "stable": true, "since": "2024-01-01", "no": "no", "n": null },
            "allowed-tools": ["Read", "Bash"],
            "numbers": [
                1, -2, 3, 31, 15, 1.5, 2.0, 1000.0, 0.5, 18_446_744_073_709_551_615_u64, "1_000", ".inf", "0x", "1.2.3",
                "-.", "e5",
            ],
            "text": "two\nlines\n",
            "tagged": "7",
            "empty": null,
        });
        assert_eq!(read(yaml), Ok(expected));
    }

    #[test]
    fn what_could_do_harm_is_refused() {
        let deep = format!("a: {}{}", "[".repeat(40), "]".repeat(40));
        let very_deep = format!("a: {}", "[".repeat(30_000));
        let long = format!("a: {}", "x".repeat(LONGEST));
        for yaml in
            ["a: &x [1]\nb: *x", "a: 1\na: 2", "a: !!binary AAAA", "a: !x b", "? [a]\n: b", "- a", "a: [", &deep]
                .into_iter()
                .chain([very_deep.as_str(), &long])
        {
            assert!(read(yaml).is_err(), "{}", yaml.get(..40).unwrap_or(yaml));
        }
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig::with_cases(4096))]

        /// Whatever a server sends, it is read or refused.
        #[test]
        fn nothing_breaks_the_reader(yaml in "[\\[\\]{}:,\\-?&*!|>'\"#%@`~=.a0x \n\t\r\\\\\u{85}\u{e9}]{0,80}") {
            _ = of_text(&format!("---\n{yaml}\n---\n"));
        }
    }
}
