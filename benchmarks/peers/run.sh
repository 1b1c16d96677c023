#!/usr/bin/env bash
# Runs headstart and its peers in turn on the same work and prints a table.
#
#     benchmarks/peers/run.sh [ROUNDS]
#
# Sets up a Python virtual environment in target/peers with the pinned peers, builds headstart, and
# measures both in interleaved rounds. What is measured: the frozen base of MobileNetV2 1.0 at
# 160 x 160 in f32, from pixels in memory to features.
set -euo pipefail
cd "$(dirname "$0")/../.."
rounds=${1:-5}
venv=target/peers
[ -x "$venv/bin/python" ] || python3 -m venv "$venv"
"$venv/bin/pip" install --quiet --requirement benchmarks/peers/requirements.txt
cargo build --release
headstart=${CARGO_TARGET_DIR:-target}/release/headstart
exec "$venv/bin/python" benchmarks/peers/compare.py --headstart "$headstart" --rounds "$rounds"
