#[allow(
    clippy::needless_pass_by_value,
    clippy::boxed_local,
    clippy::too_many_arguments,
    clippy::missing_const_for_fn
)]
pub fn ping() {}
#[doc(hidden)]
#[allow(
    non_camel_case_types,
    dead_code,
    missing_debug_implementations,
    clippy::exhaustive_structs
)]
pub struct ping {}
#[automatically_derived]
#[allow(deprecated, unused_mut, clippy::all, clippy::pedantic, clippy::nursery)]
impl ::mcp_runtime::__private::Tool for ping {
    const SPEC: &'static ::mcp_runtime::__private::ToolSpec = ::mcp_runtime::__private::UNFINISHED;
}
::core::compile_error! {
    "`#[tool]` has no key `naem`; did you mean `name`?"
}
