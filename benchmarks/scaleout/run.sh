#!/usr/bin/env bash
# Measures features of a folder of JPEGs with the command, Ray Data and PySpark, and prints a table.
#
#     benchmarks/scaleout/run.sh FOLDER [--count 3000] [--rounds 3]
#
# Sets up a temporary virtual environment of 7 GB with a release wheel of the package, Ray, PySpark and torchvision.
# PEERS names an environment to use instead, which must have all of these.
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
