#!/usr/bin/env bash
# usage: tools/features.sh [CRATE...]
# Checks each crate of the workspace, or the given ones, without features, with each feature alone, and with all. A
# warning fails. Then runs the tests that exist only if a feature is left out. Needs jq.
set -euo pipefail
cd "$(dirname "$0")/.."

crates=$(cargo metadata --no-deps --format-version 1 --locked |
    jq -r '.packages[] | [.name, (.targets[0].kind | any(. == "lib")),
        (.features | del(.default) | keys[])] | map(tostring) | join(" ")')
while read -r crate is_lib features; do
    [ $# -eq 0 ] || [[ " $* " == *" $crate "* ]] || continue
    sets=("")
    for feature in $features; do sets+=("$feature"); done
    [ ${#sets[@]} -lt 3 ] || sets+=("${features// /,}")
    target=--lib
    [ "$is_lib" = true ] || target=--bins
    for set in "${sets[@]}"; do
        echo "$crate [$set]"
        # Deny only the crate's own warnings: RUSTFLAGS would recompile every dependency.
        cargo rustc -q --locked --profile check -p "$crate" "$target" --no-default-features --features "$set" \
            -- -D warnings
    done
done <<<"$crates"
[ $# -eq 0 ] || exit 0
cargo test -q --locked -p headstart-data --no-default-features --test without_parquet
echo "features: checked"
