//! The fuzz target `mcp_fuzz::arguments`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| mcp_fuzz::arguments(data));
