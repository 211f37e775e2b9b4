fn flush() {}
#[doc(hidden)]
#[allow(non_camel_case_types, dead_code)]
struct flush {}
#[automatically_derived]
#[allow(deprecated, unused_mut)]
impl ::mcp_runtime::__private::Tool for flush {
    const SPEC: &'static ::mcp_runtime::__private::ToolSpec = &::mcp_runtime::__private::ToolSpec {
        name: "flush",
        title: "Flush",
        description: "",
        module: ::core::module_path!(),
        params: &[],
        output_schema: <() as ::mcp_runtime::__private::IntoToolResult>::output_schema,
        call: |mut call| {
            let (true) = (call.is_fine()) else {
                return call.refuse();
            };
            call.blocking(move || <() as ::mcp_runtime::__private::IntoToolResult>::into_tool_result(
                flush(),
            ))
        },
    };
}
