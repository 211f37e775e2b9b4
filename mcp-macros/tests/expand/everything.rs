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
#[allow(non_camel_case_types, dead_code)]
pub(crate) struct Create {}
#[automatically_derived]
#[allow(deprecated, unused_mut)]
impl ::mcp_runtime::__private::Tool for Create {
    const SPEC: &'static ::mcp_runtime::__private::ToolSpec = &::mcp_runtime::__private::ToolSpec {
        name: "catalog.create",
        title: "Create",
        description: "Described.",
        module: ::core::module_path!(),
        params: &[
            ::mcp_runtime::__private::ParamSpec {
                name: "ctx",
                description: "",
                kind: <<Context as ::mcp_runtime::__private::ToolRef>::Held as ::mcp_runtime::__private::ToolParam<
                    _,
                >>::KIND,
            },
            ::mcp_runtime::__private::ParamSpec {
                name: "name",
                description: "",
                kind: <<str as ::mcp_runtime::__private::ToolRef>::Held as ::mcp_runtime::__private::ToolParam<
                    _,
                >>::KIND,
            },
            ::mcp_runtime::__private::ParamSpec {
                name: "note",
                description: "",
                kind: <Option<
                    <str as ::mcp_runtime::__private::ToolRef>::Held,
                > as ::mcp_runtime::__private::ToolParam<_>>::KIND,
            },
            ::mcp_runtime::__private::ParamSpec {
                name: "type",
                description: "",
                kind: <Kind as ::mcp_runtime::__private::ToolParam<_>>::KIND,
            },
            ::mcp_runtime::__private::ParamSpec {
                name: "db",
                description: "",
                kind: <State<Db> as ::mcp_runtime::__private::ToolParam<_>>::KIND,
            },
        ],
        output_schema: <Result<
            Json<Product>,
        > as ::mcp_runtime::__private::IntoToolResult>::output_schema,
        call: |mut call| {
            let (
                ::core::option::Option::Some(arg0),
                ::core::option::Option::Some(arg1),
                ::core::option::Option::Some(arg2),
                ::core::option::Option::Some(arg3),
                ::core::option::Option::Some(arg4),
                true,
            ) = (
                <<Context as ::mcp_runtime::__private::ToolRef>::Held as ::mcp_runtime::__private::ToolParam<
                    _,
                >>::take(&mut call, 0usize),
                <<str as ::mcp_runtime::__private::ToolRef>::Held as ::mcp_runtime::__private::ToolParam<
                    _,
                >>::take(&mut call, 1usize),
                <Option<
                    <str as ::mcp_runtime::__private::ToolRef>::Held,
                > as ::mcp_runtime::__private::ToolParam<_>>::take(&mut call, 2usize),
                <Kind as ::mcp_runtime::__private::ToolParam<
                    _,
                >>::take(&mut call, 3usize),
                <State<
                    Db,
                > as ::mcp_runtime::__private::ToolParam<_>>::take(&mut call, 4usize),
                call.is_fine(),
            ) else {
                return call.refuse();
            };
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
    };
}
