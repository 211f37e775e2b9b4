#[allow(
    clippy::needless_pass_by_value,
    clippy::boxed_local,
    clippy::too_many_arguments,
    clippy::missing_const_for_fn
)]
pub async fn search(limit: u32, query: &str, State(db): State<Db>) -> Vec<String> {
    db.search(query, limit).await
}
#[doc(hidden)]
#[allow(
    non_camel_case_types,
    dead_code,
    missing_debug_implementations,
    clippy::exhaustive_structs
)]
pub struct search {}
#[automatically_derived]
#[allow(deprecated, unused_mut, clippy::all, clippy::pedantic, clippy::nursery)]
impl ::mcp_runtime::__private::Tool for search {
    const SPEC: &'static ::mcp_runtime::__private::ToolSpec = &::mcp_runtime::__private::ToolSpec::new(
            ["search", "Search", "", ::core::module_path!()],
            ::mcp_runtime::__private::check_params(const {
                &[
                    ::mcp_runtime::__private::ParamSpec::new(
                            "limit",
                            "",
                            <u32 as ::mcp_runtime::__private::ToolArgument>::KIND,
                        )
                        .with(|details| {
                            <u32 as ::mcp_runtime::__private::NumberArgument>::least(
                                details,
                                ::mcp_runtime::__private::IntoBound::<
                                    <u32 as ::mcp_runtime::__private::NumberArgument>::Kind,
                                >::into_bound(1i128),
                            );
                            <u32 as ::mcp_runtime::__private::NumberArgument>::most(
                                details,
                                ::mcp_runtime::__private::IntoBound::<
                                    <u32 as ::mcp_runtime::__private::NumberArgument>::Kind,
                                >::into_bound(100i128),
                            );
                            let value: u32 = 10;
                            <u32 as ::mcp_runtime::__private::DefaultArgument>::default_value(
                                details,
                                value,
                            );
                        }),
                    ::mcp_runtime::__private::ParamSpec::new(
                            "query",
                            "What.",
                            <<str as ::mcp_runtime::__private::ToolRef>::Held as ::mcp_runtime::__private::ToolArgument>::KIND,
                        )
                        .with(|details| {
                            <<str as ::mcp_runtime::__private::ToolRef>::Held as ::mcp_runtime::__private::TextArgument>::length(
                                details,
                                ::core::ops::Bound::Included(1),
                                ::core::ops::Bound::Unbounded,
                            );
                            <<str as ::mcp_runtime::__private::ToolRef>::Held as ::mcp_runtime::__private::TextArgument>::pattern(
                                details,
                                "^[a-z]+$",
                            );
                        }),
                    ::mcp_runtime::__private::ParamSpec::new(
                        "",
                        "",
                        <State<Db> as ::mcp_runtime::__private::Unnamed<_>>::KIND,
                    ),
                ]
            }),
            <Vec<String> as ::mcp_runtime::__private::IntoToolResult>::output_schema,
            |mut call| {
                let arg0 = <u32 as ::mcp_runtime::__private::ToolArgument>::take(
                    &mut call,
                );
                let arg1 = <<str as ::mcp_runtime::__private::ToolRef>::Held as ::mcp_runtime::__private::ToolArgument>::take(
                    &mut call,
                );
                let arg2 = <State<
                    Db,
                > as ::mcp_runtime::__private::Unnamed<_>>::take(&mut call);
                if !call.is_fine() {
                    return call.refuse();
                }
                let ::core::option::Option::Some(arg0) = arg0 else {
                    return call.refuse()
                };
                let ::core::option::Option::Some(arg1) = arg1 else {
                    return call.refuse()
                };
                let ::core::option::Option::Some(arg2) = arg2 else {
                    return call.refuse()
                };
                call.running(async move {
                    <Vec<
                        String,
                    > as ::mcp_runtime::__private::IntoToolResult>::into_tool_result(
                        search(arg0, &arg1, arg2).await,
                    )
                })
            },
        )
        .with(|details| {
            details.read_only(true);
            details.timeout(::core::time::Duration::from_millis(5000u64));
        });
}
