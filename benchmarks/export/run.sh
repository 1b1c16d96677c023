#!/usr/bin/env bash
# usage: run.sh FOLDER MODEL.safetensors...   (HEADSTART, PY, PY_KERAS and PY_TORCH name the programs)
# Compares the answers of exported models with headstart's, on up to 500 pictures of FOLDER at the model's size, and
# the answers of the program that `--script` writes, which reads the files itself. Prints a line of JSON for each.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
folder=$1
shift
export HEADSTART=${HEADSTART:-headstart}
for model in "$@"; do
    name=$(basename "$model" .safetensors)
    export OUT=out-$name SCRIPT=classify-pytorch.py
    "${PY:-python3}" "$here/agreement.py" pictures "$model" "$folder" "$OUT"
    for format in onnx:onnx keras:keras pytorch:pytorch.safetensors tflite:tflite; do
        "$HEADSTART" export "$model" --format "${format%%:*}" -o "$name.${format#*:}" --script "classify-${format%%:*}.py"
    done
    for run in onnxruntime:onnx openvino:onnx litert:tflite mediapipe:tflite; do
        "${PY:-python3}" "$here/agreement.py" run "${run%%:*}" "$name.${run#*:}" "$OUT"
    done
    "${PY:-python3}" "$here/agreement.py" files classify-onnx.py "$name.onnx" "$folder" "$OUT"
    "${PY_TORCH:-python3}" "$here/agreement.py" run torch "$name.pytorch.safetensors" "$OUT"
    "${PY_KERAS:-python3}" "$here/agreement.py" run keras "$name.keras" "$OUT"
done
