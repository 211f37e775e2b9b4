#[allow(clippy::needless_pass_by_value, clippy::missing_const_for_fn)]
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
#[repr(C)]
#[allow(missing_debug_implementations, clippy::exhaustive_structs)]
pub(crate) struct Create {}
const _: Create = Create {};
#[automatically_derived]
impl ::mcp_runtime::__private::Tool for Create {
    const SPEC: &'static ::mcp_runtime::__private::ToolSpec = &::mcp_runtime::__private::ToolSpec::new(
        ["catalog.create", "Create", "Described.", ::core::module_path!()],
        const {
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
        },
        <Result<
            Json<Product>,
        > as ::mcp_runtime::__private::IntoToolResult>::output_schema,
        |mcp_call| {
            let mcp_arg0 = <<Context as ::mcp_runtime::__private::ToolRef>::Held as ::mcp_runtime::__private::ToolParam<
                _,
            >>::take(mcp_call);
            let mcp_arg1 = <<str as ::mcp_runtime::__private::ToolRef>::Held as ::mcp_runtime::__private::ToolParam<
                _,
            >>::take(mcp_call);
            let mcp_arg2 = <Option<
                <str as ::mcp_runtime::__private::ToolRef>::Held,
            > as ::mcp_runtime::__private::ToolParam<_>>::take(mcp_call);
            let mcp_arg3 = <Kind as ::mcp_runtime::__private::ToolParam<
                _,
            >>::take(mcp_call);
            let mcp_arg4 = <State<
                Db,
            > as ::mcp_runtime::__private::ToolParam<_>>::take(mcp_call);
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
            let ::core::option::Option::Some(mcp_arg3) = mcp_arg3 else {
                return mcp_call.refuse()
            };
            let ::core::option::Option::Some(mcp_arg4) = mcp_arg4 else {
                return mcp_call.refuse()
            };
            mcp_call
                .running(
                    async move {
                        <Result<
                            Json<Product>,
                        > as ::mcp_runtime::__private::IntoToolResult>::into_tool_result(
                            create(
                                    &mcp_arg0,
                                    &mcp_arg1,
                                    ::mcp_runtime::__private::Lend::lend(&mcp_arg2),
                                    mcp_arg3,
                                    mcp_arg4,
                                )
                                .await,
                        )
                    },
                    ::core::convert::identity,
                )
        },
    );
}
