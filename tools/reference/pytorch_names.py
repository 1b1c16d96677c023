"""State dicts of the PyTorch ports: keys and shapes of many, and the values of one.

Makes in fixtures/:
  pytorch_names.json                           state-dict key -> shape, of torchvision, timm and lukemelas-style models
  pytorch_mobilenetv2/torchvision_0.35.pth     torchvision mobilenet_v2(width_mult=0.35, num_classes=5), torch.save (zip)
  pytorch_mobilenetv2/torchvision_0.35_f16_legacy.pth   the same in f16, in the older, non-zip format
  pytorch_mobilenetv2/expected.safetensors     pictures, samples of every leaf module, features, logits
  pytorch_mobilenetv2/expected.json            statistics

The weights are seeded: small integers times powers of two, with BatchNorm values exact in f16, so both .pth files
contain the same numbers.

  python tools/reference/pytorch_names.py --lite-package DIR
  (torch 2.15.0, torchvision 0.29.2, timm 1.0.31, numpy 2.4.6)
DIR is the folder with the unpacked `efficientnet_lite_pytorch` package (PyPI, 0.1.0, Apache-2.0).
"""

import sys
from pathlib import Path

import numpy as np
import torch

import common

SIZE, CLASSES, CENTRED = 96, 5, 0.25
MEAN = np.array([0.485, 0.456, 0.406], np.float32)
STD = np.array([0.229, 0.224, 0.225], np.float32)


def names(lite_package):
    sys.path.insert(0, str(lite_package))
    import efficientnet_lite_pytorch
    import timm
    import torchvision

    def described(model):
        return {
            "parameters": sum(p.numel() for p in model.parameters()),
            "keys": {key: list(value.shape) for key, value in model.state_dict().items()},
        }

    models = {}
    for width in (0.35, 1.0, 1.4):
        models[f"torchvision/mobilenet_v2_{width}"] = described(torchvision.models.mobilenet_v2(width_mult=width))
    timm_names = ["mobilenetv2_050", "mobilenetv2_100", "mobilenetv2_140", "efficientnet_lite0"]
    for name in timm_names + [f"tf_efficientnet_lite{i}" for i in range(5)]:
        models[f"timm/{name}"] = described(timm.create_model(name, pretrained=False))
        models[f"timm/{name}"]["data"] = {
            k: v
            for k, v in timm.data.resolve_data_config({}, model=timm.create_model(name, pretrained=False)).items()
        }
    for name in ["efficientnet_b1", "mobilenetv3_large_100", "regnety_004", "convnext_tiny"]:
        models[f"timm/{name}"] = described(timm.create_model(name, pretrained=False))
    models["meta/convnext_tiny"] = as_its_authors("convnext_tiny")
    for i in range(5):
        models[f"lukemelas/efficientnet-lite{i}"] = described(
            efficientnet_lite_pytorch.EfficientNet.from_name(f"efficientnet-lite{i}")
        )
    return models


def as_its_authors(name):
    """A ConvNeXt under its authors' names: timm's own loader converts them to timm's."""
    import timm
    from timm.models.convnext import checkpoint_filter_fn

    def renamed(key):
        parts = key.split(".")
        if parts[0] == "stem":
            return ".".join(["downsample_layers", "0", *parts[1:]])
        if parts[0] == "head":
            return ".".join([{"norm": "norm", "fc": "head"}[parts[1]], *parts[2:]])
        if parts[2] == "downsample":
            return ".".join(["downsample_layers", parts[1], *parts[3:]])
        rest = ".".join(parts[4:]).replace("conv_dw", "dwconv").replace("mlp.fc", "pwconv")
        return f"stages.{parts[1]}.{parts[3]}.{rest}"

    model = timm.create_model(name, pretrained=False)
    state = model.state_dict()
    own = {renamed(key): value for key, value in state.items()}
    back = checkpoint_filter_fn({"model": dict(own)}, model)
    assert back.keys() == state.keys() and all((back[key] == state[key]).all() for key in state)
    return {
        "parameters": sum(p.numel() for p in model.parameters()),
        "keys": {key: list(value.shape) for key, value in own.items()},
    }


def scaled(pictures):
    x = (np.asarray(pictures, np.float32) / 255.0 - MEAN) / STD
    return torch.from_numpy(x.transpose(0, 3, 1, 2).copy())


def leaves(model):
    return [(name, module) for name, module in model.named_modules() if not list(module.children())]


