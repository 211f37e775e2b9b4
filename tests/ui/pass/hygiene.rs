//! Nothing in the author's scope changes what the macro means.
#![no_implicit_prelude]
#![deny(warnings, missing_docs, missing_debug_implementations, unreachable_pub)]
#![allow(dead_code)]

/// Names of the standard library and of the runtime, taken.
mod shadows {
    use ::mcp_runtime::{State, tool};
    use ::std::prelude::rust_2024::derive;

    type Result<T> = ::std::result::Result<T, ::std::string::String>;
    type Option<T> = ::std::option::Option<T>;

    /// A type of the author, called as ours.
    pub(crate) type Context = ::serde_json::Number;

    /// A type of the author, called as one of the standard library.
    pub(crate) type String = ::serde_json::Number;

    struct Some;
    struct None;
    struct Ok;
    struct Arc;
    struct Box;
    struct Vec;
    enum Bound {}
    trait Send {}
    trait Tool {}
    trait ToolParam {}
    mod core {}
    mod std {}
    mod mcp_runtime {}

    /// Takes them.
    #[tool(annotations(read_only), timeout = "1s", concurrency = 1)]
    pub(crate) async fn takes(
        context: Context,
        string: String,
        #[arg(default = 1, range = 1..=2)] call: u8,
        #[arg(default = "x", length = 1..)] details: ::std::string::String,
        value: Option<u8>,
        arg0: &str,
        this: State<u8>,
    ) -> Result<::std::string::String> {
        let _ = (string, call, details, value, arg0, this);
        ::std::result::Result::Ok(::std::string::ToString::to_string(&context))
    }

    /// Has methods.
    #[derive(Debug)]
    pub(crate) struct Catalog;

    #[tool]
    impl Catalog {
        /// Count.
        #[tool]
        fn count(&self, r#type: u8, r#fn: Option<u8>) -> u8 {
            let _ = r#fn;
            r#type
        }
    }
}

/// Functions that a macro writes.
mod written {
    use ::mcp_runtime::tool;

    macro_rules! getters {
        ($($(#[$doc:meta])* $name:ident: $ty:ty = $value:expr, $key:literal, $of:ident: $of_ty:ty;)+) => {$(
            $(#[$doc])*
            #[tool(name = $key)]
            pub(crate) fn $name(#[arg(default = $value)] $of: $of_ty) -> $ty {
                let _ = $of;
                $value
            }
        )+};
    }

    getters! {
        /// One.
        one: u8 = 1, "the.one", of: u8;
        /// Two.
        r#struct: ::std::string::String = ::std::string::String::new(), "two", r#type: ::std::string::String;
    }
}

fn main() {
    let _ = ::mcp_runtime::Server::new("x")
        .state(1_u8)
        .tools(::mcp_runtime::tools![shadows::takes, written::one, written::r#struct])
        .tools(::std::sync::Arc::new(shadows::Catalog).tools());
}
