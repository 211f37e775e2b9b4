impl<S: Store> Catalog<S> {
    fn helper(&self) {}
    #[allow(clippy::needless_pass_by_value, clippy::missing_const_for_fn)]
    /// Rename a product.
    async fn rename(&self, id: u64, name: String) -> Result<()> {
        self.store.rename(id, name).await
    }
    #[allow(clippy::needless_pass_by_value, clippy::missing_const_for_fn)]
    /// A product.
    fn product(&self, id: u64) -> Option<Json<Product>> {
        self.store.find(id)
    }
}
#[automatically_derived]
#[allow(unreachable_pub)]
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
                        const {
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
                        },
                        <Result<
                            (),
                        > as ::mcp_runtime::__private::IntoToolResult>::output_schema,
                        |mcp_call| {
                            let mcp_arg0 = <u64 as ::mcp_runtime::__private::ToolParam<
                                _,
                            >>::take(mcp_call);
                            let mcp_arg1 = <String as ::mcp_runtime::__private::ToolParam<
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
                            let ::core::option::Option::Some(mcp_this) = mcp_call
                                .receiver::<Self>() else { return mcp_call.refuse() };
                            mcp_call
                                .running(
                                    async move {
                                        <Result<
                                            (),
                                        > as ::mcp_runtime::__private::IntoToolResult>::into_tool_result(
                                            Self::rename(&mcp_this, mcp_arg0, mcp_arg1).await,
                                        )
                                    },
                                    ::core::convert::identity,
                                )
                        },
                    )
                },
            ],
        )
    }
    /// The resources of this value, for `Server::resources`.
    #[must_use]
    pub fn resources(
        self: ::mcp_runtime::__private::Arc<Self>,
    ) -> ::mcp_runtime::__private::Resources
    where
        Self: ::core::marker::Send + ::core::marker::Sync + 'static,
        S: 'static,
    {
        ::mcp_runtime::__private::Resources::methods(
            self,
            &[
                const {
                    &::mcp_runtime::__private::ResourceSpec::new(
                        ["product", "Product", "A product.", ::core::module_path!()],
                        const {
                            &[
                                ::mcp_runtime::__private::ParamSpec::new(
                                        "id",
                                        "",
                                        <u64 as ::mcp_runtime::__private::ToolArgument>::KIND,
                                    )
                                    .with(|mcp_details| {
                                        mcp_details.complete_of::<Self, _, _, _>(Self::ids);
                                    }),
                            ]
                        },
                        ::mcp_runtime::__private::ResourceFacts {
                            uri: "product://{id}",
                            mime_type: ::core::option::Option::None,
                            usual_mime_type: <Option<
                                Json<Product>,
                            > as ::mcp_runtime::__private::IntoResourceResult>::MIME_TYPE,
                        },
                        |mcp_call| {
                            let mcp_arg0 = <u64 as ::mcp_runtime::__private::ToolArgument>::take(
                                mcp_call,
                            );
                            if !mcp_call.is_fine() {
                                return mcp_call.refuse();
                            }
                            let ::core::option::Option::Some(mcp_arg0) = mcp_arg0 else {
                                return mcp_call.refuse()
                            };
                            let ::core::option::Option::Some(mcp_this) = mcp_call
                                .receiver::<Self>() else { return mcp_call.refuse() };
                            <Option<
                                Json<Product>,
                            > as ::mcp_runtime::__private::IntoResourceResult>::returned(
                                Self::product(&mcp_this, mcp_arg0),
                                mcp_call,
                            )
                        },
                    )
                },
            ],
        )
    }
}
