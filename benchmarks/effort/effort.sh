#!/bin/sh
# Cross-validated accuracy of each effort and base: effort.sh HEADSTART FOLDER...
headstart=$1; shift
for set in "$@"; do
    for base in mobilenetv2 efficientnet-lite0 mobilenetv2+efficientnet-lite0; do
        for effort in fast good; do
            printf '%s %s %s  ' "$(basename "$set")" "$base" "$effort"
            "$headstart" train "$set" --base "$base" --effort "$effort" --folds 5 --no-unknown --calibrate none \
                --output /dev/shm/effort.safetensors | sed -n 's/^Accuracy *//p'
        done
    done
done
