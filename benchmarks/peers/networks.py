"""Writes the networks as ONNX files into a folder: `networks.py FOLDER`.

They are torchvision's and timm's with random weights, on which speed does not depend. The batch is
left open; the input is called `x` and has the shape (batch, 3, side, side). Windows are padded
evenly on all sides, which needs no operation of its own.
"""

import pathlib
import sys

import timm
import torch
import torchvision

from cases import MOBILENETV2, OTHERS


def build(network):
    """The PyTorch module of a network, for inference."""
    if network.base == "mobilenetv2":
        model = torchvision.models.mobilenet_v2(width_mult=network.width)
        model.classifier = torch.nn.Identity()
    else:
        name = network.base.replace("-", "_")
        model = timm.create_model(name, pretrained=False, num_classes=0)
    return model.eval()


def export(network, folder):
    torch.onnx.export(
        build(network), torch.zeros(1, 3, network.side, network.side), folder / network.file,
        input_names=["x"], output_names=["y"],
        dynamic_axes={"x": {0: "n"}, "y": {0: "n"}}, dynamo=False,
    )


if __name__ == "__main__":
    for each in [MOBILENETV2, *OTHERS]:
        export(each, pathlib.Path(sys.argv[1]))
