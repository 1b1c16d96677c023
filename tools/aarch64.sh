#!/usr/bin/env bash
# usage: tools/aarch64.sh [--install] [--lenient] [CARGO TEST OPTIONS]
# Checks that the whole workspace compiles for aarch64 without warnings, and runs the tests of kernels, engine and JPEG
# decoder there, under qemu. With options it only runs these tests: `-p headstart-kernels --test others`.
# On Debian, --install installs missing tools, as root. With --lenient, it prints a message and succeeds if tools are
# missing.
set -euo pipefail
cd "$(dirname "$0")/.."

install='' lenient='' skipped=()
while :; do
    case "${1-}" in
    --install) install=1 ;;
    --lenient) lenient=1 ;;
    *) break ;;
    esac
    shift
done
target=aarch64-unknown-linux-gnu
# Debian's compiler, which includes the target's standard library. It is used for this target only, with its own target
# folder. The linker needs the C library for cross compilation.
packages="rustc-web libstd-rust-web-dev:arm64 gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user"
rustc=${AARCH64_RUSTC:-/usr/bin/rustc}
find_missing() {
    missing=()
    for tool in "$rustc" aarch64-linux-gnu-gcc qemu-aarch64; do
        command -v "$tool" >/dev/null || missing+=("$tool")
    done
    compgen -G "$("$rustc" --print sysroot 2>/dev/null)/lib/rustlib/$target/lib/libstd-*.rlib" >/dev/null ||
        missing+=("the library of Rust for $target")
}
find_missing
if [ ${#missing[@]} -gt 0 ] && [ -n "$install" ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    timeout 300 sh -c "dpkg --add-architecture arm64 && apt-get update &&
        apt-get install -y --no-install-recommends $packages" >/dev/null 2>&1 || true
    find_missing
fi
if [ ${#missing[@]} -gt 0 ]; then
    list=$(printf ', %s' "${missing[@]}")
    echo "aarch64: not tested, missing: ${list:2} (Debian: $packages)" >&2
    [ -n "$lenient" ] && exit 0 || exit 1
fi

export RUSTC=$rustc RUSTDOC=${rustc%rustc}rustdoc CARGO_TARGET_DIR=${AARCH64_TARGET_DIR:-target/aarch64}
export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc
# qemu must use the C library of libstd-rust-web-dev:arm64. If -L pointed to the cross compiler's, which may be of
# another version, loader and library would not match, and the first thread would never start.
export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER=qemu-aarch64
export RUSTFLAGS="-D warnings"
if [ $# -eq 0 ]; then
    cargo check --locked --target $target --workspace
    # By name: the engine's tests of all bases, of EfficientNet-Lite0 at 224 and of every height of bands take minutes
    # under emulation. What they run is what MobileNetV2's tests run, in other sizes.
    set -- -p headstart-kernels -p headstart-engine -p headstart-jpeg --lib
    for file in crates/{kernels,engine,jpeg}/tests/*.rs; do
        name=$(basename "$file" .rs)
        [ "$name" = bases ] || set -- "$@" --test "$name"
    done
    skipped=(--skip every_layer_of_efficientnet_lite0 --skip bands_change_no_bit_at_any_input_size)
fi
# This test starts its own executable, which does not work under qemu alone.
cargo test --locked --target $target "$@" -- "${skipped[@]}" \
    --skip a_maximum_makes_a_processor_one_that_has_less
echo "aarch64: tested"
