use mcp_runtime::prelude::*;
use std::rc::Rc;

#[tool]
fn set(_state: State<Rc<u8>>) {}

fn main() {}
