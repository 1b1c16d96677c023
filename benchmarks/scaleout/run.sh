#!/usr/bin/env bash
# Compares Ray Data and PySpark with the command on the features of a folder of JPEGs, and prints a table.
#
#     benchmarks/scaleout/run.sh FOLDER [--count 3000] [--rounds 3]
#
# Sets up a temporary virtual environment: the package as a release wheel, Ray, PySpark and torchvision, 7 GB together.
# PEERS names an existing environment with all of these to use instead.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../.."
folder=$(cd "$1" && pwd)
shift
if [ -n "${PEERS:-}" ]; then
    python=$PEERS/bin/python
else
    source tools/python_package.sh
    make_environment --requirement "$here/requirements.txt"
    have_java
    install "$package"
fi
PATH=$(dirname "$python"):$PATH
"$python" "$here/compare.py" "$folder" "$@"
