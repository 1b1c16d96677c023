#!/usr/bin/env bash
# Runs a step of fine-tuning in headstart, Keras and PyTorch in turn and prints a table.
#
#     benchmarks/training/run.sh [--suite mobilenetv2|bases] [--networks TEXT] [--rounds N] [--seconds X]
#                               [--tutorial DIR]
#
# Needs the environment that benchmarks/peers/run.sh sets up in target/peers; PEERS names another. HEADSTART names a
# binary to measure instead of building one. DIR is made by pictures.py. PyTorch's threads wait for each other, so its
# times are meaningless if other processes use the machine, which `processors` on standard error shows.
set -euo pipefail
headstart=${HEADSTART:+$(realpath "$HEADSTART")}
python=$(realpath -s "${PEERS:-$(dirname "$0")/../../target/peers}")/bin/python
cd "$(dirname "$0")/../.."

if [ ! -x "$python" ]; then
  echo "no peers are set up: run benchmarks/peers/run.sh --quick" >&2
  exit 1
fi
if [ -z "$headstart" ]; then
  cargo build --profile dist
  headstart=${CARGO_TARGET_DIR:-target}/dist/headstart
fi
exec "$python" benchmarks/training/compare.py --headstart "$headstart" "$@"
