//! What models see of tools, kept in a file that is reviewed like code.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::Value;

use super::Server;
use crate::protocol::Tool;
use crate::registry::{Built, DynTool, Offers, Policy, Tools};

/// Set to anything, the file is written instead of compared.
const UPDATE: &str = "UPDATE_TOOL_SURFACE";

/// What [`assert_tool_surface!`](crate::assert_tool_surface) takes: tools, or a server.
pub trait Surface {
    /// The tools as models see them.
    ///
    /// # Errors
    ///
    /// That they do not fit together.
    fn seen(self) -> Result<Vec<Tool>, String>;
}

impl Surface for Tools {
    fn seen(self) -> Result<Vec<Tool>, String> {
        let built = Built::new(Offers { tools: self, ..Offers::default() }, Policy::default());
        if built.problems.is_empty() {
            return Ok(built.registry.tools.described.to_vec());
        }
        Err(built.problems.join("\n"))
    }
}

impl Surface for DynTool {
    fn seen(self) -> Result<Vec<Tool>, String> {
        Tools::from(self).seen()
    }
}

/// All that any client may see at some time, whoever it is, with what is mounted.
impl Surface for Server {
    fn seen(self) -> Result<Vec<Tool>, String> {
        let ready = self.build().map_err(|error| error.to_string())?;
        let (offering, _) = ready.live.current().unwrap_or_default();
        Ok(offering.registry.tools.described.to_vec())
    }
}

/// What [`assert_tool_surface!`](crate::assert_tool_surface) calls.
///
/// # Panics
///
/// When the file does not say what models see.
#[track_caller]
pub fn assert_tool_surface(path: &str, tools: impl Surface) {
    let tools = match tools.seen() {
        Ok(tools) => tools,
        Err(problems) => panic!("the tools do not fit together:\n{problems}"),
    };
    let seen: Vec<Value> = tools.iter().filter_map(|tool| serde_json::to_value(tool).ok()).map(as_read).collect();
    if std::env::var_os(UPDATE).is_some() {
        let written = std::fs::write(path, pretty(&Value::from(seen)) + "\n");
        assert!(written.is_ok(), "{path} cannot be written: {written:?}");
        return;
    }
    let cure = format!("review it, and write it down with `{UPDATE}=1 cargo test`");
    let expected: Vec<Value> = match std::fs::read_to_string(Path::new(path)) {
        Err(error) => panic!("{path} cannot be read ({error}); {cure}"),
        Ok(text) => match serde_json::from_str(&text) {
            Err(error) => panic!("{path} is not a list of tools ({error}); {cure}"),
            Ok(expected) => expected,
        },
    };
    let changes = changes(&expected, &seen);
    assert!(changes.is_empty(), "what models see of the tools is not what {path} says; {cure}\n{changes}");
}

/// As it comes back from a file: a float may have lost its last bit.
fn as_read(value: Value) -> Value {
    serde_json::from_str(&value.to_string()).unwrap_or(value)
}

/// What has changed, tool by tool.
fn changes(expected: &[Value], seen: &[Value]) -> String {
    let name = |tool: &Value| tool["name"].as_str().unwrap_or_default().to_owned();
    let find = |tools: &[Value], wanted: &str| tools.iter().find(|tool| name(tool) == wanted).cloned();
    let mut changes = String::new();
    for tool in seen {
        match find(expected, &name(tool)) {
            None => _ = writeln!(changes, "tool `{}` is new", name(tool)),
            // As text: models see the order of arguments, too.
            Some(earlier) if pretty(&earlier) != pretty(tool) => {
                _ = writeln!(
                    changes,
                    "tool `{}` has changed:\n{}",
                    name(tool),
                    lines(&pretty(&earlier), &pretty(tool))
                );
            }
            Some(_) => {}
        }
    }
    for tool in expected.iter().filter(|tool| find(seen, &name(tool)).is_none()) {
        _ = writeln!(changes, "tool `{}` is gone", name(tool));
    }
    if changes.is_empty() && expected != seen {
        changes.push_str("the tools are in another order\n");
    }
    changes
}

/// The lines that differ, between what is the same before and after them.
fn lines(earlier: &str, now: &str) -> String {
    let (earlier, now): (Vec<_>, Vec<_>) = (earlier.lines().collect(), now.lines().collect());
    let same = |pairs: &mut dyn Iterator<Item = (&&str, &&str)>| pairs.take_while(|(one, other)| one == other).count();
    let before = same(&mut earlier.iter().zip(&now));
    let (earlier, now) = (&earlier[before..], &now[before..]);
    let after = same(&mut earlier.iter().rev().zip(now.iter().rev()));
    let minus = earlier[..earlier.len() - after].iter().map(|line| format!("- {line}"));
    let plus = now[..now.len() - after].iter().map(|line| format!("+ {line}"));
    minus.chain(plus).collect::<Vec<_>>().join("\n")
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::changes;

    #[test]
    fn changes_are_said_tool_by_tool() {
        let add = json!({ "name": "add", "description": "Add.", "inputSchema": {} });
        let sum = json!({ "name": "add", "description": "Sum up.", "inputSchema": {} });
        let gone = json!({ "name": "gone" });
        assert_eq!(
            changes(&[add.clone(), gone.clone()], &[sum, json!({ "name": "new" })]),
            "tool `add` has changed:\n-   \"description\": \"Add.\",\n+   \"description\": \"Sum up.\",\n\
             tool `new` is new\ntool `gone` is gone\n"
        );
        let ab = json!({ "name": "x", "inputSchema": { "a": 1, "b": 2 } });
        let ba = json!({ "name": "x", "inputSchema": { "b": 2, "a": 1 } });
        assert!(changes(&[ab], &[ba]).starts_with("tool `x` has changed"));
        assert_eq!(changes(std::slice::from_ref(&add), std::slice::from_ref(&add)), "");
        assert_eq!(changes(&[add.clone(), gone.clone()], &[gone, add]), "the tools are in another order\n");
    }
}
