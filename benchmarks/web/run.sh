#!/usr/bin/env bash
# usage: run.sh MODEL.safetensors PICTURES   (HEADSTART and CHROMIUM name the programs; node 20 or later, npm)
# Compares the speed of a model of MobileNetV2 1.0 at 160 in Chromium with TensorFlow.js and onnxruntime-web, and the
# answers of its page for pictures with the command's. The first run also runs `npm install` in this folder.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
model=$(realpath "$1") pictures=$(realpath "$2")
headstart=${HEADSTART:-headstart}
[ -d "$here/node_modules" ] || npm --prefix "$here" install --no-audit --no-fund --ignore-scripts --no-package-lock
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$headstart" export "$model" --format wasm -o "$work/package"
"$headstart" export "$model" --format web -o "$work/page.html"
"$headstart" export "$model" --format onnx -o "$work/model.onnx"
"$headstart" predict "$model" "$pictures" --json >"$work/answers.jsonl"
node "$here/bench.mjs" "$here" "$work" speed
node "$here/bench.mjs" "$here" "$work" start
node "$here/bench.mjs" "$here" "$work" agreement
