#!/usr/bin/env bash
# Runs headstart and its peers alternately, from JPEG files to features, and prints tables.
#
#     benchmarks/reading/run.sh PICTURES [--from PHOTOGRAPHS] [--count N] [--large N]
#         [--quick] [--only NAME] [--rounds N]
#
# PICTURES is the folder of the files to read. With --from, it is first made from the photographs in the given folder:
# 2,000 pictures of about 500x375 pixels, 48 of 12 megapixels and 16 of 48, the large ones both baseline and
# progressive. This takes 1 GB and some minutes. All peers read the small pictures. Only headstart, and OpenVINO with a
# decoder that scales, read the large ones.
#
# Sets up a Python environment in target/peers, which is shared with benchmarks/peers/run.sh; PEERS names another.
# HEADSTART names a binary to measure instead of building one. A complete run takes a quarter of an hour, and writes to
# benchmarks/results.
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
