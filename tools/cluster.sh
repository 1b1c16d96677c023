#!/usr/bin/env bash
# Tests the Python package on Ray Data and PySpark, which are installed in a fresh virtual environment with a Java
# runtime, if there is none: a worker is killed in the middle, broken pictures are mixed in, and everything must be
# what the command says. Needs Python 3.10 or later, its registry, and 3 GB of disk.
#
#     tools/cluster.sh            the module as `cargo test` has built it, for debugging
#     tools/cluster.sh --wheel    a wheel that is built for release and installed, as for users
set -euo pipefail
cd "$(dirname "$0")/.."

wheel=false
case ${1:-} in
"") ;;
--wheel) wheel=true ;;
*)
    echo "usage: tools/cluster.sh [--wheel]" >&2
    exit 2
    ;;
esac
source tools/python_package.sh
make_environment numpy pandas pillow pyarrow pytest mypy "ray[data]" pyspark
have_java
if $wheel; then install "$package"; else install_module; fi
enter_tests
# What the tests send to workers is found there, too.
export PYSPARK_PYTHON=$python PYTHONPATH=$work/tests/cluster
"$python" -m pytest --quiet -p no:cacheprovider tests/cluster
(cd tests/cluster && "$python" -m mypy --no-error-summary --config-file "$work/pyproject.toml" ./*.py)
"$python" -m pip list --format freeze | grep -E '^(ray|pyspark|pyarrow|numpy)='
