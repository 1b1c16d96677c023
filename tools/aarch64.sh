#!/usr/bin/env bash
# usage: tools/aarch64.sh [--lenient] [CARGO TEST OPTIONS]
# Tests the inference core on aarch64, under qemu. Without options it tests kernels, model, engine and predict;
# `-p headstart-kernels --test others` tests less. With --lenient, it prints a message and succeeds if the tools are
# not installed. On Debian, they are installed with:
#   dpkg --add-architecture arm64 && apt-get update
#   apt-get install rustc-web libstd-rust-web-dev:arm64 gcc-aarch64-linux-gnu qemu-user
set -euo pipefail
cd "$(dirname "$0")/.."

lenient=
[ "${1-}" != --lenient ] || { lenient=1; shift; }
target=aarch64-unknown-linux-gnu
# Debian's compiler, which includes the target's standard library. It is used for this target only, with its own target
# folder.
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
# qemu must use the C library of libstd-rust-web-dev:arm64. If -L pointed to the cross compiler's, which may be of
# another version, loader and library would not match, and the first thread would never start.
export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER=qemu-aarch64
# This test starts its own executable, which does not work under qemu alone.
cargo test --locked --target $target "$@" -- --skip a_maximum_makes_a_processor_one_that_has_less
echo "aarch64: tested"
