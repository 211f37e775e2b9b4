//! Methods as tools.
#![deny(warnings, missing_docs)]

use std::sync::{Arc, Mutex};

use mcp_runtime::prelude::*;

/// Where products are kept.
pub trait Store: Send + Sync {
    /// How many there are.
    fn count(&self) -> usize;
}

/// A store for tests.
#[derive(Debug)]
pub struct Empty;

impl Store for Empty {
    fn count(&self) -> usize {
        0
    }
}

/// A catalog.
#[derive(Debug)]
pub struct Catalog<S> {
    store: S,
    names: Mutex<Vec<String>>,
}

type Named<S> = Catalog<S>;

/// What it can do.
#[tool]
impl<S: Store> Catalog<S>
where
    S: std::fmt::Debug,
{
    const LIMIT: usize = 10;

    fn helper(&self) -> usize {
        self.store.count() + Self::LIMIT
    }

    /// Count.
    #[tool(annotations(read_only))]
    pub fn count(&self) -> usize {
        self.helper()
    }

    /// Rename a product.
    #[tool(name = "catalog.rename")]
    async fn rename<'a>(&'a self, ctx: &Context, #[arg(length = 1..)] name: &'a str) -> Result<()> {
        let _ = ctx;
        tokio::task::yield_now().await;
        self.names.lock().map_err(|_| "poisoned")?.push(name.to_owned());
        Ok(())
    }

    /// By `Arc`.
    #[tool(blocking)]
    fn shared(self: Arc<Self>, id: u8) -> u8 {
        id
    }

    /// By reference to an `Arc`.
    #[tool]
    fn borrowed(self: &Arc<Self>, id: u8) -> u8 {
        let _ = self;
        id
    }

    /// Of the type, not of a value.
    #[tool]
    fn limit() -> usize {
        Self::LIMIT
    }

    /// Not here.
    #[cfg(any())]
    #[tool]
    fn gone(&self, it: Nowhere) {}

    /// Says `Self` in its types.
    #[tool]
    fn same(&self) -> <Named<S> as Counted>::Count {
        self.helper()
    }
}

/// Has a count.
pub trait Counted {
    /// Of this type.
    type Count;
}

impl<S> Counted for Catalog<S> {
    type Count = usize;
}

/// Two lists of one type.
#[tool(method = admin_tools)]
impl Catalog<Empty> {
    /// Clear.
    #[tool]
    fn clear(&self) {}
}

mod inner {
    use mcp_runtime::prelude::*;

    struct Private;

    #[tool]
    impl Private {
        #[tool(undescribed = "allow")]
        fn ping(&self, it: u8) -> u8 {
            it
        }
    }

    pub(super) fn tools() -> mcp_runtime::Tools {
        std::sync::Arc::new(Private).tools()
    }
}

fn main() {
    let catalog = Arc::new(Catalog { store: Empty, names: Mutex::default() });
    assert_eq!(catalog.count(), 10);
    let _ = Server::new("x").tools(catalog.clone().tools()).tools(catalog.admin_tools()).tools(inner::tools());
}
