"""Writes the peer's network as ONNX: `network.py FILE CLASSES`.

torchvision's MobileNetV2 1.0 with a linear classifier and random weights, which do not affect speed; the input is
called `x` and has the shape (1, 3, 160, 160).
"""

import sys

import torch
import torchvision

model = torchvision.models.mobilenet_v2(num_classes=int(sys.argv[2])).eval()
torch.onnx.export(
    model, torch.zeros(1, 3, 160, 160), sys.argv[1], input_names=["x"], output_names=["y"], dynamo=False
)
