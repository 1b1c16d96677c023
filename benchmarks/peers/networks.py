"""Writes the networks of a suite as ONNX files into a folder: `networks.py SUITE FOLDER`.

These are torchvision's and timm's networks with random weights, which do not affect speed. The
batch size is free; the input is called `x` and has the shape (batch, 3, side, side). Windows are
padded equally on all sides, which needs no separate operation.
"""

import pathlib
import sys

import timm
import torch
import torchvision

from cases import SUITES


def build(network):
    """The PyTorch module of a network, for inference, with its features as the output."""
    package, name = network.peer.split(":")
    if package == "timm":
        return timm.create_model(name, pretrained=False, num_classes=0).eval()
    width = {} if network.width == 1.0 else {"width_mult": network.width}
    model = torchvision.models.get_model(name, weights=None, **width)
    if name.startswith("squeezenet"):
        model.classifier = torch.nn.AdaptiveAvgPool2d(1)
    elif name.startswith("convnext"):
        model.classifier[2] = torch.nn.Identity()
    elif hasattr(model, "classifier"):
        model.classifier = torch.nn.Identity()
    else:
        model.fc = torch.nn.Identity()
    return model.eval()


def export(network, folder):
    torch.onnx.export(
        build(network), torch.zeros(1, 3, network.side, network.side), folder / network.file,
        input_names=["x"], output_names=["y"],
        dynamic_axes={"x": {0: "n"}, "y": {0: "n"}}, dynamo=False,
    )


def networks(suite):
    """The distinct networks of a suite."""
    return {case.network for table in SUITES[suite] for case in table.columns.values()}


if __name__ == "__main__":
    for each in networks(sys.argv[1]):
        export(each, pathlib.Path(sys.argv[2]))
