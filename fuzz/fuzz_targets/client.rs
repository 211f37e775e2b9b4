//! The fuzz target `mcp_fuzz::client`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| mcp_fuzz::client(data));
