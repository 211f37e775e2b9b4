#[allow(
    clippy::needless_pass_by_value,
    clippy::boxed_local,
    clippy::too_many_arguments,
    clippy::missing_const_for_fn
)]
/// Add two integers.
#[tool]
fn add(a: i64, b: i64) -> i64 {
    a + b
}
#[doc(hidden)]
#[allow(
    non_camel_case_types,
    dead_code,
    missing_debug_implementations,
    clippy::exhaustive_structs
)]
struct add {}
#[automatically_derived]
#[allow(deprecated, unused_mut, clippy::all, clippy::pedantic, clippy::nursery)]
impl ::mcp_runtime::__private::Tool for add {
    const SPEC: &'static ::mcp_runtime::__private::ToolSpec = &::mcp_runtime::__private::ToolSpec::new(
        ["add", "Add", "Add two integers.", ::core::module_path!()],
        ::mcp_runtime::__private::check_params(const {
            &[
                ::mcp_runtime::__private::ParamSpec::new(
                    "a",
                    "The first one.",
                    <i64 as ::mcp_runtime::__private::ToolParam<_>>::KIND,
                ),
                ::mcp_runtime::__private::ParamSpec::new(
                    "b",
                    "",
                    <i64 as ::mcp_runtime::__private::ToolParam<_>>::KIND,
                ),
            ]
        }),
        <i64 as ::mcp_runtime::__private::IntoToolResult>::output_schema,
        |mut call| {
            let arg0 = <i64 as ::mcp_runtime::__private::ToolParam<_>>::take(&mut call);
            let arg1 = <i64 as ::mcp_runtime::__private::ToolParam<_>>::take(&mut call);
            if !call.is_fine() {
                return call.refuse();
            }
            let ::core::option::Option::Some(arg0) = arg0 else { return call.refuse() };
            let ::core::option::Option::Some(arg1) = arg1 else { return call.refuse() };
            call.returned(
                <i64 as ::mcp_runtime::__private::IntoToolResult>::into_tool_result(
                    add(arg0, arg1),
                ),
            )
        },
    );
}
