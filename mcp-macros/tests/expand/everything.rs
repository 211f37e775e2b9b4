#[allow(
    clippy::needless_pass_by_value,
    clippy::boxed_local,
    clippy::too_many_arguments,
    clippy::missing_const_for_fn
)]
/// Described.
pub(crate) async fn create<'a>(
    ctx: &Context,
    name: &'a str,
    note: Option<&'a str>,
    r#type: Kind,
    db: State<Db>,
) -> Result<Json<Product>> {
    db.create(ctx, name, note, r#type).await
}
#[doc(hidden)]
#[allow(
    non_camel_case_types,
    dead_code,
    missing_debug_implementations,
    clippy::exhaustive_structs
)]
pub(crate) struct Create {}
#[automatically_derived]
#[allow(deprecated, unused_mut, clippy::all, clippy::pedantic, clippy::nursery)]
impl ::mcp_runtime::__private::Tool for Create {
    const SPEC: &'static ::mcp_runtime::__private::ToolSpec = &::mcp_runtime::__private::ToolSpec::new(
        ["catalog.create", "Create", "Described.", ::core::module_path!()],
        ::mcp_runtime::__private::check_params(const {
            &[
                ::mcp_runtime::__private::ParamSpec::new(
                    "ctx",
                    "",
                    <<Context as ::mcp_runtime::__private::ToolRef>::Held as ::mcp_runtime::__private::ToolParam<
                        _,
                    >>::KIND,
                ),
                ::mcp_runtime::__private::ParamSpec::new(
                    "name",
                    "",
                    <<str as ::mcp_runtime::__private::ToolRef>::Held as ::mcp_runtime::__private::ToolParam<
                        _,
                    >>::KIND,
                ),
                ::mcp_runtime::__private::ParamSpec::new(
                    "note",
                    "",
                    <Option<
                        <str as ::mcp_runtime::__private::ToolRef>::Held,
                    > as ::mcp_runtime::__private::ToolParam<_>>::KIND,
                ),
                ::mcp_runtime::__private::ParamSpec::new(
                    "type",
                    "",
                    <Kind as ::mcp_runtime::__private::ToolParam<_>>::KIND,
                ),
                ::mcp_runtime::__private::ParamSpec::new(
                    "db",
                    "",
                    <State<Db> as ::mcp_runtime::__private::ToolParam<_>>::KIND,
                ),
            ]
        }),
        <Result<
            Json<Product>,
        > as ::mcp_runtime::__private::IntoToolResult>::output_schema,
        |mut call| {
            let arg0 = <<Context as ::mcp_runtime::__private::ToolRef>::Held as ::mcp_runtime::__private::ToolParam<
                _,
            >>::take(&mut call);
            let arg1 = <<str as ::mcp_runtime::__private::ToolRef>::Held as ::mcp_runtime::__private::ToolParam<
                _,
            >>::take(&mut call);
            let arg2 = <Option<
                <str as ::mcp_runtime::__private::ToolRef>::Held,
            > as ::mcp_runtime::__private::ToolParam<_>>::take(&mut call);
            let arg3 = <Kind as ::mcp_runtime::__private::ToolParam<_>>::take(&mut call);
            let arg4 = <State<
                Db,
            > as ::mcp_runtime::__private::ToolParam<_>>::take(&mut call);
            if !call.is_fine() {
                return call.refuse();
            }
            let ::core::option::Option::Some(arg0) = arg0 else { return call.refuse() };
            let ::core::option::Option::Some(arg1) = arg1 else { return call.refuse() };
            let ::core::option::Option::Some(arg2) = arg2 else { return call.refuse() };
            let ::core::option::Option::Some(arg3) = arg3 else { return call.refuse() };
            let ::core::option::Option::Some(arg4) = arg4 else { return call.refuse() };
            call.running(async move {
                <Result<
                    Json<Product>,
                > as ::mcp_runtime::__private::IntoToolResult>::into_tool_result(
                    create(
                            &arg0,
                            &arg1,
                            ::mcp_runtime::__private::Lend::lend(&arg2),
                            arg3,
                            arg4,
                        )
                        .await,
                )
            })
        },
    );
}
