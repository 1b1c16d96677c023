"""The peers in Python. `peers.py PEER WORK`, with WORK the JSON of a `Work`, prints ms per picture.

One function per peer: it takes a `Work`, imports the peer, builds the network, and returns the
median milliseconds per picture, from pictures in memory to features in memory. Each follows its
authors' advice for inference, and is alone in its process: TensorFlow and PyTorch are never loaded
together.
"""

import dataclasses
import json
import statistics
import sys
import time

import numpy as np


@dataclasses.dataclass(frozen=True)
class Work:
    """The work to run. A peer that does not read `model` runs MobileNetV2 1.0."""

    model: str  # an ONNX file
    side: int
    batch: int
    threads: int
    precision: str
    seconds: float

    def pictures(self, batch=None):
        """Random pictures, channels first: `batch` pictures, or by default as many as the work's
        batch."""
        shape = (batch or self.batch, 3, self.side, self.side)
        return np.random.default_rng(0).random(shape, dtype=np.float32)


def median_ms(run, work):
    """The median milliseconds per picture of `run`, which processes a batch.

    Takes at least five runs, and at least the time in `work`, after three warm-up runs. Fails if
    the process used more processors than the work has threads.
    """
    for _ in range(3):
        run()
    times, start, busy = [], time.perf_counter(), time.process_time()
    while len(times) < 5 or time.perf_counter() - start < work.seconds:
        before = time.perf_counter()
        run()
        times.append(time.perf_counter() - before)
    used = (time.process_time() - busy) / (time.perf_counter() - start)
    if used > work.threads + 0.2:
        raise RuntimeError(f"{used:.1f} processors were busy for {work.threads} threads")
    return statistics.median(times) * 1e3 / work.batch


def openvino_compiled(work, batch, streams, hint):
    import openvino as ov

    core = ov.Core()
    if work.precision == "bf16" and "BF16" not in core.get_property(
        "CPU", "OPTIMIZATION_CAPABILITIES"
    ):
        raise RuntimeError("no bf16 on this processor")
    model = core.read_model(work.model)
    model.reshape([batch, 3, work.side, work.side])
    return core.compile_model(model, "CPU", {
        "INFERENCE_NUM_THREADS": work.threads, "INFERENCE_PRECISION_HINT": work.precision,
        "NUM_STREAMS": streams, "PERFORMANCE_HINT": hint,
    })


def openvino(work):
    """One batch at a time on all threads."""
    import openvino as ov

    request = openvino_compiled(work, work.batch, 1, "LATENCY").create_infer_request()
    pictures = work.pictures()
    request.set_input_tensor(ov.Tensor(pictures, shared_memory=True))
    return median_ms(lambda: request.infer(share_outputs=True), work)


def openvino_streams(work):
    """One picture at a time per thread, which is OpenVINO's fastest mode for many pictures."""
    import openvino as ov

    queue = ov.AsyncInferQueue(
        openvino_compiled(work, 1, work.threads, "THROUGHPUT"), work.threads
    )
    pictures = [work.pictures(1) for _ in queue]
    for request, picture in zip(queue, pictures):
        request.set_input_tensor(ov.Tensor(picture, shared_memory=True))

    def run():
        for _ in range(work.batch):
            queue.start_async()
        queue.wait_all()

    return median_ms(run, work)


def onnxruntime(work):
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = work.threads
    options.inter_op_num_threads = 1
    session = ort.InferenceSession(work.model, options, providers=["CPUExecutionProvider"])
    pictures = work.pictures()
    return median_ms(lambda: session.run(None, {"x": pictures}), work)


def tensorflow_function(work):
    """Keras's MobileNetV2 as a function for one shape, and its argument."""
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(work.threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    shape = (work.side, work.side, 3)
    model = tf.keras.applications.MobileNetV2(
        input_shape=shape, include_top=False, pooling="avg", weights=None
    )
    model.trainable = False
    signature = [tf.TensorSpec((work.batch, *shape), tf.float32)]
    function = tf.function(lambda x: model(x, training=False), input_signature=signature)
    return function, tf.constant(work.pictures().transpose(0, 2, 3, 1))


def tensorflow(work):
    function, pictures = tensorflow_function(work)
    return median_ms(lambda: function(pictures).numpy(), work)


def tensorflow_frozen(work):
    """With constant weights, so that TensorFlow folds BatchNorm."""
    from tensorflow.python.framework.convert_to_constants import (
        convert_variables_to_constants_v2 as freeze,
    )

    function, pictures = tensorflow_function(work)
    frozen = freeze(function.get_concrete_function())
    return median_ms(lambda: frozen(pictures)[0].numpy(), work)


def pytorch(work):
    import torch
    import torchvision

    torch.set_num_threads(work.threads)
    torch.set_num_interop_threads(1)
    model = torchvision.models.mobilenet_v2()
    model.classifier = torch.nn.Identity()
    model = model.eval().to(memory_format=torch.channels_last)
    pictures = torch.from_numpy(work.pictures()).to(memory_format=torch.channels_last)
    with torch.inference_mode():
        return median_ms(lambda: model(pictures), work)


if __name__ == "__main__":
    print(globals()[sys.argv[1]](Work(**json.loads(sys.argv[2]))))
