#!/usr/bin/env bash
# Tests the Python package on Ray Data and PySpark. Both are installed in a fresh virtual environment, with a Java
# runtime if there is none. A worker is killed midway, some pictures are broken, and all results must equal the
# command's. Needs Python 3.10 or later, its package registry, and 3 GB of disk.
#
#     tools/cluster.sh            the module built by `cargo test`, for debugging
#     tools/cluster.sh --wheel    an installed release wheel, as users have it
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
# The tests send objects to workers, which must find their classes there.
export PYSPARK_PYTHON=$python PYTHONPATH=$work/tests/cluster
"$python" -m pytest --quiet -p no:cacheprovider tests/cluster
(cd tests/cluster && "$python" -m mypy --no-error-summary --config-file "$work/pyproject.toml" ./*.py)
"$python" -m pip list --format freeze | grep -E '^(ray|pyspark|pyarrow|numpy)='
