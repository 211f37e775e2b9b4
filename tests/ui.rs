//! What authors see when they make a mistake: each file in `ui/fail` has one, but for those that
//! show that several come out together. `ui/pass` has every shape that is allowed.
//!
//! `TRYBUILD=overwrite cargo test -p mcp-tests --test ui` writes the messages down, to be read as
//! an author would.

#[test]
fn mistakes_are_explained_and_allowed_shapes_compile() {
    let tests = trybuild::TestCases::new();
    tests.compile_fail("ui/fail/*.rs");
    tests.pass("ui/pass/*.rs");
}
