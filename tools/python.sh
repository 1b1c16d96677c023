#!/usr/bin/env bash
# Tests the Python package in a fresh virtual environment: pytest with scikit-learn's own checks, the examples of the
# documentation, and types. Needs Python 3.10 or later, and its registry.
#
#     tools/python.sh             the module as `cargo test` has built it, for debugging
#     tools/python.sh --wheel     a wheel that is built for release and installed, as for users
#     tools/python.sh --lenient   says what is missing and goes on
set -euo pipefail
cd "$(dirname "$0")/.."

wheel=false lenient=false
for argument in "$@"; do
    case $argument in
    --wheel) wheel=true ;;
    --lenient) lenient=true ;;
    *)
        echo "usage: tools/python.sh [--wheel] [--lenient]" >&2
        exit 2
        ;;
    esac
done
source tools/python_package.sh
make_environment numpy pandas pillow pyarrow scikit-learn tqdm pytest mypy
if $wheel; then install "$package"; else install_module; fi
enter_tests
"$python" -m pytest --quiet -p no:cacheprovider --ignore tests/cluster tests
"$python" -m pytest --quiet -p no:cacheprovider --doctest-modules --pyargs headstart
"$python" -m mypy --no-error-summary -p headstart
"$python" -m mypy --no-error-summary tests/*.py
"$python" -m mypy.stubtest --concise headstart._headstart
