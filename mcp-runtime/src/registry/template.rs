//! URI templates ([RFC 6570]), read backwards: from a URI to the values of the variables.
//!
//! What can be read is what servers use: `{name}` takes one segment, `{+name}` whatever is there,
//! slashes too, and `{?a,b}` or `{&a,b}` at the end names in the query, in any order.
//!
//! [RFC 6570]: https://www.rfc-editor.org/rfc/rfc6570

use regex_lite::Regex;
use serde_json::{Map, Value};

use crate::protocol::percent;

/// A template, ready to read URIs.
#[derive(Debug, Clone)]
pub(super) struct Template {
    text: Box<str>,
    /// All that can be filled in, that of the query, too.
    names: Vec<String>,
    /// Each group is a variable, and the last one the query, if there is one.
    regex: Regex,
    variables: Vec<String>,
    has_query: bool,
}

impl Template {
    /// Whether it has variables at all.
    pub(super) fn has_variables(text: &str) -> bool {
        text.contains('{')
    }

    /// Understands a template, or says what is wrong with it.
    pub(super) fn new(text: &str) -> Result<Self, String> {
        let mut template = Building::default();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            template.literal(&rest[..at])?;
            let expression = rest[at..].strip_prefix('{').and_then(|after| after.split_once('}'));
            let Some((expression, after)) = expression else {
                return Err("its braces do not match: a variable is written `{name}`".to_owned());
            };
            template.expression(expression)?;
            rest = after;
        }
        template.literal(rest)?;
        template.finish(text)
    }

    /// As it is written.
    pub(super) fn as_str(&self) -> &str {
        &self.text
    }

    /// The names of its variables.
    pub(super) fn names(&self) -> &[String] {
        &self.names
    }

    /// The values of the variables, as text, if the URI is one of this template. What the query has
    /// beyond them is there, too.
    pub(super) fn read(&self, uri: &str) -> Option<Map<String, Value>> {
        let captures = self.regex.captures(uri)?;
        let mut values = Map::new();
        for (place, name) in self.variables.iter().enumerate() {
            values.insert(name.clone(), decoded(captures.get(place + 1)?.as_str())?);
        }
        let query = self.has_query.then(|| captures.get(self.variables.len() + 1)).flatten();
        for pair in query.iter().flat_map(|query| query.as_str().split('&')).filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let Value::String(name) = decoded(name)? else { return None };
            // What stands in the path cannot be said otherwise in the query.
            if self.variables.contains(&name) {
                return None;
            }
            values.insert(name, decoded(value)?);
        }
        Some(values)
    }
}

/// `None` for what is no text.
fn decoded(text: &str) -> Option<Value> {
    percent::decode(text).map(|text| Value::from(&*text))
}

#[derive(Default)]
struct Building {
    pattern: String,
    variables: Vec<String>,
    /// Places in the pattern where a `{+name}` must leave out what a query begins with.
    whatever: Vec<usize>,
    after_variable: bool,
    query: bool,
    names: Vec<String>,
}

impl Building {
    fn literal(&mut self, text: &str) -> Result<(), String> {
        if text.is_empty() {
            return Ok(());
        }
        if self.query {
            return Err(format!("`{text}` stands after the query, which must come last"));
        }
        self.after_variable = false;
        self.pattern.push_str(&regex_lite::escape(text));
        Ok(())
    }

    fn expression(&mut self, expression: &str) -> Result<(), String> {
        let operator = expression.chars().next().filter(|it| !it.is_ascii_alphanumeric() && *it != '_');
        let names = expression.strip_prefix(|it: char| Some(it) == operator).unwrap_or(expression);
        for name in names.split(',') {
            let is_part = |it: char| it.is_ascii_alphanumeric() || it == '_' || it == '.';
            if name.is_empty() || !name.chars().all(is_part) {
                return Err(format!("`{{{expression}}}` has no variable that can be read; write `{{name}}`"));
            }
            if self.names.iter().any(|earlier| earlier == name) {
                return Err(format!("the variable `{name}` stands in it twice"));
            }
            self.names.push(name.to_owned());
        }
        match operator {
            None | Some('+') if names.contains(',') => {
                Err(format!("`{{{expression}}}` has several variables; write each in braces of its own"))
            }
            _ if self.query && operator != Some('&') => {
                Err(format!("`{{{expression}}}` stands after the query, which must come last"))
            }
            None | Some('+') if self.after_variable => {
                Err(format!("nothing stands between `{{{expression}}}` and the variable before it"))
            }
            None => {
                self.variable(names, "([^/?#]+)");
                Ok(())
            }
            Some('+') => {
                self.variable(names, "");
                self.whatever.push(self.pattern.len());
                Ok(())
            }
            Some('?' | '&') => {
                if !self.query {
                    self.pattern.push_str(if operator == Some('?') { r"(?:\?([^#]*))?" } else { "(?:&([^#]*))?" });
                }
                self.query = true;
                Ok(())
            }
            Some(other) => Err(format!("`{{{expression}}}` cannot be read: `{other}` is not understood in a template")),
        }
    }

