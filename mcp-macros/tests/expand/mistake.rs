#[allow(clippy::needless_pass_by_value, clippy::missing_const_for_fn)]
pub fn ping() {}
#[doc(hidden)]
#[repr(C)]
#[allow(missing_debug_implementations, clippy::exhaustive_structs)]
pub struct ping {}
const _: ping = ping {};
#[automatically_derived]
impl ::mcp_runtime::__private::Tool for ping {
    const SPEC: &'static ::mcp_runtime::__private::ToolSpec = ::mcp_runtime::__private::UNFINISHED;
}
::core::compile_error! {
    "`#[tool]` has no key `naem`; did you mean `name`?"
}
