#[allow(clippy::needless_pass_by_value, clippy::missing_const_for_fn)]
pub async fn search(limit: u32, query: &str, State(db): State<Db>) -> Vec<String> {
    db.search(query, limit).await
}
#[doc(hidden)]
#[repr(C)]
#[allow(missing_debug_implementations, clippy::exhaustive_structs)]
pub struct search {}
const _: search = search {};
#[automatically_derived]
impl ::mcp_runtime::__private::Tool for search {
    const SPEC: &'static ::mcp_runtime::__private::ToolSpec = &::mcp_runtime::__private::ToolSpec::new(
            ["search", "Search", "", ::core::module_path!()],
            const {
                &[
                    ::mcp_runtime::__private::ParamSpec::new(
                            "limit",
                            "",
                            <u32 as ::mcp_runtime::__private::ToolArgument>::KIND,
                        )
                        .with(|mcp_details| {
                            <u32 as ::mcp_runtime::__private::NumberArgument>::least(
                                mcp_details,
                                ::mcp_runtime::__private::IntoBound::<
                                    <u32 as ::mcp_runtime::__private::NumberArgument>::Kind,
                                >::into_bound(1i128),
                            );
                            <u32 as ::mcp_runtime::__private::NumberArgument>::most(
                                mcp_details,
                                ::mcp_runtime::__private::IntoBound::<
                                    <u32 as ::mcp_runtime::__private::NumberArgument>::Kind,
                                >::into_bound(100i128),
                            );
                            let mcp_value: u32 = 10;
                            <u32 as ::mcp_runtime::__private::DefaultArgument>::default_value(
                                mcp_details,
                                mcp_value,
                            );
                        }),
                    ::mcp_runtime::__private::ParamSpec::new(
                            "query",
                            "What.",
                            <<str as ::mcp_runtime::__private::ToolRef>::Held as ::mcp_runtime::__private::ToolArgument>::KIND,
                        )
                        .with(|mcp_details| {
                            <<str as ::mcp_runtime::__private::ToolRef>::Held as ::mcp_runtime::__private::TextArgument>::length(
                                mcp_details,
                                ::core::ops::Bound::Included(1),
                                ::core::ops::Bound::Unbounded,
                            );
                            <<str as ::mcp_runtime::__private::ToolRef>::Held as ::mcp_runtime::__private::TextArgument>::pattern(
                                mcp_details,
                                "^[a-z]+$",
                            );
                        }),
                    ::mcp_runtime::__private::ParamSpec::new(
                        "",
                        "",
                        <State<Db> as ::mcp_runtime::__private::Unnamed<_>>::KIND,
                    ),
                ]
            },
            <Vec<String> as ::mcp_runtime::__private::IntoToolResult>::output_schema,
            |mcp_call| {
                let mcp_arg0 = <u32 as ::mcp_runtime::__private::ToolArgument>::take(
                    mcp_call,
                );
                let mcp_arg1 = <<str as ::mcp_runtime::__private::ToolRef>::Held as ::mcp_runtime::__private::ToolArgument>::take(
                    mcp_call,
                );
                let mcp_arg2 = <State<
                    Db,
                > as ::mcp_runtime::__private::Unnamed<_>>::take(mcp_call);
                if !mcp_call.is_fine() {
                    return mcp_call.refuse();
                }
                let ::core::option::Option::Some(mcp_arg0) = mcp_arg0 else {
                    return mcp_call.refuse()
                };
                let ::core::option::Option::Some(mcp_arg1) = mcp_arg1 else {
                    return mcp_call.refuse()
                };
                let ::core::option::Option::Some(mcp_arg2) = mcp_arg2 else {
                    return mcp_call.refuse()
                };
                mcp_call
                    .running(
                        async move {
                            <Vec<
                                String,
                            > as ::mcp_runtime::__private::IntoToolResult>::into_tool_result(
                                search(mcp_arg0, &mcp_arg1, mcp_arg2).await,
                            )
                        },
                        ::core::convert::identity,
                    )
            },
        )
        .with(|mcp_details| {
            mcp_details.read_only(true);
            mcp_details.timeout(::core::time::Duration::from_millis(5000u64));
        });
}
