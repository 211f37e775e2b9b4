//! The URI of a resource, and the variables that stand in it (RFC 6570). The runtime matches URIs
//! with it; here it is only held against the parameters of the function.

use syn::LitStr;

use crate::diag::Diagnostics;

/// A URI, with the names of its variables.
pub(crate) struct Template {
    pub(crate) uri: LitStr,
    pub(crate) variables: Vec<String>,
    /// Nothing is wrong with it, so that all of its variables are known.
    pub(crate) is_sound: bool,
}

impl Template {
    /// Understands a URI, or notes all that is wrong with it.
    pub(crate) fn new(uri: LitStr, diag: &mut Diagnostics) -> Self {
        let mut reading = Reading { variables: Vec::new(), query: false, problems: Vec::new() };
        reading.read(&uri.value());
        for problem in &reading.problems {
            diag.error(&uri, problem);
        }
        Self { uri, variables: reading.variables, is_sound: reading.problems.is_empty() }
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.variables.iter().any(|variable| variable == name)
    }
}

struct Reading {
    variables: Vec<String>,
    /// A query was begun, which must come last.
    query: bool,
    problems: Vec<String>,
}

impl Reading {
    fn read(&mut self, text: &str) {
        if !text.starts_with('{') && !has_scheme(text) {
            let problem = "a resource needs a URI with a scheme, such as `docs://readme` or `user://{id}`";
            return self.problems.push(problem.to_owned());
        }
        let (mut rest, mut after_variable) = (text, false);
        while let Some(at) = rest.find(['{', '}']) {
            self.literal(&rest[..at]);
            after_variable &= at == 0;
            let Some((expression, after)) = rest[at..].strip_prefix('{').and_then(|after| after.split_once('}')) else {
                let problem = "the braces of this template do not match; a variable is written `{name}`";
                return self.problems.push(problem.to_owned());
            };
            after_variable = self.expression(expression, after_variable);
            rest = after;
        }
        self.literal(rest);
    }

    fn literal(&mut self, text: &str) {
        if let Some(wrong) = text.chars().find(|it| !it.is_ascii_graphic()) {
            self.problems.push(format!("{wrong:?} cannot be part of a URI; write it percent-encoded"));
        }
        if self.query && !text.is_empty() {
            let problem = format!("`{text}` stands after the query of this template; a query comes last");
            self.problems.push(problem);
        }
    }

    /// Notes the variables of an expression. Whether it takes text that ends nowhere by itself.
    fn expression(&mut self, expression: &str, after_variable: bool) -> bool {
        let names = expression.trim_start_matches(|it: char| "+?&#./;|!=,@".contains(it));
        let operator = &expression[..expression.len() - names.len()];
        let problems = self.problems.len();
        match operator {
            "" | "+" => {
                if names.contains(',') {
                    let each: Vec<_> = names.split(',').map(|name| format!("{{{operator}{name}}}")).collect();
                    self.problems.push(format!(
                        "`{{{expression}}}` has several variables; write each in braces of its own: `{}`",
                        each.join(",")
                    ));
                } else if after_variable {
                    self.problems.push(format!(
                        "nobody knows where `{{{expression}}}` begins; let something stand between it and the variable \
                         before it"
                    ));
                } else if self.query {
                    self.literal(&format!("{{{expression}}}"));
                }
            }
            "?" if self.query => {
                let problem = format!("the query begins twice; write the second part `{{&{names}}}`");
                self.problems.push(problem);
            }
            "?" | "&" => self.query = true,
            other => {
                let cure = match other {
                    "/" => "`/{name}`",
                    "." => "`.{name}`",
                    "#" => "`#{+name}`",
                    _ => "`{name}`, `{+name}` or `{?name}`",
                };
                let problem = format!("`{{{expression}}}` is not matched here: `{other}` is not known; write {cure}");
                self.problems.push(problem);
            }
        }
        for name in names.split(',') {
            self.variable(expression, name);
        }
        // Of one mistake nothing follows.
        problems == self.problems.len() && matches!(operator, "" | "+")
    }

    fn variable(&mut self, expression: &str, name: &str) {
        let is_part = |it: char| it.is_ascii_alphanumeric() || it == '_' || it == '.';
        if let Some(plain) = name.strip_suffix('*').filter(|plain| !plain.is_empty()) {
            let problem = format!(
                "`{{{expression}}}` is not matched here: `*` is not known; write `{{+{plain}}}` for a path of several parts"
            );
            self.problems.push(problem);
        } else if let Some((plain, _)) = name.split_once(':') {
            let problem =
                format!("`{{{expression}}}` is not matched here: no part of a variable is; write `{{{plain}}}`");
            self.problems.push(problem);
        } else if name.is_empty() || !name.chars().all(is_part) {
            let problem = format!("`{{{expression}}}` names no variable; write `{{name}}`, of letters, digits and `_`");
            self.problems.push(problem);
        } else if self.variables.iter().any(|earlier| earlier == name) {
            let problem = format!("the variable `{name}` stands in this template twice; give one of them another name");
            self.problems.push(problem);
        } else {
            self.variables.push(name.to_owned());
        }
    }
}

fn has_scheme(text: &str) -> bool {
    let is_part = |it: char| it.is_ascii_alphanumeric() || "+-.".contains(it);
    text.split_once(':').is_some_and(|(scheme, _)| {
        scheme.starts_with(|it: char| it.is_ascii_alphabetic()) && scheme.chars().all(is_part)
    })
}

#[cfg(test)]
mod tests {
    use proc_macro2::Span;

    use super::*;

    fn read(text: &str) -> (Vec<String>, usize) {
        let mut diag = Diagnostics::default();
        let template = Template::new(LitStr::new(text, Span::call_site()), &mut diag);
        (template.variables, diag.len())
    }

    #[test]
    fn variables_are_found() {
        for (text, expected) in [
            ("docs://readme", &[][..]),
            ("a:{x}/b/{y}", &["x", "y"]),
            ("file:///{+path}", &["path"]),
            ("a:b{?x,y}", &["x", "y"]),
            ("a:b?k=1{&x}", &["x"]),
            ("a:b{?x}{&y}", &["x", "y"]),
            ("a:{x}-{+y}", &["x", "y"]),
            ("a:{x}{?y}", &["x", "y"]),
        ] {
            assert_eq!(read(text), (expected.iter().map(|it| (*it).to_owned()).collect(), 0), "{text}");
        }
    }

    #[test]
    fn mistakes_are_found_and_each_once() {
        for text in [
            "readme",
            "/readme",
            "1a:b",
            "a:{",
            "a:}",
            "a:{x",
            "a:{}",
            "a:{x y}",
            "a:{x*}",
            "a:{x:3}",
            "a:b c",
            "a:ü",
            "a:{x}{y}",
            "a:{x}{+y}",
            "a:{x}/{x}",
            "a:{x,y}",
            "a:b{?x}/c",
            "a:b{?x}{y}",
            "a:b{?x}{?y}",
            "a:{/x}",
            "a:{#x}",
            "a:{;x}",
        ] {
            assert_eq!(read(text).1, 1, "{text}");
        }
    }
}
