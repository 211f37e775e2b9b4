/// Add two integers.
#[tool]
fn add(a: i64, b: i64) -> i64 {
    a + b
}
#[doc(hidden)]
#[allow(non_camel_case_types, dead_code)]
struct add {}
#[automatically_derived]
#[allow(deprecated, unused_mut)]
impl ::mcp_runtime::__private::Tool for add {
    const SPEC: &'static ::mcp_runtime::__private::ToolSpec = &::mcp_runtime::__private::ToolSpec {
        name: "add",
        title: "Add",
        description: "Add two integers.",
        module: ::core::module_path!(),
        params: &[
            ::mcp_runtime::__private::ParamSpec {
                name: "a",
                description: "The first one.",
                kind: <i64 as ::mcp_runtime::__private::ToolParam<_>>::KIND,
            },
            ::mcp_runtime::__private::ParamSpec {
                name: "b",
                description: "",
                kind: <i64 as ::mcp_runtime::__private::ToolParam<_>>::KIND,
            },
        ],
        output_schema: <i64 as ::mcp_runtime::__private::IntoToolResult>::output_schema,
        call: |mut call| {
            let (
                ::core::option::Option::Some(arg0),
                ::core::option::Option::Some(arg1),
                true,
            ) = (
                <i64 as ::mcp_runtime::__private::ToolParam<_>>::take(&mut call, 0usize),
                <i64 as ::mcp_runtime::__private::ToolParam<_>>::take(&mut call, 1usize),
                call.is_fine(),
            ) else {
                return call.refuse();
            };
            call.returned(
                <i64 as ::mcp_runtime::__private::IntoToolResult>::into_tool_result(
                    add(arg0, arg1),
                ),
            )
        },
    };
}
