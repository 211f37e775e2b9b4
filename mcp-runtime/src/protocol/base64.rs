//! Base64 ([RFC 4648]), many bytes at a time where the processor can.
//!
//! [RFC 4648]: https://www.rfc-editor.org/rfc/rfc4648

use std::sync::LazyLock;

use base64::engine::general_purpose::{NO_PAD, PAD};

/// With padding, as messages have it.
pub(crate) static STANDARD: LazyLock<wide::Engine> = LazyLock::new(|| wide::standard(PAD));

/// For what also stands in addresses and headers: without padding.
pub(crate) static URL_SAFE_NO_PAD: LazyLock<wide::Engine> = LazyLock::new(|| wide::url_safe(NO_PAD));

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
mod wide {
    use base64::engine::GeneralPurposeConfig as Config;
    pub(crate) use base64::engine::Simd as Engine;

    pub(super) fn standard(config: Config) -> Engine {
        Engine::standard(config)
    }

    pub(super) fn url_safe(config: Config) -> Engine {
        Engine::url_safe(config)
    }
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
mod wide {
    use base64::alphabet::{STANDARD, URL_SAFE};
    pub(crate) use base64::engine::GeneralPurpose as Engine;
    use base64::engine::GeneralPurposeConfig as Config;

    pub(super) fn standard(config: Config) -> Engine {
        Engine::new(&STANDARD, config)
    }

    pub(super) fn url_safe(config: Config) -> Engine {
        Engine::new(&URL_SAFE, config)
    }
}
