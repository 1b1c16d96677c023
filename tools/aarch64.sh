#!/usr/bin/env bash
# usage: tools/aarch64.sh [--lenient] [CARGO TEST OPTIONS]
# Tests the core of inference on aarch64, under qemu. By itself it tests kernels, model, engine and predict;
# `-p headstart-kernels --test others` tests less. With --lenient it succeeds, and says so, where the tools
# are not installed. On Debian they are:
#   dpkg --add-architecture arm64 && apt-get update
#   apt-get install rustc-web libstd-rust-web-dev:arm64 gcc-aarch64-linux-gnu qemu-user
set -euo pipefail
cd "$(dirname "$0")/.."

lenient=
[ "${1-}" != --lenient ] || { lenient=1; shift; }
target=aarch64-unknown-linux-gnu
# Debian's compiler, which has the target's library; it builds for this target alone, in a folder of its own.
rustc=${AARCH64_RUSTC:-/usr/bin/rustc}
missing=()
for tool in "$rustc" aarch64-linux-gnu-gcc qemu-aarch64; do
    command -v "$tool" >/dev/null || missing+=("$tool")
done
compgen -G "$("$rustc" --print sysroot 2>/dev/null)/lib/rustlib/$target/lib/libstd-*.rlib" >/dev/null ||
    missing+=("the library of Rust for $target")
if [ ${#missing[@]} -gt 0 ]; then
    list=$(printf ', %s' "${missing[@]}")
    echo "aarch64: not tested, missing: ${list:2} (see $0)" >&2
    [ -n "$lenient" ] && exit 0 || exit 1
fi

[ $# -gt 0 ] || set -- -p headstart-kernels -p headstart-model -p headstart-engine -p headstart-predict
export RUSTC=$rustc RUSTDOC=${rustc%rustc}rustdoc CARGO_TARGET_DIR=${AARCH64_TARGET_DIR:-target/aarch64}
export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc
# The C library is that of libstd-rust-web-dev:arm64. With -L to the cross compiler's, which may be of another
# version, loader and library do not fit each other, and the first thread never starts.
export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER=qemu-aarch64
# This test starts itself, which qemu alone does not do.
cargo test --locked --target $target "$@" -- --skip a_maximum_makes_a_processor_one_that_has_less
echo "aarch64: tested"
