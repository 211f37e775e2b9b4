//! Where two JSON values differ.

use serde_json::Value;

/// One place where two values differ.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Difference {
    /// A JSON pointer.
    pub(super) path: String,
    /// Which word it is, of a text of as many words.
    word: Option<usize>,
    pub(super) one: Option<Value>,
    pub(super) other: Option<Value>,
}

impl Difference {
    /// Whether it is in the same place as another one.
    fn stands_with(&self, other: &Self) -> bool {
        (&self.path, self.word) == (&other.path, other.word)
    }

    /// Whether a value has only another content: the same shape, as an id or a time has it that is
    /// new each time.
    pub(super) fn is_of_content(&self) -> bool {
        let scalar = |value: &Option<Value>| value.as_ref().is_some_and(|it| !it.is_object() && !it.is_array());
        scalar(&self.one) && scalar(&self.other)
    }

    /// Whether a text differs from a text.
    pub(super) fn is_of_text(&self) -> bool {
        let text = |value: &Option<Value>| value.as_ref().is_some_and(Value::is_string);
        text(&self.one) && text(&self.other)
    }
}

/// The places where `one` and `other` differ, in the order of `one`.
pub(super) fn differences(one: &Value, other: &Value) -> Vec<Difference> {
    let mut found = Vec::new();
    compare(String::new(), one, other, &mut found);
    found
}

/// Without those places where it differs by itself from one time to the next.
pub(super) fn without(mut differences: Vec<Difference>, volatile: &[Difference]) -> Vec<Difference> {
    let known = |it: &Difference| volatile.iter().any(|known| known.is_of_content() && known.stands_with(it));
    differences.retain(|it| !(it.is_of_content() && known(it)));
    differences
}

fn compare(path: String, one: &Value, other: &Value, found: &mut Vec<Difference>) {
    match (one, other) {
        (Value::Object(ones), Value::Object(others)) => {
            for (name, one) in ones {
                let path = format!("{path}/{name}");
                match others.get(name) {
                    Some(other) => compare(path, one, other, found),
                    None => found.push(Difference { path, word: None, one: Some(one.clone()), other: None }),
                }
            }
            for (name, other) in others.iter().filter(|(name, _)| !ones.contains_key(*name)) {
                let path = format!("{path}/{name}");
                found.push(Difference { path, word: None, one: None, other: Some(other.clone()) });
            }
        }
        (Value::Array(ones), Value::Array(others)) if ones.len() == others.len() => {
            for (place, (one, other)) in ones.iter().zip(others).enumerate() {
                compare(format!("{path}/{place}"), one, other, found);
            }
        }
        (Value::String(one), Value::String(other)) => compare_texts(path, one, other, found),
        _ if one == other => {}
        _ => found.push(Difference { path, word: None, one: Some(one.clone()), other: Some(other.clone()) }),
    }
}

/// Text that is JSON is what it means; other text is its words, so that a new id in it does not
/// hide the rest.
fn compare_texts(path: String, one: &str, other: &str, found: &mut Vec<Difference>) {
    if one == other {
        return;
    }
    let structure = |text: &str| serde_json::from_str::<Value>(text).ok().filter(|it| it.is_object() || it.is_array());
    if let (Some(one), Some(other)) = (structure(one), structure(other)) {
        return compare(path, &one, &other, found);
    }
    let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let (ones, others) = (words(one), words(other));
    let mut push = |word| {
        found.push(Difference { path: path.clone(), word, one: Some(one.into()), other: Some(other.into()) });
    };
    if ones.len() != others.len() || ones == others {
        return push(None);
    }
    (0..ones.len()).filter(|&word| ones[word] != others[word]).for_each(|word| push(Some(word)));
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn paths(one: &Value, other: &Value) -> Vec<String> {
        differences(one, other).into_iter().map(|it| it.path).collect()
    }

    #[test]
    fn places_are_named() {
        let one = json!({ "a": [1, { "b": 2 }], "c": "x", "d": null });
        let other = json!({ "a": [1, { "b": 3 }], "c": "y", "e": 0 });
        assert_eq!(paths(&one, &other), ["/a/1/b", "/c", "/d", "/e"]);
        assert_eq!(paths(&json!({ "a": [1] }), &json!({ "a": [1, 2] })), ["/a"]);
        assert_eq!(paths(&json!(1), &json!(2)), [""]);
        assert!(differences(&one, &one).is_empty());
    }

    #[test]
    fn text_that_is_json_is_compared_as_json() {
        assert!(paths(&json!(r#"{"a":1,"b":2}"#), &json!(r#"{ "b": 2, "a": 1 }"#)).is_empty());
        assert_eq!(paths(&json!({ "t": "[1,2]" }), &json!({ "t": "[1,3]" })), ["/t/1"]);
    }

    #[test]
    fn what_differs_anyway_hides_nothing_else() {
        let result = |id: &str, items: u8| json!(format!("order {id} has {items} items"));
        let volatile = differences(&result("a1", 2), &result("b2", 2));
        assert!(without(differences(&result("a1", 2), &result("c3", 2)), &volatile).is_empty());
        assert_eq!(without(differences(&result("a1", 2), &result("c3", 3)), &volatile).len(), 1);
        // A list that grows does not have another content, it has more.
        let volatile = differences(&json!([1]), &json!([1, 2]));
        assert_eq!(without(differences(&json!([1]), &json!([1, 2, 3])), &volatile).len(), 1);
    }
}
