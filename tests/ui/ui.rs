//! What authors see when they make a mistake: each file in `fail` has one, but for those that show that
//! several come out together. `pass` has every shape that is allowed; each file there is a test of its own,
//! which runs.
//!
//! `TRYBUILD=overwrite cargo test -p mcp-tests-ui --test ui` writes the messages down, to be read as
//! an author would.

#[test]
fn mistakes_are_explained() {
    // Without `pass`: files that fail are then checked side by side.
    trybuild::TestCases::new().compile_fail("fail/*.rs");
}
