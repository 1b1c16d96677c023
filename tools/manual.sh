#!/usr/bin/env bash
# Builds the manual as a book: target/manual/index.html. Installs mdBook below target/ if it is missing.
set -euo pipefail
cd "$(dirname "$0")/.."

version=0.5.4
mdbook=$(command -v mdbook || echo target/tools/bin/mdbook)
if [ ! -x "$mdbook" ]; then
    # Not optimised, because that would take longer than it saves.
    cargo install mdbook --version "$version" --locked --debug --root target/tools \
        --no-default-features --features search
fi
"$mdbook" build docs
echo "target/manual/index.html"
