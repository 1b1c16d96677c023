#!/usr/bin/env bash
# usage: run.sh MODEL.safetensors PICTURES   (HEADSTART and CHROMIUM name the programs; node 20 or later, npm)
# Measures the speed of a MobileNetV2 1.0 model at 160 in Chromium, compared with TensorFlow.js and onnxruntime-web,
# and the answers of its page on pictures. Runs `npm install` here once.
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
