"""Outputs of torchvision's and timm's networks with weights from `seeded.py`, module by module at two sizes, and
gradients and losses of a few training steps: `fixtures/bases/NAME.safetensors`.

torch 2.x in f64. Maps are `[height, width, channels]`. `python tools/reference/torch_bases.py [NAME ...]`
"""

import json
import sys
from pathlib import Path

import numpy as np
import timm
import torch
import torchvision
from safetensors.numpy import save_file

from seeded import gain, picture, sampled, tensor, uniform

FIXTURES = Path(__file__).parents[2] / "fixtures" / "bases"
SIZES = [(64, 64), (75, 98)]
CLASSES = 5
# headstart's name, torchvision's name, and whether it is also trained.
TORCHVISION = {
    "resnet18": ("resnet18", True),
    "resnet34": ("resnet34", False),
    "resnet50": ("resnet50", False),
    "squeezenet1.1": ("squeezenet1_1", True),
    "mobilenetv3-small-torch": ("mobilenet_v3_small", True),
    "mobilenetv3-large-torch": ("mobilenet_v3_large", False),
    "efficientnet-b0-torch": ("efficientnet_b0", True),
    "efficientnet-b1-torch": ("efficientnet_b1", False),
    "efficientnet-b2-torch": ("efficientnet_b2", False),
    "efficientnet-b3-torch": ("efficientnet_b3", False),
    "efficientnetv2-s-torch": ("efficientnet_v2_s", False),
    "regnet-y-400mf": ("regnet_y_400mf", True),
    "convnext-tiny": ("convnext_tiny", True),
    "convnext-small": ("convnext_small", False),
}
# The fixture: headstart's base, and timm's name.
TIMM = {
    "convnext-tiny-timm": ("convnext-tiny", "convnext_tiny"),
    "convnext-small-timm": ("convnext-small", "convnext_small"),
    "resnet18-timm": ("resnet18", "resnet18"),
    "efficientnet-b0-timm": ("efficientnet-b0-torch", "efficientnet_b0"),
    "efficientnet-b0-tf": ("efficientnet-b0-tf", "tf_efficientnet_b0"),
    "efficientnet-b3-tf": ("efficientnet-b3-tf", "tf_efficientnet_b3"),
    "efficientnetv2-s-tf": ("efficientnetv2-s-tf", "tf_efficientnetv2_s"),
    "mobilenetv3-small-timm": ("mobilenetv3-small-timm", "mobilenetv3_small_100"),
    "mobilenetv3-large-timm": ("mobilenetv3-large-timm", "mobilenetv3_large_100"),
    "regnet-y-400mf-timm": ("regnet-y-400mf", "regnety_004"),
}
BLOCKS = {
    "BasicBlock", "Bottleneck", "InvertedResidual", "MBConv", "FusedMBConv", "Fire", "ResBottleneckBlock",
    "CNBlock", "ConvNeXtBlock", "DepthwiseSeparableConv", "EdgeResidual", "ConvBnAct",
}
LEAVES = (torch.nn.Conv2d, torch.nn.BatchNorm2d, torch.nn.LayerNorm, torch.nn.Linear, torch.nn.MaxPool2d)
MEAN = np.array([0.485, 0.456, 0.406], dtype=np.float64) * 255
STD = np.array([0.229, 0.224, 0.225], dtype=np.float64) * 255
CENTRED = (127.5, 127.5)


def seeded(model: torch.nn.Module, base: str) -> torch.nn.Module:
    state = {}
    for name, value in model.state_dict().items():
        shape = tuple(value.shape)
        fan_in = int(np.prod(shape[1:])) if len(shape) > 1 else 1
        state[name] = torch.from_numpy(np.array(tensor(name, shape, fan_in, gain(base)))).reshape(value.shape)
    model.load_state_dict(state)
    return model.double().eval()


def pixels(size: tuple[int, int], index: int, scaling=(MEAN, STD)) -> torch.Tensor:
    own = (picture(*size, index).astype(np.float64) - scaling[0]) / scaling[1]
    return torch.from_numpy(own.transpose(2, 0, 1)[None])


def channels_last(value: torch.Tensor) -> np.ndarray:
    return value.permute(0, 2, 3, 1).numpy()[0] if value.ndim == 4 else value.numpy()[0]


