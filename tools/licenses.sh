#!/usr/bin/env bash
# Checks the licences and the sources of all dependencies (deny.toml), without the network. Installs cargo-deny below
# target/ if it is missing.
set -euo pipefail
cd "$(dirname "$0")/.."
source tools/install.sh

deny=$(tool cargo-deny 0.20.2)
"$deny" --offline --locked check --hide-inclusion-graph bans licenses sources