    fn variable(&mut self, name: &str, pattern: &str) {
        self.variables.push(name.to_owned());
        self.pattern.push_str(pattern);
        self.after_variable = true;
    }

    fn finish(mut self, text: &str) -> Result<Template, String> {
        let whatever = if self.query { "([^?#]+)" } else { "(.+)" };
        for place in self.whatever.into_iter().rev() {
            self.pattern.insert_str(place, whatever);
        }
        let regex = Regex::new(&format!("^(?s:{})$", self.pattern)).map_err(|error| error.to_string())?;
        Ok(Template { text: text.into(), names: self.names, regex, variables: self.variables, has_query: self.query })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(template: &str, uri: &str) -> Option<Value> {
        Template::new(template).expect("a template").read(uri).map(Value::Object)
    }

    #[test]
    fn variables_are_read_and_decoded() {
        for (template, uri, expected) in [
            ("product://{id}", "product://7", Some(json!({ "id": "7" }))),
            ("product://{id}", "product://a%20b%2Fc", Some(json!({ "id": "a b/c" }))),
            ("product://{id}", "product://ada@example.com", Some(json!({ "id": "ada@example.com" }))),
            ("product://{id}", "product://", None),
            ("product://{id}", "product://7/parts", None),
            ("product://{id}", "product://7?x=1", None),
            ("product://{id}", "Product://7", None),
            ("product://{id}", "product://%ff", None),
            ("a.b:{x}-{y}", "a.b:1-2", Some(json!({ "x": "1", "y": "2" }))),
            ("a.b:{x}-{y}", "a+b:1-2", None),
            ("a:{x}/parts/{y}", "a:1/parts/2", Some(json!({ "x": "1", "y": "2" }))),
            ("file:///{+path}", "file:///a/b%20c?d#e", Some(json!({ "path": "a/b c?d#e" }))),
            ("file:///{+path}{?v}", "file:///a/b?v=2", Some(json!({ "path": "a/b", "v": "2" }))),
            ("a:{+x}/end", "a:1/2/end", Some(json!({ "x": "1/2" }))),
            ("a:b{?x,y}", "a:b", Some(json!({}))),
            ("a:b{?x,y}", "a:b?y=1&x=%26", Some(json!({ "y": "1", "x": "&" }))),
            ("a:b{?x}", "a:b?z=1", Some(json!({ "z": "1" }))),
            ("a:b{?x}", "a:b?x", Some(json!({ "x": "" }))),
            ("a:{x}{?y}", "a:1?y=2", Some(json!({ "x": "1", "y": "2" }))),
            ("a:{x}{?y}", "a:1?x=2", None),
            ("a:{x}{?y}", "a:1?%78=2", None),
            ("a:b{?x}", "a:b&x=1", None),
            ("a:b?k=1{&x}", "a:b?k=1&x=2", Some(json!({ "x": "2" }))),
            ("a:b?k=1{&x}", "a:b?k=1", Some(json!({}))),
        ] {
            assert_eq!(read(template, uri), expected, "{template} {uri}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        for (template, expected) in [
            ("a:{", "braces"),
            ("a:}", "braces"),
            ("a:{x", "braces"),
            ("a:{{x}}", "`{` is not understood"),
            ("a:{}", "no variable"),
            ("a:{x y}", "no variable"),
            ("a:{x*}", "no variable"),
            ("a:{x:3}", "no variable"),
            ("a:{x}{y}", "nothing stands between"),
            ("a:{x}{+y}", "nothing stands between"),
            ("a:{x}/{x}", "twice"),
            ("a:{x,y}", "several variables"),
            ("a:{?x}/b", "after the query"),
            ("a:{?x}{y}", "after the query"),
            ("a:{/x}", "`/` is not understood"),
            ("a:{#x}", "`#` is not understood"),
        ] {
            let error = Template::new(template).expect_err(template);
            assert!(error.contains(expected), "{template}: {error}");
        }
    }
}
