//! The module built by `cargo test`.

use std::env::consts::{DLL_PREFIX, DLL_SUFFIX};

#[test]
fn the_module_has_what_python_looks_for() {
    let built = std::env::current_exe()
        .expect("the test")
        .with_file_name(format!("{DLL_PREFIX}_headstart{DLL_SUFFIX}"));
    let module =
        std::fs::read(&built).unwrap_or_else(|error| panic!("{}: {error}", built.display()));
    let name = b"PyInit__headstart";
    assert!(module.windows(name.len()).any(|part| part == name), "{}", built.display());
}
