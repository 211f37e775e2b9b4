//! Enums whose variants become arguments.

use serde_json::{Map, Value, json};

/// Makes the choices of an enum fit beside other arguments, and finds out how theirs are named.
pub(super) struct Choices<'d> {
    definitions: &'d Map<String, Value>,
    /// In alphabetical order.
    pub(super) names: Vec<String>,
    /// Whether one of them takes any name.
    pub(super) open: bool,
    depth: usize,
}

impl<'d> Choices<'d> {
    /// Those that stand under a keyword of a schema, which become as they must be.
    pub(super) fn of(object: &mut Map<String, Value>, keyword: &str, definitions: &'d Map<String, Value>) -> Self {
        let mut choices = Self { definitions, names: Vec::new(), open: false, depth: 0 };
        object.get_mut(keyword).into_iter().for_each(|several| choices.each(several, keyword));
        choices
    }

    fn each(&mut self, choices: &mut Value, keyword: &str) {
        // A variant without fields is a text, and as one of several fields a member without value.
        if let Value::Array(choices) = choices
            && keyword != "allOf"
        {
            *choices = std::mem::take(choices).into_iter().flat_map(as_members).collect();
        }
        choices.as_array_mut().into_iter().flatten().for_each(|choice| self.choice(choice));
    }

    fn choice(&mut self, choice: &mut Value) {
        const DEEPEST: usize = 8;
        if let Some(name) = choice.get("$ref").and_then(Value::as_str).and_then(|it| it.strip_prefix("#/$defs/"))
            && let Some(target) = self.definitions.get(name)
            && self.depth < DEEPEST
        {
            // It is changed for this place only.
            *choice = target.clone();
        }
        let Some(members) = choice.as_object_mut() else {
            self.open = true;
            return;
        };
        let mut known = false;
        if let Some(Value::Object(properties)) = members.get("properties") {
            known = true;
            for name in properties.keys() {
                if let Err(place) = self.names.binary_search(name) {
                    self.names.insert(place, name.clone());
                }
            }
        }
        match members.get("additionalProperties") {
            Some(Value::Bool(false)) => _ = members.shift_remove("additionalProperties"),
            Some(_) => self.open = true,
            None => {}
        }
        for keyword in ["oneOf", "anyOf", "allOf"] {
            if let Some(choices) = members.get_mut(keyword) {
                known = true;
                self.depth += 1;
                self.each(choices, keyword);
                self.depth -= 1;
            }
        }
        self.open |= !known;
    }
}

/// A choice among texts as choices among objects with one member.
fn as_members(choice: Value) -> Vec<Value> {
    let texts: Vec<String> = match (choice.get("const"), choice.get("enum")) {
        (Some(Value::String(one)), _) => vec![one.clone()],
        (None, Some(Value::Array(several))) => several.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => return vec![choice],
    };
    let description = choice.get("description");
    let member = |name: String| {
        let mut schema = json!({ "type": "object", "properties": { &name: {} }, "required": [&name] });
        if let (Some(description), Value::Object(members)) = (description, &mut schema) {
            members.insert("description".to_owned(), description.clone());
        }
        schema
    };
    texts.into_iter().map(member).collect()
}
