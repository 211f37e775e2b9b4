#[allow(clippy::needless_pass_by_value, clippy::missing_const_for_fn)]
/// Review code.
async fn review(
    code: &str,
    findings: u8,
    language: &str,
    ctx: Context,
) -> Result<String> {
    ask(ctx, code, findings, language).await
}
#[doc(hidden)]
#[repr(C)]
#[allow(missing_debug_implementations, clippy::exhaustive_structs)]
struct review {}
const _: review = review {};
#[automatically_derived]
impl ::mcp_runtime::__private::PromptFn for review {
    const SPEC: &'static ::mcp_runtime::__private::PromptSpec = &::mcp_runtime::__private::PromptSpec::new(
        ["review", "Code Review", "Review code.", ::core::module_path!()],
        const {
            &[
                ::mcp_runtime::__private::ParamSpec::new(
                    "code",
                    "The code.",
                    <<str as ::mcp_runtime::__private::ToolRef>::Held as ::mcp_runtime::__private::ToolParam<
                        _,
                    >>::KIND,
                ),
                ::mcp_runtime::__private::ParamSpec::new(
                        "findings",
                        "",
                        <u8 as ::mcp_runtime::__private::ToolArgument>::KIND,
                    )
                    .with(|mcp_details| {
                        <u8 as ::mcp_runtime::__private::NumberArgument>::least(
                            mcp_details,
                            ::mcp_runtime::__private::IntoBound::<
                                <u8 as ::mcp_runtime::__private::NumberArgument>::Kind,
                            >::into_bound(1i128),
                        );
                        <u8 as ::mcp_runtime::__private::NumberArgument>::most(
                            mcp_details,
                            ::mcp_runtime::__private::IntoBound::<
                                <u8 as ::mcp_runtime::__private::NumberArgument>::Kind,
                            >::into_bound(10i128),
                        );
                        let mcp_value: u8 = 3;
                        <u8 as ::mcp_runtime::__private::DefaultArgument>::default_value(
                            mcp_details,
                            mcp_value,
                        );
                    }),
                ::mcp_runtime::__private::ParamSpec::new(
                        "language",
                        "",
                        <<str as ::mcp_runtime::__private::ToolRef>::Held as ::mcp_runtime::__private::ToolArgument>::KIND,
                    )
                    .with(|mcp_details| {
                        mcp_details.complete(languages);
                    }),
                ::mcp_runtime::__private::ParamSpec::new(
                    "ctx",
                    "",
                    <Context as ::mcp_runtime::__private::ToolParam<_>>::KIND,
                ),
            ]
        },
        (),
        |mcp_call| {
            let mcp_arg0 = <<str as ::mcp_runtime::__private::ToolRef>::Held as ::mcp_runtime::__private::ToolParam<
                _,
            >>::take(mcp_call);
            let mcp_arg1 = <u8 as ::mcp_runtime::__private::ToolArgument>::take(
                mcp_call,
            );
            let mcp_arg2 = <<str as ::mcp_runtime::__private::ToolRef>::Held as ::mcp_runtime::__private::ToolArgument>::take(
                mcp_call,
            );
            let mcp_arg3 = <Context as ::mcp_runtime::__private::ToolParam<
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
            let ::core::option::Option::Some(mcp_arg2) = mcp_arg2 else {
                return mcp_call.refuse()
            };
            let ::core::option::Option::Some(mcp_arg3) = mcp_arg3 else {
                return mcp_call.refuse()
            };
            mcp_call
                .running(
                    async move {
                        <Result<
                            String,
                        > as ::mcp_runtime::__private::IntoPromptResult>::into_prompt_result(
                            review(&mcp_arg0, mcp_arg1, &mcp_arg2, mcp_arg3).await,
                        )
                    },
                    ::core::convert::identity,
                )
        },
    );
}
