#[allow(clippy::needless_pass_by_value, clippy::missing_const_for_fn)]
/// A product.
pub fn product(id: u64, currency: Option<&str>, db: State<Db>) -> Option<String> {
    db.find(id, currency)
}
#[doc(hidden)]
#[repr(C)]
#[allow(missing_debug_implementations, clippy::exhaustive_structs)]
pub struct product {}
const _: product = product {};
#[automatically_derived]
impl ::mcp_runtime::__private::ResourceFn for product {
    const SPEC: &'static ::mcp_runtime::__private::ResourceSpec = &::mcp_runtime::__private::ResourceSpec::new(
            ["product", "Product", "A product.", ::core::module_path!()],
            const {
                &[
                    ::mcp_runtime::__private::ParamSpec::new(
                        "id",
                        "",
                        <u64 as ::mcp_runtime::__private::ToolArgument>::KIND,
                    ),
                    ::mcp_runtime::__private::ParamSpec::new(
                        "currency",
                        "",
                        <Option<
                            <str as ::mcp_runtime::__private::ToolRef>::Held,
                        > as ::mcp_runtime::__private::ToolArgument>::KIND,
                    ),
                    ::mcp_runtime::__private::ParamSpec::new(
                        "db",
                        "",
                        <State<Db> as ::mcp_runtime::__private::NoVariable<_>>::KIND,
                    ),
                ]
            },
            ::mcp_runtime::__private::ResourceFacts {
                uri: "product://{id}{?currency}",
                mime_type: ::core::option::Option::Some("application/json"),
                usual_mime_type: <Option<
                    String,
                > as ::mcp_runtime::__private::IntoResourceResult>::MIME_TYPE,
            },
            |mcp_call| {
                let mcp_arg0 = <u64 as ::mcp_runtime::__private::ToolArgument>::take(
                    mcp_call,
                );
                let mcp_arg1 = <Option<
                    <str as ::mcp_runtime::__private::ToolRef>::Held,
                > as ::mcp_runtime::__private::ToolArgument>::take(mcp_call);
                let mcp_arg2 = <State<
                    Db,
                > as ::mcp_runtime::__private::NoVariable<_>>::take(mcp_call);
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
                <Option<
                    String,
                > as ::mcp_runtime::__private::IntoResourceResult>::returned(
                    product(
                        mcp_arg0,
                        ::mcp_runtime::__private::Lend::lend(&mcp_arg1),
                        mcp_arg2,
                    ),
                    mcp_call,
                )
            },
        )
        .with(|mcp_details| {
            mcp_details.audience(::mcp_runtime::__private::Role::User);
            mcp_details.audience(::mcp_runtime::__private::Role::Assistant);
            mcp_details.priority(0.5);
            mcp_details.ttl(::core::time::Duration::from_millis(60000u64));
            mcp_details.cache_public();
        });
}
