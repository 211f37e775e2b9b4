use mcp_runtime::prelude::*;

#[tool(naem = "x", title = 7)]
unsafe fn many<T>((a, b): (u8, u8), c: &mut String, d: impl Sized) {}

fn the_function_is_there_all_the_same() {
    let _ = unsafe { many::<u8>((1, 2), &mut String::new(), 3) };
    let _ = tools![many];
}

fn main() {}
