#!/usr/bin/env python3
"""Says what is on pictures by weights that `headstart export --format pytorch` has written.

    python classify.py model.pytorch.safetensors                  checks them by the proof beside the file
    python classify.py model.pytorch.safetensors photo.jpg ...    says what is on pictures

Takes PyTorch, torchvision or timm (whose names the weights have), NumPy and Pillow.
"""

import os

import torch
from torch import nn

RUNTIME = f"PyTorch {torch.__version__}"


def build(description):
    """The network, with the padding and epsilon that its weights were trained with."""
    classes, width = len(description["classes"]), description["width"]
    same = description["padding"] == "same"
    if description["names"] == "timm":
        import timm

        if description["architecture"].startswith("mobilenetv2"):
            name = f"mobilenetv2_{round(100 * width):03}"
        else:
            name = description["architecture"].removesuffix("-torch").replace("-", "_")
        padding = {"pad_type": "same"} if same else {}
        return timm.create_model(name, num_classes=classes, bn_eps=description["epsilon"], **padding)
    import torchvision

    network = torchvision.models.mobilenet_v2(num_classes=classes, width_mult=width)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eps = description["epsilon"]
        if isinstance(module, nn.Conv2d) and same and module.padding != (0, 0):
            module.padding = (0, 0)
            module.register_forward_pre_hook(padded_same)
    return network


def padded_same(conv, inputs):
    """Pads a convolution's input as TensorFlow and Keras do: an odd zero is added at the end."""
    (x,) = inputs
    zeros = []
    for axis in (-1, -2):
        size, kernel, stride = x.shape[axis], conv.kernel_size[axis], conv.stride[axis]
        total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
        zeros += [total // 2, total - total // 2]
    return nn.functional.pad(x, zeros)


def tensors(path):
    """The metadata and the tensors of a file; all tensors must be f32."""
    with open(path, "rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        data = torch.frombuffer(bytearray(file.read()), dtype=torch.float32)
    metadata = header.pop("__metadata__")
    part = lambda entry: data[entry["data_offsets"][0] // 4 : entry["data_offsets"][1] // 4].reshape(entry["shape"])
    return metadata, {name: part(entry) for name, entry in header.items()}


def load(path):
    """The model's proof, and a function from pixels, u8 RGB [n, height, width, 3], to answers."""
    metadata, weights = tensors(path)
    description = json.loads(metadata["headstart.exported"])
    network = build(description)
    network.load_state_dict(weights, strict=True)
    network.eval()
    scaling = description["preprocessing"]["scaling"]
    scale, offset = (torch.tensor(scaling[key]) for key in ("scale", "offset"))
    temperature = torch.tensor(description["temperature"] or [1.0])

    @torch.inference_mode()
    def run(pixels):
        x = torch.from_numpy(np.array(pixels)).float() * scale + offset
        logits = network(x.permute(0, 3, 1, 2)) / temperature
        one = description["task"] == "single_label"
        return (logits.softmax(1) if one else logits.sigmoid()).numpy()

    return os.path.splitext(path)[0] + ".proof.npz", run
