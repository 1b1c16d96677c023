#!/usr/bin/env bash
# Runs headstart and its peers in turn from JPEG files to features and prints tables.
#
#     benchmarks/reading/run.sh PICTURES [--from PHOTOGRAPHS] [--count N] [--large N]
#         [--quick] [--only NAME] [--rounds N]
#
# PICTURES is the folder of files to read. With --from, it is made first from the photographs in any
# folder: 2,000 pictures of about 500x375 pixels, and 48 of 12 and 16 of 48 megapixels, each with
# one scan and progressive: 1 GB, a few minutes. Small pictures are read by all peers, large ones by
# headstart and OpenVINO with a scaling decoder.
#
# Uses the Python environment of benchmarks/peers/run.sh, in target/peers, and sets it up if needed;
# PEERS names another. HEADSTART names a binary to measure instead of building one. A complete run
# takes a quarter of an hour and writes to benchmarks/results.
set -euo pipefail
headstart=${HEADSTART:+$(realpath "$HEADSTART")}
venv=${PEERS:+$(realpath -s "$PEERS")}
here=$(cd "$(dirname "$0")" && pwd)
root=$(dirname "$(dirname "$here")")

if [ -z "$venv" ]; then
  venv=$root/target/peers
  [ -x "$venv/bin/python" ] || python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet --requirement "$here/requirements.txt"
fi
if [ -z "$headstart" ]; then
  cargo build --profile dist --manifest-path "$root/Cargo.toml"
  headstart=${CARGO_TARGET_DIR:-$root/target}/dist/headstart
fi
exec "$venv/bin/python" "$here/compare.py" --headstart "$headstart" "$@"
