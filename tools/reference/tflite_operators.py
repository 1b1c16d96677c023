"""TensorFlow Lite's results for every operator that exports use, for crates/export.

    python tools/reference/tflite_operators.py       (tensorflow 2.21.0)

Writes fixtures/export/operators.tflite, made by TensorFlow's converter, and operators_tflite.safetensors with the
values of all its tensors.
"""

import os
from pathlib import Path

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import numpy as np
import tensorflow as tf
from safetensors.numpy import save_file

OUT = Path(__file__).resolve().parents[2] / "fixtures" / "export"
random = np.random.default_rng(18)


def numbers(*shape):
    return tf.constant(random.normal(size=shape).astype(np.float32))


@tf.function(input_signature=[tf.TensorSpec([2, 11, 12, 3], tf.uint8)])
def operators(pixels):
    x = tf.cast(pixels, tf.float32)
    x = x * tf.constant([0.01, 0.02, 0.015]) + tf.constant([-1.0, -2.0, -1.5])
    x = tf.nn.relu6(tf.nn.bias_add(tf.nn.conv2d(x, numbers(3, 3, 3, 4), 2, "SAME"), numbers(4)))
    x = tf.nn.bias_add(tf.nn.conv2d(tf.pad(x, [[0, 0], [1, 1], [1, 0], [0, 0]]), numbers(2, 2, 4, 6), 1, "VALID"), numbers(6))
    x = x + tf.nn.relu(tf.nn.bias_add(tf.nn.depthwise_conv2d(x, numbers(5, 5, 6, 1), [1, 1, 1, 1], "SAME"), numbers(6)))
    x = tf.nn.relu(x + tf.nn.bias_add(tf.nn.conv2d(x, numbers(1, 1, 6, 6), 1, "SAME"), numbers(6)))
    x = tf.reduce_mean(x, [1, 2])
    x = tf.matmul(x, numbers(6, 5)) / 100.0 + numbers(5)
    outputs = [
        tf.nn.relu(tf.tanh(x)), tf.nn.relu6(tf.exp(x)), x / (tf.abs(x) + 1.0), tf.nn.leaky_relu(x, 0.3), tf.nn.elu(x), tf.sigmoid(x), tf.tanh(x),
        tf.math.log(tf.exp(-tf.abs(x)) + 1.0), tf.minimum(x, 0.5), tf.maximum(x, -0.5),
    ]
    return outputs + [tf.nn.softmax(x / tf.constant([1.7, 0.6, 1.0, 2.0, 3.0]))]


def main():
    OUT.mkdir(exist_ok=True)
    module = tf.Module()
    converter = tf.lite.TFLiteConverter.from_concrete_functions([operators.get_concrete_function()], module)
    file = converter.convert()
    (OUT / "operators.tflite").write_bytes(file)
    # Run the operators of the file individually, without delegates that fuse several.
    interpreter = tf.lite.Interpreter(
        model_content=file, experimental_preserve_all_tensors=True,
        experimental_op_resolver_type=tf.lite.experimental.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES)
    interpreter.allocate_tensors()
    (pixels,) = interpreter.get_input_details()
    picture = random.integers(0, 256, pixels["shape"], dtype=np.uint8)
    interpreter.set_tensor(pixels["index"], picture)
    interpreter.invoke()
    values = {}
    for operator in interpreter._get_ops_details():
        for index in operator["outputs"]:
            values[str(index)] = np.ascontiguousarray(interpreter.get_tensor(index))
        print(operator["op_name"], [list(values[str(i)].shape) for i in operator["outputs"]])
    save_file({"pixels": picture, **values}, OUT / "operators_tflite.safetensors")


main()
