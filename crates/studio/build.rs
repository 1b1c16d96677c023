//! What is embedded is not seen by the compiler when files come or go.
fn main() {
    println!("cargo::rerun-if-changed=page");
}
