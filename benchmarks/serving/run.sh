#!/usr/bin/env bash
# Runs headstart and its peer as HTTP servers in turn, on this machine only, and prints a table; with --soak, headstart
# at full load for ten minutes.
#
#     benchmarks/serving/run.sh PHOTOGRAPHS [--rounds N] [--seconds N]
#     benchmarks/serving/run.sh --soak PHOTOGRAPHS [--minutes N]
#
# Sets up a Python environment in target/serving; PEERS names another. HEADSTART and LOAD name binaries to use instead
# of building them.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(dirname "$(dirname "$here")")
venv=${PEERS:-$root/target/serving}
[ -x "$venv/bin/python" ] || python3 -m venv "$venv"
[ -n "${PEERS:-}" ] || "$venv/bin/pip" install --quiet --requirement "$here/requirements.txt"
if [ -z "${HEADSTART:-}" ] || [ -z "${LOAD:-}" ]; then
  cargo build --profile dist --workspace --bins --manifest-path "$root/Cargo.toml"
fi
built=${CARGO_TARGET_DIR:-$root/target}/dist
headstart=${HEADSTART:-$built/headstart}
load=${LOAD:-$built/headstart-load}
if [ "${1:-}" = --soak ]; then
  shift
  exec "$venv/bin/python" "$here/soak.py" --headstart "$headstart" --load "$load" "$@"
fi
network=$root/target/serving.onnx
[ -f "$network" ] || "$venv/bin/python" "$here/network.py" "$network" 5
exec "$venv/bin/python" "$here/compare.py" --headstart "$headstart" --load "$load" --network "$network" "$@"
