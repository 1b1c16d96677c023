"""ONNX Runtime's results for every operator that ONNX exports use, for crates/export.

    python tools/reference/onnx_operators.py

Writes fixtures/export/operators.onnx, a model made and checked by the `onnx` package, and operators.safetensors with
the values of all its nodes. Versions are in the model's metadata.
"""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import save_file

OUT = Path(__file__).resolve().parents[2] / "fixtures" / "export"
random = np.random.default_rng(17)


def numbers(*shape):
    return random.normal(size=shape).astype(np.float32)


def main():
    OUT.mkdir(exist_ok=True)
    nodes, constants = [], []

    def constant(name, value):
        constants.append(numpy_helper.from_array(value, name))
        return name

    def node(op, name, *inputs, **attributes):
        nodes.append(helper.make_node(op, list(inputs), [name], name=name, **attributes))
        return name

    x = node("Cast", "cast", "pixels", to=TensorProto.FLOAT)
    x = node("Mul", "mul", x, constant("scale", np.array([0.01, 0.02, 0.015], np.float32)))
    x = node("Add", "add", x, constant("offset", np.array([-1, -2, -1.5], np.float32)))
    x = node("Transpose", "transpose", x, perm=[0, 3, 1, 2])
    x = node("Conv", "strided", x, constant("strided/k", numbers(4, 3, 3, 3)), constant("strided/b", numbers(4)),
             dilations=[1, 1], group=1, kernel_shape=[3, 3], pads=[0, 0, 1, 1], strides=[2, 2])
    six, zero = constant("six", np.float32(6)), constant("zero", np.float32(0))
    x = node("Clip", "clip", x, zero, six)
    x = node("Conv", "depthwise", x, constant("depthwise/k", numbers(4, 1, 5, 5)), constant("depthwise/b", numbers(4)),
             dilations=[1, 1], group=4, kernel_shape=[5, 5], pads=[2, 1, 2, 3], strides=[1, 1])
    x = node("Relu", "relu", x)
    x = node("Pad", "pad", x, constant("pads", np.array([0, 0, 1, 0, 0, 0, 2, 1], np.int64)))
    y = node("MaxPool", "max", x, kernel_shape=[3, 3], pads=[1, 0, 1, 1], strides=[2, 2])
    y = node("Concat", "concat", y, y, axis=1)
    y = node("Conv", "grouped", y, constant("grouped/k", numbers(6, 4, 1, 1)), constant("grouped/b", numbers(6)),
             dilations=[1, 1], group=2, kernel_shape=[1, 1], pads=[0, 0, 0, 0], strides=[1, 1])
    z = node("ReduceMean", "reduce_mean", y, axes=[1], keepdims=1)
    z = node("Sub", "sub", y, z)
    z = node("Mul", "square", z, z)
    node("Sqrt", "sqrt", z)
    node("Erf", "erf", y)
    z = node("GlobalAveragePool", "map_mean", y)
    z = node("HardSigmoid", "hard_sigmoid", z, alpha=float(np.float32(1 / 6)), beta=0.5)
    node("Mul", "gate", y, z)
    x = node("GlobalAveragePool", "mean", x)
    x = node("Flatten", "flatten", x, axis=1)
    x = node("Gemm", "gemm", x, constant("gemm/k", numbers(4, 5) * 2), constant("gemm/b", numbers(5)))
    node("Clip", "clip_above", x, "", six)
    node("LeakyRelu", "leaky_relu", x, alpha=0.3)
    node("Elu", "elu", x, alpha=1.5)
    for op in ["Selu", "Sigmoid", "Tanh", "Softplus", "Softsign"]:
        node(op, op.lower(), x)
    x = node("Div", "div", x, constant("temperature", np.array([1.7], np.float32)))
    node("Softmax", "softmax", x, axis=1)

    pixels = helper.make_tensor_value_info("pixels", TensorProto.UINT8, ["batch", 10, 12, 3])
    outputs = [helper.make_empty_tensor_value_info(node.output[0]) for node in nodes]
    graph = helper.make_graph(nodes, "operators", [pixels], outputs, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=7)
    model = onnx.shape_inference.infer_shapes(model, strict_mode=True)
    helper.set_model_props(model, {"onnx": onnx.__version__, "onnxruntime": onnxruntime.__version__})
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, OUT / "operators.onnx")

    picture = random.integers(0, 256, (2, 10, 12, 3), dtype=np.uint8)
    session = onnxruntime.InferenceSession(str(OUT / "operators.onnx"), providers=["CPUExecutionProvider"])
    names = [node.output[0] for node in nodes]
    values = dict(zip(names, session.run(names, {"pixels": picture})))
    save_file({"pixels": picture, **{name: np.ascontiguousarray(value) for name, value in values.items()}},
              OUT / "operators.safetensors")


main()
