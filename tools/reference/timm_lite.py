"""Features of timm's tf_efficientnet_lite0 with the bundled EfficientNet-Lite0 weights.

Makes fixtures/timm_lite/expected.safetensors: features [2, 1280] f32 of the two 224 x 224 pictures of
fixtures/pytorch_efficientnet_lite0, with timm's own mean and std of 0.5.

  python tools/reference/timm_lite.py
  (timm 1.0.31, torch 2.15.0, safetensors, numpy 2.4.6)
"""

import string

import numpy as np
import timm
import torch
from safetensors.numpy import load_file

import common

BN = {"gamma": "weight", "beta": "bias", "moving_mean": "running_mean", "moving_variance": "running_var"}


def module(layer):
    """timm's name of our layer."""
    if not layer.startswith("block"):
        return {"stem_conv": "conv_stem", "stem_bn": "bn1", "top_conv": "conv_head", "top_bn": "bn2"}[layer]
    block, part = layer[5:].split("_", 1)
    stage, repeat = int(block[:-1]) - 1, string.ascii_lowercase.index(block[-1])
    parts = {"expand_conv": "conv_pw", "expand_bn": "bn1", "dwconv": "conv_dw", "bn": "bn2", "project_conv": "conv_pwl", "project_bn": "bn3"}
    if stage == 0:
        parts = {"dwconv": "conv_dw", "bn": "bn1", "project_conv": "conv_pw", "project_bn": "bn2"}
    return f"blocks.{stage}.{repeat}.{parts[part]}"


def main():
    folder, _ = common.arguments(__doc__, "timm_lite")
    root = common.FIXTURES.parent
    state = {}
    for name, values in load_file(root / "crates" / "bundled" / "assets" / "efficientnet_lite0.safetensors").items():
        layer, weight = name.rsplit("/", 1)
        if layer == "predictions":
            continue
        if weight == "kernel":
            order = (2, 3, 0, 1) if layer.endswith("dwconv") else (3, 2, 0, 1)
            values, weight = values.transpose(order), "weight"
        else:
            weight = BN[weight]
        state[f"{module(layer)}.{weight}"] = torch.from_numpy(np.ascontiguousarray(values, np.float32))
    model = timm.create_model("tf_efficientnet_lite0", pretrained=False).eval()
    left = model.load_state_dict(state, strict=False)
    assert not left.unexpected_keys, left.unexpected_keys
    assert all(k.startswith("classifier.") or k.endswith("num_batches_tracked") for k in left.missing_keys)
    config = model.pretrained_cfg
    assert config["mean"] == config["std"] == (0.5, 0.5, 0.5)
    stored = load_file(common.FIXTURES / "pytorch_efficientnet_lite0" / "expected.safetensors")
    pictures = np.stack([stored[f"224x224/{i}/picture"] for i in (0, 1)])
    x = torch.from_numpy(((pictures.astype(np.float32) / 255 - 0.5) / 0.5).transpose(0, 3, 1, 2).copy())
    with torch.no_grad():
        features = model.forward_head(model.forward_features(x), pre_logits=True).numpy()
    common.write_tensors(folder / "expected.safetensors", {"features": features}, common.versions("timm", "torch", "numpy"))
    print(features.shape, features.std())


main()