@torch.no_grad()
def make_weights(model, pictures):
    """Seeded weights, set module by module while the pictures pass through, as in keras_mobilenetv2.py."""
    rng = np.random.default_rng(350097)

    def before(module, inputs):
        given = inputs[0]
        if isinstance(module, (torch.nn.Conv2d, torch.nn.Linear)):
            integers = torch.from_numpy(
                np.clip(np.round(rng.normal(size=tuple(module.weight.shape)) * 2), -7, 7).astype(np.float32)
            )
            module.weight.copy_(integers * 2.0**-6)
            if module.bias is not None:
                module.bias.copy_(torch.from_numpy((rng.integers(-8, 9, module.bias.shape[0]) / 16).astype(np.float32)))
            spread = float(module._conv_forward(given, module.weight, None).std()) if given.ndim == 4 else 2.0
            module.weight.copy_(integers * 2.0 ** (-6 - round(np.log2(spread / 2))))
        elif isinstance(module, torch.nn.BatchNorm2d):
            n = module.num_features
            grid = lambda low, high: rng.integers(round(low * 32), round(high * 32) + 1, n) / 32
            wide = given.double().permute(0, 2, 3, 1).reshape(-1, n).numpy()
            mean = np.round(wide.mean(0) * CENTRED * 32) / 32 + grid(-0.3, 0.3)
            variance = np.maximum(np.round(((wide - mean) ** 2).mean() * grid(0.5, 2.0) * 32), 1) / 32
            gamma = grid(0.5, 1.5) * np.where(rng.integers(0, 8, n) == 0, -1.0, 1.0)
            for to, value in (
                (module.weight, gamma),
                (module.bias, grid(-0.3, 0.3)),
                (module.running_mean, mean),
                (module.running_var, variance),
            ):
                to.copy_(torch.from_numpy(value.astype(np.float16).astype(np.float32)))
            module.num_batches_tracked.fill_(1234)

    hooks = [module.register_forward_pre_hook(before) for _, module in leaves(model)]
    model(scaled(pictures))
    for hook in hooks:
        hook.remove()


@torch.no_grad()
def record(model, x, key, tensors, statistics, modules):
    """Runs `x` [1, 3, h, w]; records samples of the outputs of `modules`, [(name, module)], in NHWC order."""
    statistics[key] = {}

    def after(name):
        def hook(module, inputs, output):
            array = output.detach()
            array = array.permute(0, 2, 3, 1) if array.ndim == 4 else array
            # A module that runs more than once in a pass (a shared activation) gets #2, #3, ...
            full, count = name, 1
            while full in statistics[key]:
                count += 1
                full = f"{name}#{count}"
            samples, numbers = common.sampled(array[0].numpy())
            tensors[f"{key}/{full}"] = samples
            statistics[key][full] = {"type": type(module).__name__, **numbers}

        return hook

    hooks = [module.register_forward_hook(after(name)) for name, module in modules]
    logits = model(x)
    for hook in hooks:
        hook.remove()
    return logits[0].numpy()


def numerics(folder):
    import torchvision

    folder.mkdir(exist_ok=True)
    model = torchvision.models.mobilenet_v2(width_mult=0.35, num_classes=CLASSES).eval()
    make_weights(model, np.stack([common.picture(SIZE, SIZE, seed) for seed in (0, 1)]))
    state = model.state_dict()
    for key, value in state.items():
        assert (value == value.half().float()).all(), key
    torch.save(state, folder / "torchvision_0.35.pth")
    torch.save(
        {k: v.half() if v.is_floating_point() else v for k, v in state.items()},
        folder / "torchvision_0.35_f16_legacy.pth",
        _use_new_zipfile_serialization=False,
    )
    modules = [(name, module) for name, module in leaves(model) if not isinstance(module, torch.nn.Dropout)]
    tensors, statistics, errors = {}, {}, {}
    for height, width, seeds in ((SIZE, SIZE, (0, 1)), (97, 131, (2,))):
        for i, seed in enumerate(seeds):
            key = f"{height}x{width}/{i}"
            pixels = common.picture(height, width, seed)
            x = scaled(pixels[None])
            tensors[f"{key}/picture"] = pixels
            tensors[f"{key}/logits"] = record(model, x, key, tensors, statistics, modules)
            with torch.no_grad():
                features = model.features(x).mean((2, 3))
                tensors[f"{key}/features"] = features[0].numpy()
                exact = model.double().features(x.double()).mean((2, 3))
                errors[key] = float((exact - features).abs().max() / exact.abs().max())
                model.float()
    common.write_tensors(folder / "expected.safetensors", tensors)
    common.write_json(
        folder / "expected.json",
        {
            "script": "tools/reference/pytorch_names.py",
            "versions": common.versions("torch", "torchvision", "numpy"),
            "preprocessing": "(x / 255 - mean) / std, mean [0.485, 0.456, 0.406], std [0.229, 0.224, 0.225], RGB",
            "batch_norm": {"eps": model.features[0][1].eps, "momentum": model.features[0][1].momentum},
            "padding": "symmetric, (kernel - 1) / 2 on each side",
            "samples": "expected.safetensors: <size>/<picture>/<module> holds flat NHWC indices floor(i*n/256), "
            "i < 256, of the module's output (batch axis gone), all n where n <= 256; "
            "<size>/<picture>/features [1280], /logits [5], /picture u8 [height, width, 3]",
            "features_f32_error": errors,
            "modules": statistics,
        },
    )
    print(errors, {k: v for k, v in tensors.items() if k.endswith("logits")})


def main():
    def extra(parser):
        parser.add_argument("--lite-package", type=Path, required=True)

    folder, parsed = common.arguments(__doc__, "", extra)
    torch.manual_seed(0)
    common.write_json(
        folder / "pytorch_names.json",
        {
            "script": "tools/reference/pytorch_names.py",
            "versions": common.versions("torch", "torchvision", "timm"),
            "models": names(parsed.lite_package),
        },
    )
    numerics(folder / "pytorch_mobilenetv2")


if __name__ == "__main__":
    main()
