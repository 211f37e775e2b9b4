//! The same functions as tools, three times.

use std::fmt::Write as _;

/// With `#[tool]`.
pub(super) fn ours(tools: usize) -> String {
    let mut source = "use mcp_runtime::prelude::*;\n\n".to_owned();
    for index in 0..tools {
        _ = write!(
            source,
            "/// Tool number {index}.\n#[tool]\nasync fn tool_{index}(\n    /// Some text.\n    text: String,\n    \
             /// How many.\n    count: u32,\n    /// How much.\n    ratio: f64,\n    /// Whether.\n    flag: Option<bool>,\n\
             ) -> String {{\n    format!(\"{{}} {{count}} {{ratio}} {{flag:?}}\", text.len())\n}}\n\n"
        );
    }
    let names: Vec<String> = (0..tools).map(|index| format!("tool_{index}")).collect();
    _ = write!(
        source,
        "#[tokio::main]\nasync fn main() -> Result<()> {{\n    \
         Ok(Server::new(\"leaf\").tools(tools![{}]).serve_stdio().await?)\n}}\n",
        names.join(", ")
    );
    source
}

/// On the same server, with as little as whoever writes the glue can do with: schemas as text, one `match` that finds
/// the function, and one function that takes an argument out of an object.
pub(super) fn by_hand(tools: usize) -> String {
    const SCHEMA: &str = r##"r#"{"type":"object","properties":{"text":{"type":"string","description":"Some text."},"count":{"type":"integer","minimum":0,"maximum":4294967295,"description":"How many."},"ratio":{"type":"number","description":"How much."},"flag":{"type":"boolean","description":"Whether."}},"required":["text","count","ratio"]}"#"##;
    let mut source =
        "use mcp_runtime::prelude::*;\nuse mcp_runtime::{DynTool, Tools};\nuse serde_json::{Map, Value};\n\n"
            .to_owned();
    let (mut table, mut arms) = (String::new(), String::new());
    for index in 0..tools {
        _ = write!(
            source,
            "async fn tool_{index}(text: String, count: u32, ratio: f64, flag: Option<bool>) -> String {{\n    \
             format!(\"{{}} {{count}} {{ratio}} {{flag:?}}\", text.len())\n}}\n\n"
        );
        _ = writeln!(table, "    (\"tool_{index}\", \"Tool number {index}.\", {SCHEMA}),");
        let take = |name: &str| format!("take(&mut arguments, \"{name}\")?");
        let taken = ["text", "count", "ratio", "flag"].map(take).join(", ");
        _ = writeln!(arms, "        \"tool_{index}\" => tool_{index}({taken}).await,");
    }
    _ = write!(
        source,
        "static TOOLS: &[(&str, &str, &str)] = &[\n{table}];\n\n\
         fn take<T: serde::de::DeserializeOwned>(arguments: &mut Map<String, Value>, name: &str) -> Result<T> {{\n    \
             serde_json::from_value(arguments.remove(name).unwrap_or_default()).map_err(|error| ToolError::new(format!(\"`{{name}}`: {{error}}\")))\n}}\n\n\
         async fn call(name: &str, mut arguments: Map<String, Value>) -> Result<String> {{\n    Ok(match name {{\n{arms}        \
             _ => return Err(ToolError::new(\"there is no such tool\")),\n    }})\n}}\n\n\
         #[tokio::main]\nasync fn main() -> Result<()> {{\n    let mut tools = Tools::default();\n    \
             for (name, description, schema) in TOOLS {{\n        \
                 let tool = DynTool::new(*name, serde_json::from_str(schema)?, move |arguments, _| call(name, arguments));\n        \
                 tools = tools.and(tool.description(*description));\n    }}\n    \
             Ok(Server::new(\"leaf\").tools(tools).serve_stdio().await?)\n}}\n"
    );
    source
}

/// With the official SDK.
pub(super) fn rmcp(tools: usize) -> String {
    let mut source = "use rmcp::handler::server::wrapper::Parameters;\nuse rmcp::{ServerHandler, ServiceExt, tool, \
                      tool_handler, tool_router};\n\n"
        .to_owned();
    for index in 0..tools {
        _ = write!(
            source,
            "#[derive(serde::Deserialize, schemars::JsonSchema)]\nstruct Args{index} {{\n    /// Some text.\n    \
             text: String,\n    /// How many.\n    count: u32,\n    /// How much.\n    ratio: f64,\n    /// Whether.\n    \
             flag: Option<bool>,\n}}\n\n"
        );
    }
    source.push_str("#[derive(Clone)]\nstruct Leaf;\n\n#[tool_router]\nimpl Leaf {\n");
    for index in 0..tools {
        _ = write!(
            source,
            "    /// Tool number {index}.\n    #[tool]\n    async fn tool_{index}(&self, Parameters(Args{index} {{ text, \
             count, ratio, flag }}): Parameters<Args{index}>) -> String {{\n        \
             format!(\"{{}} {{count}} {{ratio}} {{flag:?}}\", text.len())\n    }}\n\n"
        );
    }
    source.push_str(
        "}\n\n#[tool_handler]\nimpl ServerHandler for Leaf {}\n\n#[tokio::main]\nasync fn main() -> Result<(), \
         Box<dyn std::error::Error>> {\n    Leaf.serve(rmcp::transport::stdio()).await?.waiting().await?;\n    Ok(())\n}\n",
    );
    source
}
