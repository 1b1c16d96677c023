//! Reruns when files are added to or removed from the page, which the compiler does not detect for embedded folders.
fn main() {
    println!("cargo::rerun-if-changed=page");
}
