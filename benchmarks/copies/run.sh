#!/usr/bin/env bash
# Measures the search for near-duplicates: the copies that it misses, and its time and memory for many pictures.
#
#     benchmarks/copies/run.sh PHOTOGRAPHS [COUNT ...]
#
# PHOTOGRAPHS is a folder of photographs, from which 24,600 pictures are made in target/copies by a Python that has
# Pillow (PYTHON names it). COUNTs are numbers of vectors, which are derived from those of the pictures [default: 10000
# 70000 300000 1000000, which takes 6 GB].
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
photographs=$(realpath "$1")
shift
counts=("$@")
[ $# -gt 0 ] || counts=(10000 70000 300000 1000000)
target=${CARGO_TARGET_DIR:-$root/target}
out=$target/copies
cargo build --profile dist --manifest-path "$root/Cargo.toml" -p headstart-cli
cargo build --profile dist --manifest-path "$root/Cargo.toml" -p headstart-neighbours --example copies
if [ ! -f "$out/features.npy" ]; then
  "${PYTHON:-python3}" "$root/benchmarks/copies/pictures.py" "$photographs" "$out/pictures"
  "$target/dist/headstart" features "$out/pictures" -o "$out/features.npy"
fi
"$target/dist/examples/copies" "$out/features.npy" --exact
for count in "${counts[@]}"; do
  "$target/dist/examples/copies" "$out/features.npy" --count "$count"
done
