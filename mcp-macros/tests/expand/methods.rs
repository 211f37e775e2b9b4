impl<S: Store> Catalog<S> {
    fn helper(&self) {}
    #[allow(
        clippy::needless_pass_by_value,
        clippy::boxed_local,
        clippy::too_many_arguments,
        clippy::missing_const_for_fn
    )]
    /// Rename a product.
    async fn rename(&self, id: u64, name: String) -> Result<()> {
        self.store.rename(id, name).await
    }
}
#[automatically_derived]
#[allow(
    deprecated,
    unused_mut,
    unreachable_pub,
    clippy::all,
    clippy::pedantic,
    clippy::nursery
)]
impl<S: Store> Catalog<S> {
    /// The tools of this value, for `Server::tools`.
    #[must_use]
    pub fn tools(
        self: ::mcp_runtime::__private::Arc<Self>,
    ) -> ::mcp_runtime::__private::Tools
    where
        Self: ::core::marker::Send + ::core::marker::Sync + 'static,
        S: 'static,
    {
        ::mcp_runtime::__private::Tools::methods(
            self,
            &[
                const {
                    &::mcp_runtime::__private::ToolSpec::new(
                        [
                            "rename",
                            "Rename",
                            "Rename a product.",
                            ::core::module_path!(),
                        ],
                        ::mcp_runtime::__private::check_params(const {
                            &[
                                ::mcp_runtime::__private::ParamSpec::new(
                                    "id",
                                    "",
                                    <u64 as ::mcp_runtime::__private::ToolParam<_>>::KIND,
                                ),
                                ::mcp_runtime::__private::ParamSpec::new(
                                    "name",
                                    "",
                                    <String as ::mcp_runtime::__private::ToolParam<_>>::KIND,
                                ),
                            ]
                        }),
                        <Result<
                            (),
                        > as ::mcp_runtime::__private::IntoToolResult>::output_schema,
                        |mut call| {
                            let arg0 = <u64 as ::mcp_runtime::__private::ToolParam<
                                _,
                            >>::take(&mut call);
                            let arg1 = <String as ::mcp_runtime::__private::ToolParam<
                                _,
                            >>::take(&mut call);
                            if !call.is_fine() {
                                return call.refuse();
                            }
                            let ::core::option::Option::Some(arg0) = arg0 else {
                                return call.refuse()
                            };
                            let ::core::option::Option::Some(arg1) = arg1 else {
                                return call.refuse()
                            };
                            let ::core::option::Option::Some(this) = call
                                .receiver::<Self>() else { return call.refuse() };
                            call.running(async move {
                                <Result<
                                    (),
                                > as ::mcp_runtime::__private::IntoToolResult>::into_tool_result(
                                    Self::rename(&this, arg0, arg1).await,
                                )
                            })
                        },
                    )
                },
            ],
        )
    }
}
