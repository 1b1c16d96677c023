#!/usr/bin/env bash
# Tests the Python package in a fresh virtual environment: pytest with scikit-learn's own checks, the examples in the
# documentation, and types. Needs Python 3.10 or later, and its package registry.
#
#     tools/python.sh             the module built by `cargo test`, for debugging
#     tools/python.sh --wheel     an installed release wheel, as users have it
#     tools/python.sh --lenient   reports what is missing and continues
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