def features(model: torch.nn.Module, x: torch.Tensor) -> torch.Tensor:
    """The mean over positions of the last feature map before the classifier."""
    if hasattr(model, "forward_features"):
        last = model.forward_features(x)
    elif hasattr(model, "features"):
        last = model.features(x)
    elif hasattr(model, "trunk_output"):
        last = model.trunk_output(model.stem(x))
    else:
        last = model.maxpool(model.relu(model.bn1(model.conv1(x))))
        last = model.layer4(model.layer3(model.layer2(model.layer1(last))))
    return last.mean((2, 3))


def computed(model: torch.nn.Module, scaling=(MEAN, STD)) -> tuple[list[str], np.ndarray]:
    names, rows = [], []
    for size in SIZES:
        seen = {}

        def look(name, is_linear):
            def hook(_, __, output):
                # Linear layers and their norms already have channels last.
                last = output.ndim == 4 and not is_linear
                value = output.detach().clone()
                seen[name] = sampled(channels_last(value) if last else value.numpy()[0])
            return hook

        hooks = []
        for name, module in model.named_modules():
            if type(module).__name__ in BLOCKS or isinstance(module, LEAVES):
                is_channels_last = isinstance(module, (torch.nn.Linear, torch.nn.LayerNorm))
                is_channels_last &= type(module).__name__ != "LayerNorm2d"
                hooks.append(module.register_forward_hook(look(name, is_channels_last)))
        with torch.no_grad():
            own = features(model, pixels(size, 0, scaling))
        seen["features"] = sampled(own.numpy())
        for hook in hooks:
            hook.remove()
        names += [f"{size[0]}x{size[1]}/{name}" for name in seen]
        rows += list(seen.values())
    return names, np.stack(rows)


def trained(model: torch.nn.Module) -> dict[str, np.ndarray]:
    """Gradients of the first of a few SGD steps with BatchNormalization in inference mode, and the losses of all."""
    x = torch.cat([pixels(SIZES[0], index) for index in range(3)])
    dim = features(model, x).shape[1]
    head = torch.from_numpy((2 * uniform("head/kernel", dim * CLASSES) - 1).reshape(dim, CLASSES))
    labels = torch.tensor([index % CLASSES for index in range(3)])
    scale = 1.0 / features(model, x).abs().mean().item()
    names, rows, losses = [], [], []
    for step in range(4):
        model.zero_grad()
        logits = features(model, x) @ head * (scale / dim**0.5)
        loss = torch.nn.functional.cross_entropy(logits, labels)
        losses.append(loss.item())
        loss.backward()
        own = {n: p for n, p in model.named_parameters() if p.grad is not None}
        if step == 0:
            for name, parameter in own.items():
                names.append(name)
                rows.append(sampled(parameter.grad.numpy()))
            norm = sum((p.grad**2).sum().item() for p in own.values()) ** 0.5
            rate = 0.1 * losses[0] / norm**2
        with torch.no_grad():
            for parameter in own.values():
                parameter -= rate * parameter.grad
    return {
        "gradients": np.stack(rows),
        "losses": np.array(losses + [rate, scale], dtype=np.float64),
        "names": names,
    }


def save(name: str, tensors: dict[str, np.ndarray], metadata: dict[str, list[str]]) -> None:
    FIXTURES.mkdir(parents=True, exist_ok=True)
    about = {key: json.dumps(value) for key, value in metadata.items()}
    about["made by"] = f"tools/reference/torch_bases.py, torch {torch.__version__}, torchvision " + (
        f"{torchvision.__version__}, timm {timm.__version__}"
    )
    path = FIXTURES / f"{name}.safetensors"
    save_file(tensors, path, about)
    values = tensors["values"]
    print(name, path.stat().st_size, "rms", values[:, -1].min(), values[:, -1].max(), tensors.get("losses"))


def main(asked: list[str]) -> None:
    torch.manual_seed(0)
    for name, (function, trains) in TORCHVISION.items():
        if asked and name not in asked:
            continue
        model = seeded(getattr(torchvision.models, function)(weights=None), name)
        names, values = computed(model)
        tensors, metadata = {"values": values}, {"names": names}
        if trains:
            own = trained(model)
            metadata["parameters"] = own.pop("names")
            tensors |= own
        save(name, tensors, metadata)
    for name, (base, function) in TIMM.items():
        if asked and name not in asked:
            continue
        scaling = CENTRED if base == "efficientnetv2-s-tf" else (MEAN, STD)
        names, values = computed(seeded(timm.create_model(function, pretrained=False), base), scaling)
        save(name, {"values": values}, {"names": names})


main(sys.argv[1:])
