#!/usr/bin/env bash
# Builds the command for release and packs it: target/release-archive/headstart-VERSION-TARGET.tar.gz, with man pages,
# completions, the licences of all dependencies and a bill of materials (CycloneDX), and its SHA-256 beside it.
# Installs cargo-about and cargo-cyclonedx below target/ if they are missing.
#
#     tools/release.sh [TARGET]    by default for this machine
set -euo pipefail
cd "$(dirname "$0")/.."
source tools/install.sh

about=$(tool cargo-about 0.9.3 --features cli)
cyclonedx=$(tool cargo-cyclonedx 0.5.9)
target=${1:-$(rustc --version --verbose | sed -n 's/^host: //p')}
version=$(cargo metadata --no-deps --format-version 1 --offline |
    sed 's/.*"name":"headstart-cli","version":"\([^"]*\)".*/\1/')
CARGO_PROFILE_DIST_STRIP=symbols cargo build --profile dist --locked --bin headstart --target "$target"
built=${CARGO_TARGET_DIR:-target}/$target/dist

archive=target/release-archive
name=headstart-$version-$target
rm -rf "$archive"
mkdir -p "$archive/$name"/{completions,man}
program=headstart
[ -f "$built/$program" ] || program=headstart.exe
cp "$built/$program" README.md CHANGELOG.md LICENSE-MIT LICENSE-APACHE "$archive/$name"
cp crates/bundled/assets/PROVENANCE.md "$archive/$name/WEIGHTS.md"
# These come from the program itself, so they need one that runs here.
if "$built/$program" --version >/dev/null 2>&1; then
    "$built/$program" man "$archive/$name/man" >/dev/null
    for shell in bash zsh fish powershell elvish; do
        "$built/$program" completions "$shell" >"$archive/$name/completions/headstart.$shell"
    done
else
    echo "no man pages and completions: a program for $target does not run here" >&2
fi
"$about" generate --locked --manifest-path crates/cli/Cargo.toml --target "$target" \
    --output-file "$archive/$name/LICENSES.html" tools/licenses.hbs
"$cyclonedx" cyclonedx --manifest-path crates/cli/Cargo.toml --format json --target "$target" \
    --override-filename "$name.cdx" --quiet
# Without the place of this checkout.
sed "s|path+file://$PWD/|path+file://|g" "crates/cli/$name.cdx.json" >"$archive/$name/sbom.cdx.json"
# Every crate of the workspace gets a bill of its own; only the command's is wanted.
find crates -name "$name.cdx.json" -delete

tar --create --gzip --sort=name --owner=0 --group=0 --numeric-owner \
    --file "$archive/$name.tar.gz" --directory "$archive" "$name"
(cd "$archive" && sha256sum "$name.tar.gz" | tee "$name.tar.gz.sha256")
