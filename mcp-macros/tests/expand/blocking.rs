#[allow(
    clippy::needless_pass_by_value,
    clippy::boxed_local,
    clippy::too_many_arguments,
    clippy::missing_const_for_fn
)]
fn flush() {}
#[doc(hidden)]
#[allow(
    non_camel_case_types,
    dead_code,
    missing_debug_implementations,
    clippy::exhaustive_structs
)]
struct flush {}
#[automatically_derived]
#[allow(deprecated, unused_mut, clippy::all, clippy::pedantic, clippy::nursery)]
impl ::mcp_runtime::__private::Tool for flush {
    const SPEC: &'static ::mcp_runtime::__private::ToolSpec = &::mcp_runtime::__private::ToolSpec::new(
        ["flush", "Flush", "", ::core::module_path!()],
        const { &[] },
        <() as ::mcp_runtime::__private::IntoToolResult>::output_schema,
        |mut call| {
            if !call.is_fine() {
                return call.refuse();
            }
            call.blocking(move || <() as ::mcp_runtime::__private::IntoToolResult>::into_tool_result(
                flush(),
            ))
        },
    );
}
