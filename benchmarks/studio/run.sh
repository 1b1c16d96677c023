#!/usr/bin/env bash
# Runs the studio and @teachablemachine/image alternately, in the same Chromium, and prints the medians.
#
#     benchmarks/studio/run.sh [--rounds N] PHOTOGRAPHS
#
# PHOTOGRAPHS is a folder of JPEGs. Both train on 900 crops of them in three classes. Needs node and Chromium (CHROMIUM
# names one). HEADSTART names a binary to measure instead of building one.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(dirname "$(dirname "$here")")
place=$root/target/studio-benchmark
mkdir -p "$place"
cp "$here"/{package.json,compare.mjs,peer.js} "$place"
# Both the version of TensorFlow.js that the library requires and the newest version are measured.
[ -d "$place/node_modules" ] || (cd "$place" && npm install --silent --no-audit --no-fund --legacy-peer-deps)
if [ -z "${HEADSTART:-}" ]; then
  cargo build --profile dist --manifest-path "$root/Cargo.toml"
  HEADSTART=${CARGO_TARGET_DIR:-$root/target}/dist/headstart
fi
exec node "$place/compare.mjs" --headstart "$HEADSTART" "$@"
