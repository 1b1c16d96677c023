#!/usr/bin/env bash
# Builds the manual as a book: target/manual/index.html. Installs mdBook below target/ if it is missing.
set -euo pipefail
cd "$(dirname "$0")/.."
source tools/install.sh

mdbook=$(tool mdbook 0.5.4 --no-default-features --features search)
"$mdbook" build docs
echo "target/manual/index.html"
