use std::rc::Rc;

use mcp_runtime::Completing;
use mcp_runtime::prelude::*;

async fn languages(_asked: Completing) -> Vec<String> {
    let shared = Rc::new(1);
    std::future::ready(()).await;
    vec![shared.to_string()]
}

#[prompt]
fn review(#[arg(complete = languages)] language: &str) -> String {
    language.to_owned()
}

fn main() {}
