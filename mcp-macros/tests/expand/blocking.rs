#[allow(clippy::needless_pass_by_value, clippy::missing_const_for_fn)]
fn flush() {}
#[doc(hidden)]
#[repr(C)]
#[allow(missing_debug_implementations, clippy::exhaustive_structs)]
struct flush {}
const _: flush = flush {};
#[automatically_derived]
impl ::mcp_runtime::__private::Tool for flush {
    const SPEC: &'static ::mcp_runtime::__private::ToolSpec = &::mcp_runtime::__private::ToolSpec::new(
        ["flush", "Flush", "", ::core::module_path!()],
        const { &[] },
        <() as ::mcp_runtime::__private::IntoToolResult>::output_schema,
        |mcp_call| {
            if !mcp_call.is_fine() {
                return mcp_call.refuse();
            }
            mcp_call
                .blocking(move || <() as ::mcp_runtime::__private::IntoToolResult>::into_tool_result(
                    flush(),
                ))
        },
    );
}
