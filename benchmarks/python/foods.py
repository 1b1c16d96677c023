"""Training time and 5-fold accuracy on labelled photographs: headstart compared with timm's features and
scikit-learn's LogisticRegression, with the same weights (EfficientNet-Lite0, which timm calls tf_efficientnet_lite0).

    headstart export efficientnet-lite0 --format pytorch --names timm --output weights.safetensors
    python foods.py headstart FOLDER
    python foods.py timm FOLDER weights.safetensors

A file's label is the first letter of its name, if a number follows, otherwise its folder. Each run is a separate
process, so that imports and compilation count: the time is that of the whole process until the model is fitted,
without a cache.
"""

import resource
import sys
import time

START = time.perf_counter()

import re  # noqa: E402
from pathlib import Path  # noqa: E402


def pictures(folder: Path) -> tuple[list[str], list[str]]:
    """Paths in order, and their labels."""
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in (".jpg", ".jpeg", ".png"))
    labels = []
    for path in paths:
        code = re.match(r"([A-Z])[0-9]+", path.name)
        labels.append(code[1] if code else path.parent.name)
    return [str(path) for path in paths], labels


def timm_features(paths: list[str], weights: str):
    import numpy as np
    import timm
    import torch
    from PIL import Image
    from safetensors.torch import load_file

    model = timm.create_model("tf_efficientnet_lite0", num_classes=0)
    state = load_file(weights)
    missing, surplus = model.load_state_dict(state, strict=False)
    assert not missing and all(name.startswith("classifier") for name in surplus), (missing, surplus)
    model.eval()
    config = timm.data.resolve_data_config({}, model=model)
    config.update(crop_pct=1.0, crop_mode="squash")
    transform = timm.data.create_transform(**config)
    rows = []
    with torch.inference_mode():
        for begin in range(0, len(paths), 32):
            batch = [transform(Image.open(path).convert("RGB")) for path in paths[begin : begin + 32]]
            rows.append(model(torch.stack(batch)).numpy())
    return np.concatenate(rows)


def folds(features, labels, head) -> float:
    from sklearn.model_selection import StratifiedKFold, cross_val_score

    split = StratifiedKFold(5, shuffle=True, random_state=0)
    return float(cross_val_score(head, features, labels, cv=split).mean())


def main() -> None:
    which, folder, *weights = sys.argv[1:]
    paths, labels = pictures(Path(folder))
    if which == "headstart":
        import headstart

        fitted = headstart.Classifier("efficientnet-lite0", cache=None).fit(paths, labels)
        seconds = time.perf_counter() - START
        assert len(fitted.classes_) == len(set(labels))
    else:
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        features = timm_features(paths, weights[0])
        head = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
        head.fit(features, labels)
        seconds = time.perf_counter() - START
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{which}: {len(paths)} pictures fitted in {seconds:.2f} s, peak {peak:.0f} MiB", flush=True)
    if which == "headstart":
        from sklearn.model_selection import StratifiedKFold, cross_val_score

        split = StratifiedKFold(5, shuffle=True, random_state=0)
        # The features are the same in each fold: a cache avoids computing them five times.
        import tempfile

        with tempfile.TemporaryDirectory() as cache:
            classifier = headstart.Classifier("efficientnet-lite0", cache=cache, unknown_rate=0.0)
            accuracy = float(cross_val_score(classifier, paths, labels, cv=split).mean())
    else:
        accuracy = folds(features, labels, head)
    print(f"{which}: accuracy {accuracy:.4f} in 5 folds")


main()
