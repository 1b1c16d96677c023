#!/usr/bin/env bash
# Runs the studio and @teachablemachine/image in turn, in the same Chromium, and prints the medians.
#
#     benchmarks/studio/run.sh [--rounds N] PHOTOGRAPHS
#
# PHOTOGRAPHS is a folder of JPEGs, from which 900 crops in three classes are made for both to train on. Needs node and
# Chromium (CHROMIUM names one). HEADSTART names a binary to measure instead of building one.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(dirname "$(dirname "$here")")
place=$root/target/studio-benchmark
mkdir -p "$place"
cp "$here"/{package.json,compare.mjs,peer.js} "$place"
# The library requires a certain version of TensorFlow.js; both that and the newest are measured.
[ -d "$place/node_modules" ] || (cd "$place" && npm install --silent --no-audit --no-fund --legacy-peer-deps)
if [ -z "${HEADSTART:-}" ]; then
  cargo build --profile dist --manifest-path "$root/Cargo.toml"
  HEADSTART=${CARGO_TARGET_DIR:-$root/target}/dist/headstart
fi
exec node "$place/compare.mjs" --headstart "$HEADSTART" "$@"
