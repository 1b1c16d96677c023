# For scripts to source: development tools from the crates registry, below target/ if they are not installed.

# Prints the path of a tool of this name, and installs this version of it first if it is missing.
tool() {
    local name=$1 version=$2
    shift 2
    if command -v "$name" 2>/dev/null; then return; fi
    # Not optimised: that would take longer than it saves.
    [ -x "target/tools/bin/$name" ] ||
        cargo install "$name" --version "$version" --locked --debug --root target/tools "$@" >&2
    # Without a feature that its binary requires, cargo installs nothing and succeeds.
    [ -x "target/tools/bin/$name" ] || { echo "$name was not installed" >&2 && return 1; }
    echo "target/tools/bin/$name"
}
