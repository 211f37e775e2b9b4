#[allow(clippy::needless_pass_by_value, clippy::missing_const_for_fn)]
/// Add two integers.
#[tool]
fn add(a: i64, b: i64) -> i64 {
    a + b
}
#[doc(hidden)]
#[repr(C)]
#[allow(missing_debug_implementations, clippy::exhaustive_structs)]
struct add {}
const _: add = add {};
#[automatically_derived]
impl ::mcp_runtime::__private::Tool for add {
    const SPEC: &'static ::mcp_runtime::__private::ToolSpec = &::mcp_runtime::__private::ToolSpec::new(
        ["add", "Add", "Add two integers.", ::core::module_path!()],
        const {
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
        },
        <i64 as ::mcp_runtime::__private::IntoToolResult>::output_schema,
        |mcp_call| {
            let mcp_arg0 = <i64 as ::mcp_runtime::__private::ToolParam<
                _,
            >>::take(mcp_call);
            let mcp_arg1 = <i64 as ::mcp_runtime::__private::ToolParam<
                _,
            >>::take(mcp_call);
            if !mcp_call.is_fine() {
                return mcp_call.refuse();
            }
            let ::core::option::Option::Some(mcp_arg0) = mcp_arg0 else {
                return mcp_call.refuse()
            };
            let ::core::option::Option::Some(mcp_arg1) = mcp_arg1 else {
                return mcp_call.refuse()
            };
            <i64 as ::mcp_runtime::__private::IntoToolResult>::returned(
                add(mcp_arg0, mcp_arg1),
                mcp_call,
            )
        },
    );
}
