#!/usr/bin/env bash
# Tests the Python package in a fresh virtual environment: pytest with scikit-learn's own checks, the examples of the
# documentation, and types. Needs Python 3.10 or later, and its registry.
#
#     tools/python.sh             builds the wheel for release, as users do, and installs it
#     tools/python.sh --module F  tests the sources with a module that has been built
#     tools/python.sh --lenient   says what is missing and goes on
set -euo pipefail
cd "$(dirname "$0")/.."
package=$PWD/crates/python

module= lenient=false
while [ $# -gt 0 ]; do
    case $1 in
    --module)
        module=$(realpath "$2")
        shift
        ;;
    --lenient) lenient=true ;;
    *)
        echo "usage: tools/python.sh [--module FILE] [--lenient]" >&2
        exit 2
        ;;
    esac
    shift
done
missing() {
    echo "$1: the Python package is not tested" >&2
    $lenient && exit 0 || exit 1
}

python=${PYTHON:-python3}
"$python" -c 'import sys, venv; sys.exit(sys.version_info < (3, 10))' 2>/dev/null ||
    missing "There is no Python of 3.10 or later"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$python" -m venv "$work/venv" 2>/dev/null || missing "Python makes no virtual environment"
python=$work/venv/bin/python
install() { "$python" -m pip install --quiet --disable-pip-version-check "$@"; }
install numpy pandas pillow scikit-learn tqdm pytest mypy >"$work/pip" 2>&1 ||
    missing "The registry cannot be reached"

if [ -z "$module" ]; then
    install "$package"
else
    site=$("$python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
    cp -r "$package/python/headstart" "$site/"
    cp "$module" "$site/headstart/_headstart.abi3.so"
fi

# Far from the sources, so that it is the installed package that is imported.
cp -r "$package/tests" "$package/pyproject.toml" "$work/"
ln -s "$PWD/crates/cli/assets/fashion-mnist" "$work/pictures"
cd "$work"
export HEADSTART_CACHE=$work/cache HEADSTART_TEST_PICTURES=$work/pictures
"$python" -m pytest --quiet -p no:cacheprovider tests
"$python" -m pytest --quiet -p no:cacheprovider --doctest-modules --pyargs headstart
"$python" -m mypy --no-error-summary -p headstart
"$python" -m mypy --no-error-summary tests
"$python" -m mypy.stubtest --concise headstart._headstart
