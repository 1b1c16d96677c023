"""What is measured: networks, the cases of each, and the tables that they make up."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Network:
    """A base without its top, from a square picture to pooled features."""

    base: str  # headstart's name of it
    title: str
    side: int  # of the picture, in pixels
    width: float = 1.0  # multiplier of the channel counts

    @property
    def file(self):
        """The name of its ONNX file."""
        return f"{self.base}-{self.width}-{self.side}.onnx"


@dataclasses.dataclass(frozen=True)
class Case:
    """A network, run in one way."""

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
    """Rows are names in runners.PEERS. What stands side by side there is measured so."""

    title: str
    columns: dict[str, Case]
    rows: list[str]

    def cells(self):
        """Every (case, row) that there is to measure. Streams are for many pictures."""
        for case in self.columns.values():
            for row in self.rows:
                if row != STREAMS or case.batch > 1:
                    yield case, row


STREAMS = "OpenVINO by streams"

MOBILENETV2 = Network("mobilenetv2", "MobileNetV2 1.0 at 160", 160)
OTHERS = [
    Network("efficientnet-lite0", "EfficientNet-Lite0 at 224", 224),
    Network("mobilenetv2", "MobileNetV2 0.35 at 96", 96, 0.35),
    Network("mobilenetv2", "MobileNetV2 1.4 at 224", 224, 1.4),
]
WAYS = [(1, 1), (32, 1), (1, 2), (32, 2)]  # batch, threads


def ways(precision):
    cases = [Case(MOBILENETV2, batch, threads, precision) for batch, threads in WAYS]
    return {case.way: case for case in cases}


TABLES = [
    Table(f"{MOBILENETV2.title}, f32", ways("f32"), [
        "headstart", "OpenVINO", STREAMS, "ONNX Runtime", "TensorFlow",
        "TensorFlow frozen", "PyTorch", "rten", "tract",
    ]),
    Table(f"{MOBILENETV2.title}, bf16", ways("bf16"), [
        "headstart", "OpenVINO", STREAMS,
    ]),
    Table(f"{MOBILENETV2.title}, f32, with lesser instruction sets", {
        Case(MOBILENETV2).way: Case(MOBILENETV2),
    }, ["headstart on avx2", "headstart on portable"]),
    Table(f"Other bases, f32, {Case(MOBILENETV2).way}", {
        network.title: Case(network) for network in OTHERS
    }, ["headstart", "OpenVINO"]),
]
