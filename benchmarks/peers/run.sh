#!/usr/bin/env bash
# Runs headstart and its peers in turn on the same work and prints tables.
#
#     benchmarks/peers/run.sh [--suite mobilenetv2|bases] [--quick] [--only NAME[,NAME]] [--networks TEXT]
#                             [--rounds N] [--seconds X]
#
# Sets up a Python virtual environment in target/peers with the pinned peers, builds headstart and the peers in Rust,
# and measures all in interleaved rounds: about a quarter of an hour, after a few minutes of setup. The suite of all
# bases takes an hour or more. It measures frozen bases, from pictures in memory to features. A complete run also
# writes to benchmarks/results. HEADSTART names a binary to measure instead of building one.
set -euo pipefail
headstart=${HEADSTART:+$(realpath "$HEADSTART")}
cd "$(dirname "$0")/../.."
peers=benchmarks/peers
venv=target/peers
rust=$PWD/target/peers-rust

[ -x "$venv/bin/python" ] || python3 -m venv "$venv"
"$venv/bin/pip" install --quiet --requirement "$peers/requirements.txt"
CARGO_TARGET_DIR=$rust cargo build --release --locked --manifest-path "$peers/rust/Cargo.toml"
if [ -z "$headstart" ]; then
  cargo build --profile dist
  headstart=${CARGO_TARGET_DIR:-target}/dist/headstart
fi
exec "$venv/bin/python" "$peers/compare.py" \
  --headstart "$headstart" --rust "$rust/release/peers" "$@"
