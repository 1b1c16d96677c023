"""The measurements: networks, their cases, and the tables of cases.

A suite is a list of tables that are measured in one run.
"""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Network:
    """A base without its top, from a square picture to pooled features."""

    base: str  # headstart's name
    title: str
    side: int  # of the picture, in pixels
    width: float = 1.0  # multiplier of the channel counts
    peer: str = "torchvision:mobilenet_v2"  # the same network in PyTorch: package and name

    @property
    def file(self):
        """The name of its ONNX file."""
        return f"{self.base}-{self.width}-{self.side}.onnx"


@dataclasses.dataclass(frozen=True)
class Case:
    """A network with the settings of a run."""

    network: Network
    batch: int = 1
    threads: int = 1
    precision: str = "f32"

    @property
    def way(self):
        return f"batch {self.batch}, {self.threads} thread{'s' * (self.threads > 1)}"

    def __str__(self):
        return f"{self.network.title}, {self.precision}, {self.way}"


@dataclasses.dataclass(frozen=True)
class Table:
    """Rows are names in runners.PEERS; with `by_case`, these are the columns and cases are the rows."""

    title: str
    columns: dict[str, Case]
    rows: list[str]
    by_case: bool = False

    def cells(self):
        """Every (case, row) to measure. Streams apply only to batches of several pictures."""
        for case in self.columns.values():
            for row in self.rows:
                if row != STREAMS or case.batch > 1:
                    yield case, row


STREAMS = "OpenVINO by streams"

MOBILENETV2 = Network("mobilenetv2", "MobileNetV2 1.0 at 160", 160)
OTHERS = [
    Network("efficientnet-lite0", "EfficientNet-Lite0 at 224", 224, peer="timm:efficientnet_lite0"),
    Network("mobilenetv2", "MobileNetV2 0.35 at 96", 96, 0.35),
    Network("mobilenetv2", "MobileNetV2 1.4 at 224", 224, 1.4),
]
BASES = [
    Network(base, title, side, peer=f"torchvision:{peer}")
    for base, title, side, peer in [
        ("squeezenet1.1", "SqueezeNet 1.1", 224, "squeezenet1_1"),
        ("mobilenetv3-small-torch", "MobileNetV3 small", 224, "mobilenet_v3_small"),
        ("mobilenetv3-large-torch", "MobileNetV3 large", 224, "mobilenet_v3_large"),
        ("regnet-y-400mf", "RegNetY-400MF", 224, "regnet_y_400mf"),
        ("efficientnet-b0-torch", "EfficientNet-B0", 224, "efficientnet_b0"),
        ("efficientnet-b1-torch", "EfficientNet-B1", 240, "efficientnet_b1"),
        ("efficientnet-b2-torch", "EfficientNet-B2", 260, "efficientnet_b2"),
        ("efficientnet-b3-torch", "EfficientNet-B3", 300, "efficientnet_b3"),
        ("efficientnetv2-s-torch", "EfficientNetV2-S", 300, "efficientnet_v2_s"),
        ("resnet18", "ResNet-18", 224, "resnet18"),
        ("resnet34", "ResNet-34", 224, "resnet34"),
        ("resnet50", "ResNet-50", 224, "resnet50"),
        ("convnext-tiny", "ConvNeXt-Tiny", 224, "convnext_tiny"),
        ("convnext-small", "ConvNeXt-Small", 224, "convnext_small"),
    ]
]
WAYS = [(1, 1), (32, 1), (1, 2), (32, 2)]  # batch, threads


def ways(precision):
    cases = [Case(MOBILENETV2, batch, threads, precision) for batch, threads in WAYS]
    return {case.way: case for case in cases}


def bases(batch, threads):
    cases = [Case(network, batch, threads) for network in BASES]
    return Table(
        cases[0].way, {case.network.title: case for case in cases},
        ["headstart", "OpenVINO", "ONNX Runtime"], by_case=True,
    )


SUITES = {
    "mobilenetv2": [
        Table(f"{MOBILENETV2.title}, f32", ways("f32"), [
            "headstart", "OpenVINO", STREAMS, "ONNX Runtime", "TensorFlow",
            "TensorFlow frozen", "PyTorch", "rten", "tract",
        ]),
        Table(f"{MOBILENETV2.title}, bf16", ways("bf16"), [
            "headstart", "OpenVINO", STREAMS,
        ]),
        Table(f"{MOBILENETV2.title}, f32, with lesser instruction sets", ways("f32"), [
            "headstart on avx2", "OpenVINO on avx2", "headstart on portable",
        ]),
        Table(f"Other bases, f32, {Case(MOBILENETV2).way}", {
            network.title: Case(network) for network in OTHERS
        }, ["headstart", "OpenVINO"]),
    ],
    "bases": [bases(batch, threads) for batch, threads in WAYS],
}
